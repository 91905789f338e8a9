"""Requests as they arrive: complete exactly at their end, however the network splits them."""

import pytest
from gunicorn.config import Config
from gunicorn.http import RequestParser
from hypothesis import given, settings
from hypothesis import strategies as st

from app.http import incoming_request
from app.http.incoming_request import IncomingRequest, ReceivedUnreader, UnclearLength

GET = b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n"
JSON = b"POST /a HTTP/1.1\r\nHost: x\r\ncontent-LENGTH:  7 \r\n\r\n" + b'{"a":1}'
CHUNKED = (
    b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;name=value\r\n0\r\n\r\n\r\n2\r\n{}\r\n0\r\nTrailer: 0\r\n\r\n"
)
LARGE = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000
REQUESTS = {"get": GET, "json": JSON, "chunked": CHUNKED}


def receive(data, size):
    """Feed ``data`` in pieces of ``size`` bytes until the request is complete."""
    request = IncomingRequest(timeout=10)
    for start in range(0, len(data), size):
        surplus = request.feed(data[start : start + size])
        if request.is_complete:
            return request, surplus + data[start + size :]
    return request, b""


def read_all(request):
    return ReceivedUnreader(request).buf.getvalue()


@pytest.mark.parametrize("size", range(1, 200))
@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_ends_at_the_same_byte_however_it_is_cut(name, size):
    request, surplus = receive(REQUESTS[name] + GET, size)
    assert request.is_complete
    assert (read_all(request), surplus) == (REQUESTS[name], GET)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_incomplete_until_its_last_byte(name):
    data = REQUESTS[name]
    request = IncomingRequest(timeout=10)
    for byte in data[:-1]:
        request.feed(bytes([byte]))
        assert not request.is_complete
    request.feed(data[-1:])
    assert request.is_complete


def test_a_large_body_is_stored_in_a_file(monkeypatch):
    request, _ = receive(LARGE, 10_000)
    unreader = ReceivedUnreader(request)
    assert request.file
    assert len(request.data) < 70_000
    assert unreader.read(len(LARGE)) == LARGE
    assert unreader.read(1) == b""
    request.close()


def test_a_larger_body_gets_more_time():
    small, _ = receive(JSON, 1000)
    large, _ = receive(LARGE, 10_000)
    assert large.deadline - small.deadline >= 200_000 / incoming_request.MIN_RATE - 1
    large.close()


def test_blank_lines_before_a_request_are_skipped():
    request, _ = receive(b"\r\n\r\n" + GET, 1)
    assert read_all(request) == GET


def test_a_head_without_an_end_is_too_long():
    request, _ = receive(b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 1000)
    assert request.is_too_long
    assert not request.is_complete


def test_a_body_beyond_the_limit_is_not_received():
    head = b"POST /a HTTP/1.1\r\nConnection: keep-alive\r\nContent-Length: 99999999\r\n\r\n"
    request, _ = receive(head, 1000)
    assert request.is_complete  # the app rejects it, and the connection is closed
    assert read_all(request).startswith(b"POST /a HTTP/1.1\r\nConnection: close\r\n")


def test_a_chunked_body_beyond_the_limit_is_not_received(monkeypatch):
    monkeypatch.setattr(incoming_request, "MAX_BODY", 1000)
    head = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    request, _ = receive(head + b"fffffff\r\n" + b"x" * 2000, 100)
    assert request.is_complete
    assert request.length < 1200


UNCLEAR_BODIES = [b"zz\r\n", b"-1\r\n", b"x" * 2000, b"5;a\n", b"5\r\nabcdefg\r\nzz\r\n"]
UNCLEAR_BODIES += [b"000000005\r\n", b"5;a=" + b"b" * 1100, b"0\r\nTrailer: a\n\r\n", b"0\n\r\n"]


@pytest.mark.parametrize("body", UNCLEAR_BODIES)
def test_a_malformed_chunk_is_rejected(body):
    head = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    with pytest.raises(UnclearLength):
        receive(head + body, 1)


UNCLEAR_HEADS = [
    "Content-Length: 00000000000000000098",  # gunicorn would read a body of 98 bytes
    "Content-Length: +5",
    "Content-Length: 5, 5",
    "Content-Length:",
    "Content-Length: 5\r\nContent-Length: 5",
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Content-Length : 5",
]


@pytest.mark.parametrize("fields", UNCLEAR_HEADS)
def test_a_head_without_a_clear_length_is_rejected(fields):
    head = f"POST /a HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n".encode()
    try:
        request, _ = receive(head, 7)
    except UnclearLength:
        return
    assert fields == "Content-Length : 5"
    assert not request.is_complete  # gunicorn rejects the field; five bytes are its body here


def test_the_parser_gets_nothing_beyond_the_end():
    request, surplus = receive(JSON + GET, 5)
    unreader = ReceivedUnreader(request)
    assert unreader.read(len(JSON + GET)) == JSON
    assert unreader.read() == b""
    assert surplus == GET


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 50), st.booleans())
@settings(max_examples=200, deadline=None)
def test_the_parser_of_gunicorn_ends_a_request_at_the_same_byte(parts, size, trailer):
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part)
    end = b"0\r\nX-T: 1\r\n\r\n" if trailer else b"0\r\n\r\n"
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    request, surplus = receive(head + chunks + end + GET, size)
    parser = RequestParser(Config(), iter([read_all(request)]), None)
    assert next(parser).body.read() == b"".join(parts)
    assert surplus == GET


def test_the_worker_answers_an_expectation_instead_of_the_parser():
    head = b"POST /a HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n"
    request = IncomingRequest(timeout=10)
    request.feed(head)
    assert request.expects_continue
    assert not request.is_complete
    request.feed(b"{}")
    assert read_all(request) == b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
