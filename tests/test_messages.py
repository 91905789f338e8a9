"""Messages: each has its translations, and an answer is in the language that the client accepts."""

import ast
import json
import re
import string
from uuid import uuid4

import marshmallow
import pytest
from babel.messages.pofile import read_po

from app import errors
from app.errors import ApiError, ValidationFailed
from app.http.schemas import Schema
from app.http.validators import BUILT_IN, Length, OneOf, Range
from app.messages import LOCALES, Fault, Message, Rule

from .support import message_catalogs
from .support.assertions import assert_error
from .support.message_catalogs import TRANSLATED, catalog_path, extract_messages, read_catalog

CALCULATE = "/api/zakat/calculate"
LATIN = re.compile(r"[A-Za-z]+")
# Names that have no other form in Arabic or Indonesian.
NAMES = {
    "ASCII", "Content", "IANA", "ISO", "JSON", "Length", "NUL", "PaymentIntent", "Stripe", "UTC",
    "UTF", "UUID", "false", "true",
}  # fmt: skip


def derived_classes(cls):
    """Yield all classes derived from ``cls``."""
    for derived in cls.__subclasses__():
        yield derived
        yield from derived_classes(derived)


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def forms(text):
    """Return the plural forms of a message or a translation."""
    return [*text] if isinstance(text, list | tuple) else [text]


# Catalogues


@pytest.mark.parametrize("locale", TRANSLATED)
def test_every_message_of_the_code_is_translated_and_no_translation_is_unused(locale):
    """``make messages`` adds what is missing, for you to translate."""
    messages = {message.id for message in extract_messages() if message.id}
    translated = {message.id: message.string for message in read_catalog(locale) if message.id}
    assert translated.keys() == messages
    assert [id for id, text in translated.items() if not all(forms(text))] == []
    assert not any(message.fuzzy for message in read_catalog(locale) if message.id)


@pytest.mark.parametrize("locale", TRANSLATED)
def test_a_translation_has_the_placeholders_of_its_message(locale):
    for message in read_catalog(locale):
        expected = placeholders(forms(message.id)[-1])
        for text in forms(message.string) if message.id else []:
            # Arabic spells out the counts one and two.
            left_out = expected - placeholders(text) if len(forms(message.string)) > 1 else set()
            assert len(left_out) <= 1, (message.id, text)
            assert placeholders(text) | left_out == expected, (message.id, text)
        assert placeholders(forms(message.string)[-1]) == expected or not message.id


@pytest.mark.parametrize("locale", TRANSLATED)
def test_the_catalogue_is_as_make_messages_writes_it(locale):
    content = catalog_path(locale).read_bytes()
    with catalog_path(locale).open("rb") as file:
        assert message_catalogs.render_catalog(read_po(file, locale)) == content


def test_arabic_translations_are_in_arabic():
    for message in read_catalog("ar"):
        for text in forms(message.string) if message.id else []:
            words = set(LATIN.findall(re.sub(r"\{\w+\}", "", text)))
            assert words <= NAMES, text
            assert re.search(r"[\u0621-\u064a]", text), text


def test_only_literal_texts_make_messages():
    """A message that is put together cannot be extracted, and has no translation."""
    for path in message_catalogs.APP.rglob("*.py"):
        if path.name == "messages.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", None))
                for template in node.args[: len(message_catalogs.KEYWORDS.get(name, ()))]:
                    assert isinstance(template, ast.Constant), f"{path}:{node.lineno}"


# Texts


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "يجب ألا يزيد على 0 منزلة عشرية."),
        (1, "يجب ألا يزيد على منزلة عشرية واحدة."),
        (2, "يجب ألا يزيد على منزلتين عشريتين."),
        (3, "يجب ألا يزيد على 3 منازل عشرية."),
        (11, "يجب ألا يزيد على 11 منزلة عشرية."),
        (100, "يجب ألا يزيد على 100 منزلة عشرية."),
    ],
)
def test_arabic_has_six_plural_forms(count, text):
    fault = Fault.of_count(
        "Must have at most {places} decimal.",
        "Must have at most {places} decimals.",
        Rule.TOO_MANY_DECIMALS,
        places=count,
    )
    assert fault.render("ar") == text
    assert fault == f"Must have at most {count} decimal{'' if count == 1 else 's'}."


def test_a_message_is_its_english_text_and_may_have_messages_in_it():
    reasons = [Message("It is {state}.", state="active"), Message("Not found")]
    message = Message("The user cannot be deleted. {reasons}", reasons=reasons)
    assert message == "The user cannot be deleted. It is active. Not found"
    assert message.render("id") == "Pengguna tidak dapat dihapus. Statusnya active. Tidak ditemukan"
    assert f"{message}" == message.render("en")


def test_braces_of_a_client_are_no_placeholders():
    message = Message("The payment is {status}: it cannot be cancelled.", status="{params} {0}")
    assert "{params} {0}" in message
    assert "{params} {0}" in message.render("ar")


def schema_fields():
    """Yield every field of the app's schemas, with those inside lists and mappings."""
    for schema in derived_classes(Schema):
        if schema.__module__.startswith("app."):
            pending = [*schema().load_fields.values()]
            for field in pending:
                yield field
                inner = (
                    getattr(field, name, None) for name in ("inner", "key_field", "value_field")
                )
                pending += filter(None, inner)


def test_every_message_of_marshmallow_has_its_fault():
    """An unknown text would be a KeyError, and thus a 500."""
    unused = {"Not a valid utf-8 string."}  # only bytes have it, and JSON has none
    texts = {*Schema().error_messages.values()}
    for field in schema_fields():
        texts |= {*field.error_messages.values()}
        for validator in field.validators:
            if isinstance(validator, marshmallow.validate.Validator):
                ours = isinstance(validator, Length | Range | OneOf)
                assert ours or isinstance(validator.error, Fault), field
    assert {text for text in texts if not isinstance(text, Fault)} - unused == BUILT_IN.keys()


# Languages


def error_in(client, path="/api/nothing", **headers):
    return client.get(path, headers=headers)


@pytest.mark.parametrize(
    ("accepted", "locale"),
    [
        ("ar", "ar"),
        ("id-ID,id;q=0.9,en;q=0.8", "id"),
        ("in-ID", "id"),  # as Java wrote it
        ("ar-SA, en;q=0.9", "ar"),
        ("en;q=0.1, ar;q=0.2", "ar"),
        ("ar;q=0, id", "id"),
        ("fr, de;q=0.5", "en"),
        ("*", "en"),
        ("fr, ar-EG;q=0.3", "ar"),
        ("AR", "ar"),
        ("", "en"),
        ("\xff;q=;,,=", "en"),
    ],
)
def test_the_client_chooses_the_language_of_errors(client, accepted, locale):
    response = error_in(client, **{"Accept-Language": accepted})
    assert_error(response, 404, "NOT_FOUND")
    assert response.json["error"] == errors.NotFound.message.render(locale)
    assert response.headers["Content-Language"] == locale
    assert "Accept-Language" in response.vary


@pytest.mark.parametrize("path", ["waqf/donations", "zakat/calculations", "murabaha/applications"])
def test_a_missing_row_is_an_error_in_the_users_language(sign_in, path):
    user = sign_in()
    assert user.patch("/api/auth/me", json={"locale": "ar"}).status_code == 200
    for headers, locale in (({}, "ar"), ({"Accept-Language": "id"}, "id")):
        response = user.get(f"/api/{path}/{uuid4()}", headers=headers)
        assert response.status_code == 404
        assert response.headers["Content-Language"] == locale


def test_the_users_language_is_that_of_a_client_that_accepts_none_of_ours(sign_in, statements):
    user = sign_in()
    assert user.patch("/api/auth/me", json={"locale": "ar"}).status_code == 200
    body = {"wealth": "much", "nisab": 1}
    for headers, locale in [
        ({}, "ar"),
        ({"Accept-Language": "fr"}, "ar"),
        ({"Accept-Language": "id"}, "id"),
    ]:
        with statements() as sent:
            response = user.post("/api/zakat/calculations", json=body, headers=headers)
        assert_error(response, 400, "VALIDATION_ERROR", ["wealth"])
        assert response.json["error"] == ValidationFailed.message.render(locale)
        assert response.json["details"][0]["message"] == Fault(
            "Must be a number.", Rule.INVALID_TYPE
        ).render(locale)
        assert response.json["details"][0]["rule"] == "invalid_type"
        assert len([text for text in sent if "SELECT" in text]) == 1  # the session check


def test_an_error_is_logged_in_english(client, caplog):
    with caplog.at_level("DEBUG"):
        response = error_in(client, **{"Accept-Language": "ar"})
    assert response.json["error"] == "غير موجود"
    assert not re.search(r"[\u0600-\u06ff]", caplog.text)


@pytest.mark.parametrize(
    "error",
    [error for error in derived_classes(ApiError) if error.__module__.startswith("app.")],
    ids=lambda error: error.__name__,
)
@pytest.mark.parametrize("locale", LOCALES)
def test_every_error_class_has_a_text_in_each_language(app, error, locale):
    with app.test_request_context(headers={"Accept-Language": locale}):
        instance = error.__new__(error)
        ApiError.__init__(instance)
        response = errors.handle_api_error(instance)
    text = json.loads(response.data)["error"]
    assert response.json["code"] == error.code
    assert (text == error.message) == (locale == "en")
    if locale == "ar":
        assert not LATIN.search(text)
