"""Zakat calculations, their reports, what was paid, and the nisab."""

from ...http.blueprint import Blueprint

bp = Blueprint("zakat", __name__, url_prefix="/api/zakat", description=__doc__)
