"""JSON bodies: content type, size limits and malformed JSON."""

import io

import pytest

from app import errors

from ..support.assertions import assert_api_error
from ..support.hostile_json import HOSTILE_BODIES, JSON_TYPE, VALID_BODY

CALCULATE = "/api/zakat/calculate"
CALCULATIONS = "/api/zakat/calculations"
MIB = 1024 * 1024


def post_chunked(client, body: bytes, content_type="application/json"):
    """POST ``body`` to be calculated, without a Content-Length."""
    return client.post(
        CALCULATE,
        input_stream=io.BytesIO(body),
        content_type=content_type,
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )


@pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES.keys())
def test_a_hostile_body_gets_a_short_error_and_nothing_is_stored(sign_in, body):
    user = sign_in()
    response = user.post(CALCULATIONS, data=body, content_type="application/json")
    assert_api_error(response, errors.ValidationFailed)
    assert len(response.data) < 1000
    assert user.get(CALCULATIONS).json["pagination"]["total"] == 0


def test_text_of_every_script_is_accepted(sign_in):
    user, notes = sign_in(), "زكاة ☪ 𐎠 \\ \u2028"
    response = user.post(CALCULATIONS, json={"wealth": 1, "nisab": 1, "notes": notes})
    assert (response.status_code, response.json["notes"]) == (201, notes)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "nonsense"},
        {},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/json", "Content-Encoding": "br, identity"},
    ],
    ids=lambda headers: ", ".join(headers.values()) or "no type",
)
def test_a_body_of_another_content_type_or_encoding_is_rejected(sign_in, headers):
    user = sign_in()
    response = user.post(CALCULATIONS, data=VALID_BODY, headers=headers)
    assert_api_error(response, errors.UnsupportedMediaType)
    assert user.get(CALCULATIONS).json["pagination"]["total"] == 0


def test_an_empty_body_of_another_content_type_is_rejected(sign_in):
    response = sign_in().patch("/api/auth/me", content_type="text/plain")
    assert_api_error(response, errors.UnsupportedMediaType)


def test_a_chunked_body_needs_a_content_type(client):
    response = post_chunked(client, VALID_BODY, content_type=None)
    assert_api_error(response, errors.UnsupportedMediaType)


def test_a_chunked_body_is_read(client):
    assert post_chunked(client, VALID_BODY).json["zakatAmount"] == 250


def test_json_of_one_mebibyte_is_accepted_and_a_byte_more_is_too_large(client):
    assert client.post(CALCULATE, data=VALID_BODY.ljust(MIB), **JSON_TYPE).status_code == 200
    too_large = client.post(CALCULATE, data=VALID_BODY.ljust(MIB + 1), **JSON_TYPE)
    assert_api_error(too_large, errors.PayloadTooLarge)


def test_json_with_too_large_a_content_length_is_not_read(sign_in):
    user, body = sign_in(), io.BytesIO(VALID_BODY)
    response = user.post(
        CALCULATIONS,
        input_stream=body,
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": str(10**12)},
    )
    assert_api_error(response, errors.PayloadTooLarge)
    assert body.tell() == 0
    assert user.get(CALCULATIONS).json["pagination"]["total"] == 0


@pytest.mark.parametrize("length", [MIB + 1, 20 * MIB])
def test_chunked_json_has_the_same_size_limit(client, length):
    assert_api_error(post_chunked(client, VALID_BODY.ljust(length)), errors.PayloadTooLarge)


def test_a_body_that_the_view_does_not_read_has_a_size_limit_too(client):
    environ = {"CONTENT_LENGTH": str(17 * MIB)}
    response = client.post("/api/auth/logout", environ_overrides=environ)
    assert_api_error(response, errors.PayloadTooLarge)


def test_a_body_shorter_than_its_content_length_is_rejected(client):
    environ = {"CONTENT_LENGTH": str(len(VALID_BODY) + 8), "wsgi.input": io.BytesIO(VALID_BODY)}
    response = client.post(CALCULATE, environ_overrides=environ, **JSON_TYPE)
    assert_api_error(response, errors.ValidationFailed)
