"""The web client: its page, the same at every address, and its scripts, styles and texts.

It uses the public API only, with the session in the cookie.
"""

from flask import Response, current_app, render_template, request

from ..errors import NotFound
from ..http.blueprint import Blueprint
from .static_files import entry_folder, preloaded_modules, read_static_files, static_digest

bp = Blueprint(
    "dashboard",
    __name__,
    template_folder="templates",
    description="The web client, outside /api",
)

CONTENT_SECURITY_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
# What Stripe.js needs: https://docs.stripe.com/security/guide#content-security-policy
STRIPE_SOURCES = {
    "script-src": "'self' https://js.stripe.com https://*.js.stripe.com",
    "frame-src": "https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com",
    "connect-src": "'self' https://api.stripe.com",
}
PUBLIC, GROUPS = "public", ("account", "staff", "admin")  # of pages, each with its own script
YEAR = 365 * 24 * 60 * 60  # seconds


@bp.get("/dashboard", strict_slashes=False)
@bp.public
@bp.response(200, {"type": "string"}, content_type="text/html", example="<!doctype html>…")
def show_dashboard():
    """Show the web client"""
    return index_page()


@bp.get("/dashboard/<path:page>")
@bp.public
@bp.response(200, {"type": "string"}, content_type="text/html", example="<!doctype html>…")
@bp.raises(NotFound)  # a path that begins with a slash
def show_dashboard_page(page):
    """Show a page of the web client, which finds it by the address"""
    return index_page(page)


@bp.get("/reset-password")
@bp.public
@bp.response(200, {"type": "string"}, content_type="text/html", example="<!doctype html>…")
def show_password_reset():
    """Show the form that the link of a forgotten password leads to"""
    return index_page()


@bp.get("/confirm-email")
@bp.public
@bp.response(200, {"type": "string"}, content_type="text/html", example="<!doctype html>…")
def show_email_confirmation():
    """Show the button that the link to a new e-mail leads to"""
    return index_page()


@bp.get("/dashboard/static/<digest>/<path:path>")
@bp.rate_limit_exempt
@bp.public
@bp.streamed(**{"text/javascript": "…", "text/css": "…", "text/plain": "…"})
@bp.raises(NotFound)
def show_dashboard_file(digest, path):
    """Get a script, style sheet or text of the web client; ``digest`` is in its page"""
    file = read_static_files().get(path)
    if file is None or digest != static_digest():  # else caches would keep another release's file
        raise NotFound
    is_compressed = request.accept_encodings["gzip"] > 0
    response = Response(
        file.compressed if is_compressed else file.content, content_type=file.media_type
    )
    if is_compressed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    return response


def index_page(address: str = "") -> Response:
    """Return the page that loads the client's modules; ``address`` is below ``/dashboard``."""
    group = address.partition("/")[0]
    page = render_template(
        "index.html",
        digest=static_digest(),
        entry_folder=entry_folder(),
        preloaded=preloaded_modules(group if group in GROUPS else PUBLIC),
    )
    response = Response(page)
    response.headers["Content-Security-Policy"] = content_security_policy()
    response.headers["Cache-Control"] = "no-cache"
    return response


def content_security_policy() -> str:
    """Return the policy of the page: Stripe's hosts are in it only if payments need them."""
    has_stripe = current_app.config["STRIPE_PUBLISHABLE_KEY"]
    policy = CONTENT_SECURITY_POLICY | (STRIPE_SOURCES if has_stripe else {})
    return "; ".join(f"{directive} {sources}" for directive, sources in policy.items())
