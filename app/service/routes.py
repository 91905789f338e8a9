"""What an operator, a client's developer and a browser ask of the service itself."""

import time
from importlib.resources import files

from flask import Response, render_template, send_from_directory
from flask_smorest import current_api

from .. import clock
from ..answers import json_response
from ..api import Blueprint
from ..documentation import VERSION
from ..errors import NotFound
from ..limits import exempt
from .actions import readiness
from .schemas import HealthSchema, ReadinessSchema

bp = Blueprint(
    "service", __name__, url_prefix="/api", template_folder="templates", description=__doc__
)

STARTED = time.monotonic()
DOCS_FOLDER = str(files("flask_swagger_ui") / "dist")
DOCS_ASSETS = {"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"}


@bp.get("/health")
@exempt
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
@exempt
@bp.public
@bp.response(200, ReadinessSchema)
@bp.alt_response(503, schema=ReadinessSchema, example={"status": "unhealthy", "checks": {}})
def show_readiness():
    """Whether requests can be served: the database, its migrations, Redis where it is set"""
    checks = readiness()
    ready = all(state == "ok" for state in checks.values())
    return {"status": "ready" if ready else "unhealthy", "checks": checks}, 200 if ready else 503


@bp.get("/openapi.json")
@bp.public
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
@exempt
@bp.public
@bp.response(200, {"type": "string"}, content_type="text/javascript", example="…")
@bp.raises(NotFound)
def show_docs_asset(name):
    """A script, style or picture of the page"""
    if name == "start.js":
        return Response(render_template("docs.js"), mimetype="text/javascript")
    if name not in DOCS_ASSETS:  # among the others is one with a version
        raise NotFound
    return send_from_directory(DOCS_FOLDER, name, max_age=86400)
