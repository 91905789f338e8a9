"""What an operator, a client's developer and a browser ask of the service itself.

Below health and the document stand the small routes, by which a developer or an integration suite
checks its own HTTP: CORS, tokens, 429 and Retry-After, redirects, streams, bodies of every kind.
"""

import time
from importlib.resources import files

from flask import Response, render_template, send_from_directory
from flask_smorest import current_api

from .. import clock
from ..errors import NotFound
from ..http.blueprint import Blueprint
from ..http.openapi import VERSION
from ..http.responses import json_response
from .actions import check_readiness
from .schemas import HealthSchema, ReadinessSchema

bp = Blueprint(
    "system", __name__, url_prefix="/api", template_folder="templates", description=__doc__
)

pages = Blueprint("pages", __name__, description="For people, outside /api")

STARTED = time.monotonic()
DOCS_FOLDER = str(files("flask_swagger_ui") / "dist")
DOCS_ASSETS = {"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"}


@bp.get("/health")
@bp.rate_limit_exempt
@bp.public
@bp.response(200, HealthSchema)
def show_health():
    """Whether the process is alive; asks no database"""
    return {
        "status": "healthy",
        "timestamp": clock.now(),
        "version": VERSION,
        "uptime": int(time.monotonic() - STARTED),
    }


@bp.get("/health/ready")
@bp.rate_limit_exempt
@bp.public
@bp.response(200, ReadinessSchema)
@bp.alt_response(503, schema=ReadinessSchema, example={"status": "unhealthy", "checks": {}})
def show_readiness():
    """Whether requests can be served: the database, its migrations, Redis where it is set"""
    checks = check_readiness()
    ready = all(state == "ok" for state in checks.values())
    return {"status": "ready" if ready else "unhealthy", "checks": checks}, 200 if ready else 503


@bp.get("/openapi.json")
@bp.public
@bp.cacheable
@bp.response(200, {"type": "object"}, example={"openapi": "3.0.3"})
def show_document():
    """This document"""
    return json_response(current_api.document)


@bp.get("/docs")
@bp.public
@bp.response(200, {"type": "string"}, content_type="text/html", example="<!doctype html>…")
def show_docs():
    """This document as a page, to read and to try"""
    return Response(render_template("docs.html"))


@bp.get("/docs/<name>")
@bp.rate_limit_exempt
@bp.public
@bp.streamed(**{"text/javascript": "…", "text/css": "…", "image/png": "…"})
@bp.raises(NotFound)
def show_docs_asset(name):
    """A script, style or picture of the page"""
    if name == "start.js":
        return Response(render_template("docs.js"), mimetype="text/javascript")
    if name not in DOCS_ASSETS:  # among the others is one with a version
        raise NotFound
    return send_from_directory(DOCS_FOLDER, name, max_age=86400)


@pages.get("/dashboard")
@bp.public
@bp.response(200, {"type": "string"}, content_type="text/html", example="<!doctype html>…")
def show_dashboard():
    """What this service is, and where to read on"""
    return Response(render_template("dashboard.html", version=VERSION))
