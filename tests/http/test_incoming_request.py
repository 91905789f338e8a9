"""Requests as they arrive: complete exactly at their end, wherever the network cuts them."""

import pytest

from app.http import incoming_request
from app.http.incoming_request import IncomingRequest, ReceivedUnreader

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
    return ReceivedUnreader(None, request).buf.getvalue()


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
    unreader = ReceivedUnreader(None, request)
    assert request.file
    assert len(request.data) < 70_000
    assert unreader.read(len(LARGE)) == LARGE
    assert unreader.is_exhausted
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


@pytest.mark.parametrize("body", [b"zz\r\n", b"-1\r\n", b"x" * 2000, b"5\r\nabcdefg\r\nzz\r\n"])
def test_a_malformed_chunk_is_left_to_the_parser(body):
    head = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    request, _ = receive(head + body, 1)
    assert request.is_complete


def test_the_worker_answers_an_expectation_instead_of_the_parser():
    head = b"POST /a HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n"
    request = IncomingRequest(timeout=10)
    request.feed(head)
    assert request.expects_continue
    assert not request.is_complete
    request.feed(b"{}")
    assert read_all(request) == b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
