"""Slow and silent clients: they occupy no thread, and are given up after a total time."""

import contextlib
import json
import socket

import pytest

from app.http import outgoing_response
from app.http.outgoing_response import OutgoingSocket

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
        small = {name: text for name, text in PARTIAL_REQUESTS.items() if len(text) < 1000}
        for name, partial in small.items():
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
    assert b'"code":"VALIDATION_ERROR"' in read_to_end(client)


def test_a_body_beyond_the_limit_is_rejected_unread(connect):
    client = connect(QUOTES + b"Content-Length: 99999999\r\n\r\n")
    head, _, body = read_to_end(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"PAYLOAD_TOO_LARGE" in body


def test_a_body_that_ends_early_is_reported(connect):
    client = connect(QUOTES + b"Content-Length: 10\r\n\r\n{}")
    client.shutdown(socket.SHUT_WR)
    assert b"shorter than its Content-Length" in read_to_end(client)


def test_a_length_that_the_parser_would_read_otherwise_smuggles_no_request(connect):
    hidden = b"GET /api/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    length = b"Content-Length: %020d\r\n\r\n" % len(hidden)
    client = connect(b"GET /api/health HTTP/1.1\r\nHost: x\r\n" + length + hidden)
    text = read_to_end(client)
    assert text.count(b"HTTP/1.1 ") == 1
    assert text.startswith(b"HTTP/1.1 400 ")


def test_a_connection_is_usable_after_a_body_that_was_not_read(server):
    connection = server.connect()
    for _ in range(2):
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/api/murabaha/quotes", b" " * 3_000_000, headers)
        with connection.getresponse() as response:
            response.read()
            assert (response.status, response.headers["Connection"]) == (413, "keep-alive")


# Clients that do not read


def test_clients_that_do_not_read_do_not_stop_the_health_check(server):
    asset = b"GET /api/docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(CLIENTS):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.port))
            client.sendall(asset * 6)  # more than the buffers of the sockets hold
        for _ in range(30):  # while they are served one after the other
            assert server.request("GET", "/api/health").status == 200


def test_a_slow_reader_gets_a_large_response_whole(connect):
    asset = b"GET /api/docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    client = connect(asset)
    text = b""
    while part := client.recv(1000):
        text += part
    head, _, body = text.partition(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(body) in head + b"\r\n"


@pytest.fixture
def pair():
    """Return two connected sockets with small buffers."""
    ends = socket.socketpair()
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    yield ends
    for end in ends:
        end.close()


def test_a_response_is_buffered_up_to_a_limit(pair):
    outgoing = OutgoingSocket(pair[0])
    outgoing.sendall(b"x" * 900_000)
    assert len(outgoing.unsent) > 800_000


def test_a_client_has_a_total_time_to_read(pair, monkeypatch):
    monkeypatch.setattr(outgoing_response, "MAX_BUFFERED", 1000)
    outgoing = OutgoingSocket(pair[0])
    outgoing.patience = -100  # as after many pieces that were read late
    with pytest.raises(BrokenPipeError):
        outgoing.sendall(b"x" * 100_000)
    assert not outgoing.unsent


# The share of one client


@pytest.fixture(scope="module")
def small_server(make_server):
    """Return a server whose workers have 20 connections each, 8 of which may wait or be idle."""
    return make_server(GUNICORN_CMD_ARGS="--worker-connections 20")


def open_many(server, stack, data, number=60):
    for _ in range(number):
        client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), TIMEOUT))
        with contextlib.suppress(ConnectionError):
            client.sendall(data)


def test_idle_connections_leave_room_for_others(small_server):
    with contextlib.ExitStack() as stack:
        open_many(small_server, stack, b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(4):
            assert small_server.request("GET", "/api/health").status == 200


def test_silent_connections_do_not_displace_a_request_that_is_arriving(small_server):
    with contextlib.ExitStack() as stack:
        body = b'{"cost": 1000, "profitRate": 0.1, "termMonths": 12}'
        client = stack.enter_context(
            socket.create_connection(("127.0.0.1", small_server.port), TIMEOUT)
        )
        client.sendall(QUOTES + b"Content-Length: %d\r\n\r\n" % len(body) + body[:10])
        open_many(small_server, stack, b"")
        client.sendall(body[10:])
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
