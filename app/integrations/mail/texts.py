"""The texts of mails: templates filled with facts, in the recipient's language.

``locales/`` has a file of texts for each language, with a table for each kind of mail. Facts are
escaped in HTML, and a fact that a text names and does not get is an error.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context
from markupsafe import Markup, escape

from .formats import format_day, format_moment, format_money
from .message import Text, one_line

FOLDER = Path(__file__).parent


def render(
    kind: str,
    locale: str,
    zone: ZoneInfo,
    facts: Mapping[str, Any],
    *,
    name: str,
    issuer: str,
    link: str | None,
    footer: str | None,
    more: int = 0,
) -> Text:
    """Return the mail of ``kind`` in ``locale``, with times in ``zone``.

    ``footer`` names a text below the signature: ``security`` or ``choice``. ``more`` is the number
    of further causes that have no mail of their own.
    """
    catalog = load_catalog(locale)
    context = {
        **facts, "more": more, "locale": locale, "zone": zone, "issuer": issuer,
        "name": one_line(name),
    }  # fmt: skip
    texts = catalog["kinds"][kind]
    paragraphs = [catalog["greeting"], *texts["paragraphs"], *([catalog["more"]] if more else [])]
    closing = [catalog["signature"], *([catalog["footers"][footer]] if footer else [])]
    subject = one_line(PLAIN.from_string(texts["subject"]).render(context))

    def layout(template: str, environment: Environment) -> str:
        def fill(text: str) -> str:
            return environment.from_string(text).render(context)

        return LAYOUTS.get_template(template).render(
            locale=locale,
            direction=catalog["direction"],
            subject=subject,
            # A paragraph may be empty in some cases.
            paragraphs=[text for text in map(fill, paragraphs) if text.strip()],
            link=link,
            closing=[fill(text) for text in closing],
        )

    return Text(locale, subject, layout("mail.txt", PLAIN), layout("mail.html", HTML))


@cache
def load_catalog(locale: str) -> dict[str, Any]:
    """Return the texts of a language."""
    return tomllib.loads((FOLDER / "locales" / f"{locale}.toml").read_text(encoding="utf-8"))


@pass_context
def _money(context: Context, amount: Any, currency: str) -> str:
    return format_money(amount, currency, context["locale"])


@pass_context
def _day(context: Context, day: str) -> str:
    return format_day(day, context["locale"])


@pass_context
def _moment(context: Context, moment: str) -> str:
    return format_moment(moment, context["zone"], context["locale"])


def _isolate(value: Any) -> Markup:
    """Keep the direction of a fact apart from that of the sentence around it."""
    return Markup("<bdi>{}</bdi>").format(escape(value))


def _environment(**options: Any) -> Environment:
    environment = Environment(undefined=StrictUndefined, **options)  # noqa: S701 (PLAIN is no HTML)
    environment.filters |= {"money": _money, "day": _day, "moment": _moment}
    return environment


PLAIN = _environment(autoescape=False)
HTML = _environment(autoescape=True, finalize=_isolate)
LAYOUTS = Environment(
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    loader=FileSystemLoader(FOLDER / "templates"),
    trim_blocks=True,
)
