"""Health, readiness, and the documentation of the API."""

import time
from importlib.resources import files

from flask import Response, redirect, render_template, request, send_from_directory
from flask_smorest import current_api
from prometheus_client import CONTENT_TYPE_LATEST

from .. import clock
from ..errors import AuthRequired, InvalidToken, NotFound
from ..http.blueprint import Blueprint
from ..http.openapi import VERSION
from ..http.responses import json_response
from .actions import check_readiness, require_metrics_token
from .client_config import describe_service, find_logo
from .metrics import render_metrics
from .schemas import ConfigSchema, HealthSchema, ReadinessSchema

bp = Blueprint(
    "system", __name__, url_prefix="/api", template_folder="templates", description=__doc__
)

pages = Blueprint("pages", __name__, description="Pages for browsers, outside /api")

STARTED = time.monotonic()
DOCS_FOLDER = str(files("flask_swagger_ui") / "dist")
TEXTS = {
    "start.js": ("docs.js", "text/javascript"),
    "page.css": ("page.css", "text/css"),
}
DOCS_ASSETS = {"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"}


@bp.get("/health")
@bp.rate_limit_exempt
@bp.public
@bp.response(200, HealthSchema)
def show_health():
    """Check that the process responds; the database is not checked"""
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
    """Check whether requests can be served: the database accepts writes and is migrated

    Redis, if configured, is named in `checks`, and so are the jobs: `ok`, `late` if a job has been
    due for five minutes, or `no worker`. Without them the service is ready all the same. An
    instance that will stop has the check `instance`: `stopping`.
    """
    is_ready, checks = check_readiness()
    status = "ready" if is_ready else "unhealthy"
    return {"status": status, "checks": checks}, 200 if is_ready else 503


@bp.get("/config")
@bp.public
@bp.cacheable
@bp.response(200, ConfigSchema)
def show_config():
    """Get what a client needs to know of this service: its currencies, languages and Stripe key"""
    return describe_service()


@bp.get("/logo")
@bp.public
@bp.cacheable
@bp.response(200, {"type": "string", "format": "binary"}, content_type="image/png", example="PNG")
@bp.raises(NotFound)
def show_logo():
    """Get the institution's logo, a PNG or JPEG file"""
    logo = find_logo()
    if logo is None:
        raise NotFound
    return Response(logo.image, mimetype=logo.media_type)


@bp.get("/openapi.json")
@bp.public
@bp.cacheable
@bp.response(200, {"type": "object"}, example={"openapi": "3.0.3"})
def show_document():
    """Get this OpenAPI document"""
    return json_response(current_api.document)


@bp.get("/docs")
@bp.public
@bp.response(200, {"type": "string"}, content_type="text/html", example="<!doctype html>…")
def show_docs():
    """Show this document as a page to read and try"""
    return Response(render_template("docs.html"))


@bp.get("/docs/<name>")
@bp.rate_limit_exempt
@bp.public
@bp.streamed(**{"text/javascript": "…", "text/css": "…", "image/png": "…"})
@bp.raises(NotFound)
def show_docs_asset(name):
    """Get a script, style sheet or image of the documentation page"""
    if name in TEXTS:
        template, mimetype = TEXTS[name]
        return Response(render_template(template), mimetype=mimetype)
    if name not in DOCS_ASSETS:  # other files of the package disclose its version
        raise NotFound
    return send_from_directory(DOCS_FOLDER, name, max_age=86400)


@pages.get("/")
@bp.public
@bp.redirects_to_page(302)
def redirect_to_dashboard():
    """Redirect to the dashboard"""
    return redirect("/dashboard")


@pages.get("/metrics")
@bp.rate_limit_exempt
@bp.public
@bp.response(200, {"type": "string"}, content_type="text/plain", example="ose_mails_waiting 0.0\n")
@bp.raises(NotFound, AuthRequired, InvalidToken)
def show_metrics():
    """Get the metrics for Prometheus, with METRICS_TOKEN as bearer token

    Without this setting there are none: 404.
    """
    require_metrics_token(request.headers.get("Authorization", ""))
    return Response(render_metrics(), content_type=CONTENT_TYPE_LATEST)
