"""The page that says whether a document is genuine."""

from flask import Response, current_app, jsonify, render_template, request

from ..http.blueprint import Blueprint
from ..http.languages import preferred_language
from ..http.rate_limits import limit
from .actions.verification import UNKNOWN, describe, verify
from .rules.texts import get_texts
from .schemas import VerificationSchema

bp = Blueprint("documents", __name__, template_folder="templates", description=__doc__)

# Neither scripts nor inline styles.
POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
FORMS = ("text/html", "application/json")


@bp.get("/verify/<code>")
@limit("verify")
@bp.public
@bp.response(200, {"type": "string"}, content_type="text/html", example="<!doctype html>…")
@bp.response(200, VerificationSchema)
@bp.alt_response(
    404, schema={"type": "string"}, content_type="text/html", example="<!doctype html>…"
)
@bp.alt_response(404, schema=VerificationSchema, example=UNKNOWN)
def verify_document(code):
    """Show whether the document with this code is genuine, as a page or as JSON by Accept

    It says what kind of document it is, its number, issuer, date and amounts, and no names. An
    unknown code is 404.
    """
    facts = verify(code)
    status = 200 if facts["genuine"] else 404
    if request.accept_mimetypes.best_match(FORMS) == "application/json":
        response = jsonify(VerificationSchema().dump(facts))
    else:
        response = _page(code, facts)
    response.status_code = status
    response.vary.update(["Accept", "Accept-Language"])
    return response


def _page(code, facts):
    adjustment = current_app.config["HIJRI_ADJUSTMENT"]
    texts = get_texts(preferred_language(), adjustment)
    response = Response(
        render_template(
            "verify.html",
            texts=texts,
            direction=texts.catalog["direction"],
            facts=describe(facts, texts),
            code=code,
        )
    )
    response.headers["Content-Security-Policy"] = POLICY
    response.content_language.add(texts.lang)
    return response
