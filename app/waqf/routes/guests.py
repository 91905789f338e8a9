"""What donors without an account can do: give, and download their receipt by its link."""

from contextlib import suppress
from functools import wraps
from hashlib import sha256
from uuid import UUID

from flask import request

from ...errors import ApiError, AuthRequired
from ...http import rate_limits
from ...http.authentication import Guest, View, current_user
from ...http.languages import preferred_language
from ...http.parsing import read_json_body
from ...http.schemas import LanguageQuerySchema
from ...users.rules import normalize_email
from ..actions import receipts
from ..rules import ReceiptNotFound
from .blueprint import bp, receipt_response


def find_guest():
    """Return the guest whom the body names as donor. Raises AuthRequired if it names none.

    Whether name and address are valid is left to the schema.
    """
    body = None
    with suppress(ApiError):  # without a donor there is no right to hear what is wrong
        body = read_json_body()
    donor = body.get("donor") if isinstance(body, dict) else None
    if donor is None:
        raise AuthRequired
    email = donor.get("email") if isinstance(donor, dict) else None
    key = normalize_email(email) if isinstance(email, str) else ""
    return Guest(sha256(key.encode("utf-8", "surrogatepass")).hexdigest())


def limit_guest(guest):
    """Count a donation of a guest for the client's address. Raises RateLimited."""
    if guest:
        address = rate_limits.client_address(request.remote_addr)
        rate_limits.hit_or_raise("guest_donations", address)


def with_receipt_link(view: View) -> View:
    """Add the header Link (RFC 8288) to the response for a guest, with the receipt's address.

    The receipt is there once the donation has succeeded. No token is stored with the response.
    """

    @wraps(view)
    def wrapper(*args, **kwargs):
        response = view(*args, **kwargs)
        if current_user.id is None:
            path = receipts.receipt_path(UUID(response.json["id"]))
            response.headers["Link"] = f'<{path}>; rel="related"; type="application/pdf"'
        return response

    return wrapper


@bp.get("/receipts/<token>")
@bp.public
@bp.arguments(LanguageQuerySchema, location="query")
@bp.pdf
@bp.raises(ReceiptNotFound)
def show_linked_receipt(query, token):
    """Download the receipt whose link was mailed to the donor as a PDF"""
    donation = receipts.find_by_token(token)
    return receipt_response(donation, preferred_language(query["lang"], donation.user))
