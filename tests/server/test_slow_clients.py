"""Slow and silent clients: they occupy no thread, and are given up after a total time."""

import contextlib
import json
import socket

import pytest

from ..support.concurrency import TIMEOUT
from ..support.files import PNG, multipart_form

pytestmark = pytest.mark.usefixtures("app")  # empties the tables that the server fills

QUOTES = b"POST /api/murabaha/quotes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
PARTIAL_REQUESTS = {
    "nothing": b"",
    "a blank line": b"\r\n",
    "a head": b"GET /api/health HTTP/1.1\r\nHost: x\r\nX-",
    "a body": QUOTES + b"Content-Length: 10\r\n\r\n{}",
    "a large body": QUOTES + b"Content-Length: 900000\r\n\r\n" + b" " * 800_000,
    "a chunk": QUOTES + b"Transfer-Encoding: chunked\r\n\r\na\r\n{",
    "an unknown route": b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n",
    "after a request": b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\nGET /api/health HTTP/1.1\r\n",
}
CLIENTS = 20  # more than a worker has threads


@pytest.fixture
def connect(server):
    """Return a function that opens a connection and sends bytes."""
    with contextlib.ExitStack() as stack:

        def open_connection(data):
            client = socket.create_connection(("127.0.0.1", server.port), TIMEOUT)
            stack.enter_context(client)
            client.sendall(data)
            return client

        yield open_connection


def read_to_end(client):
    return b"".join(iter(lambda: client.recv(65536), b""))


def is_closed(client):
    """Return whether the server has closed its side, after reading what it sent."""
    client.setblocking(False)
    try:
        while client.recv(65536):
            pass
        return True
    except BlockingIOError:
        return False


@pytest.mark.parametrize("partial", PARTIAL_REQUESTS)
def test_half_open_requests_do_not_stop_the_health_check(server, connect, partial):
    clients = [connect(PARTIAL_REQUESTS[partial]) for _ in range(CLIENTS)]
    for _ in range(4):  # on both workers
        assert server.request("GET", "/api/health").status == 200
    assert not any(is_closed(client) for client in clients)  # they were open all the time


def test_clients_that_do_not_close_do_not_stop_the_health_check(server, connect):
    request = b"GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    clients = [connect(request) for _ in range(4 * CLIENTS)]
    assert server.request("GET", "/api/health").status == 200
    for client in clients:
        assert read_to_end(client).startswith(b"HTTP/1.1 200 ")


def test_requests_in_one_packet_are_answered_in_order(connect):
    paths = (b"/api/health", b"/nowhere", b"/api/health")
    requests = [b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in paths]
    client = connect(b"".join(requests[:2]) + requests[2][:-10])
    client.sendall(requests[2][-10:-4] + b"\r\nConnection: close\r\n\r\n")
    text = read_to_end(client)
    assert [text[start + 9 : start + 12] for start in find_all(text, b"HTTP/1.1 ")] == [
        b"200",
        b"404",
        b"200",
    ]


def find_all(text, part):
    start = text.find(part)
    while start >= 0:
        yield start
        start = text.find(part, start + 1)


def test_an_upload_larger_than_memory_arrives_whole(server, sign_in):
    body, content_type = multipart_form(PNG + b"x" * 3_000_000)
    headers = {
        "Authorization": f"Bearer {sign_in().tokens['access_token']}",
        "Content-Type": content_type,
    }
    connection = server.connect()
    connection.request("POST", "/api/upload", body, headers)
    with connection.getresponse() as response:
        assert response.status == 200
        assert json.load(response)["size"] == len(PNG) + 3_000_000


def test_a_request_that_does_not_arrive_in_time_is_given_up(make_server):
    server = make_server(REQUEST_TIMEOUT="1")  # shorter than the default, to save time
    with contextlib.ExitStack() as stack:
        clients = {}
        for name, partial in PARTIAL_REQUESTS.items():
            client = socket.create_connection(("127.0.0.1", server.port), TIMEOUT)
            clients[name] = stack.enter_context(client)
            client.sendall(partial)
        endings = {name: read_to_end(client) for name, client in clients.items()}
    assert endings.pop("nothing") == endings.pop("a blank line") == b""
    for text in endings.values():
        head, _, body = text[text.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"did not arrive in time" in body


def test_a_head_that_is_too_long_is_rejected(connect):
    client = connect(b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 9000)
    assert b'"code": "VALIDATION_ERROR"' in read_to_end(client)


def test_a_body_beyond_the_limit_is_rejected_unread(connect):
    client = connect(QUOTES + b"Content-Length: 99999999\r\n\r\n")
    head, _, body = read_to_end(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"PAYLOAD_TOO_LARGE" in body


def test_a_body_that_ends_early_is_reported(connect):
    client = connect(QUOTES + b"Content-Length: 10\r\n\r\n{}")
    client.shutdown(socket.SHUT_WR)
    assert b"shorter than its Content-Length" in read_to_end(client)
