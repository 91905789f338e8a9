"""What an operator, a client's developer and a browser ask of the service itself.

Below health and the document stand the small routes, by which a developer or an integration suite
checks its own HTTP: CORS, tokens, 429 and Retry-After, redirects, streams, bodies of every kind.
"""

import time
from importlib.resources import files

from flask import Response, jsonify, redirect, render_template, send_from_directory
from flask_smorest import current_api

from .. import clock, strict_json
from ..errors import NotFound, PayloadTooLarge, UnsupportedMediaType, ValidationFailed
from ..http import cors
from ..http.authentication import current_user
from ..http.blueprint import Blueprint
from ..http.openapi import VERSION
from ..http.rate_limits import limited
from ..http.sql_json import document, json_response
from ..http.streaming import stream
from .actions import messages, readiness, statement, understood
from .schemas import HealthSchema, MessageSchema, ProtectedSchema, PublicSchema, ReadinessSchema

bp = Blueprint(
    "service", __name__, url_prefix="/api", template_folder="templates", description=__doc__
)

pages = Blueprint("pages", __name__, description="For people, outside /api")

STARTED = time.monotonic()
DOCS_FOLDER = str(files("flask_swagger_ui") / "dist")
DOCS_ASSETS = {"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"}


@bp.get("/health")
@bp.unlimited
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
@bp.unlimited
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
@bp.unlimited
@bp.public
@bp.streams(**{"text/javascript": "…", "text/css": "…", "image/png": "…"})
@bp.raises(NotFound)
def show_docs_asset(name):
    """A script, style or picture of the page"""
    if name == "start.js":
        return Response(render_template("docs.js"), mimetype="text/javascript")
    if name not in DOCS_ASSETS:  # among the others is one with a version
        raise NotFound
    return send_from_directory(DOCS_FOLDER, name, max_age=86400)


# The small routes


@bp.route("/public", methods=["OPTIONS"])
@bp.public
@bp.response(200)
def show_public_options():
    """What a browser asks before it lets a page of another origin in"""
    # Stands before the GET, or Flask's own answer to OPTIONS would go before it.
    return cors.open_to_everyone(Response())


@bp.get("/public")
@bp.public
@bp.response(200, PublicSchema)
def show_public():
    """For pages of any origin: try your CORS here"""
    response = jsonify(message="Public API", docs="/api/docs")
    return cors.open_to_everyone(response)


@bp.get("/protected")
@bp.signed_in
@bp.response(200, ProtectedSchema)
def show_protected():
    """For whoever is signed in: try your tokens here"""
    return {"message": "Protected data", "user_id": current_user.id}


@bp.get("/limited")
@limited("limited")
@bp.public
@bp.response(200, MessageSchema)
def show_limited():
    """Ten times a minute, then 429: try your patience, and Retry-After, here"""
    return {"message": "Success"}


@bp.post("/example")
@bp.public
@bp.doc(requestBody={"content": {"*/*": {"schema": {}}}})
@bp.response(200, {"type": "object"}, example={"received": True, "query": {}, "json": {"a": 1.5}})
@bp.raises(ValidationFailed, PayloadTooLarge, UnsupportedMediaType)
def show_example():
    """What the server understood of your request: JSON, a form, files, text or bytes"""
    return json_response(strict_json.write(understood()))


@bp.get("/stream")
@bp.public
@bp.streams(**{"text/plain": "Message 0\nMessage 1\n"})
def stream_messages():
    """Ten lines, one a second, each sent as it is made"""
    return stream(messages(), "text/plain")


@bp.get("/download")
@bp.signed_in
@bp.pdf
def download_statement():
    """Your own statement, as a PDF"""
    return document(statement(current_user), "report.pdf")


@bp.get("/redirect")
@bp.public
@bp.response(307)
def redirect_reader():
    """To the dashboard, with the same method"""
    return redirect("/dashboard", 307)


@bp.post("/redirect")
@bp.public
@bp.response(303)
def redirect_sender():
    """To the dashboard, to be read there"""
    return redirect("/dashboard", 303)


@pages.get("/dashboard")
@bp.public
@bp.response(200, {"type": "string"}, content_type="text/html", example="<!doctype html>…")
def show_dashboard():
    """What this service is, and where to read on"""
    return Response(render_template("dashboard.html", version=VERSION))
