"""Rate limits: what is counted, what counts as one client, and what holds without Redis."""

import contextlib
import http.client
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import pytest
from argon2 import PasswordHasher
from flask_jwt_extended import create_access_token

from app.http.rate_limit_storage import Hit, ProcessStorage, SharedStorage
from app.users import passwords
from app.users.models import User
from config import Settings

from .. import conftest
from ..support.assertions import assert_error
from ..support.concurrency import wait_until
from ..support.processes import ROOT, closed_port, free_port
from ..support.redis_server import RedisServer
from ..support.settings import PASSWORD, SECRET

ME = "/api/auth/me"
LOGIN = "/api/auth/login"
HERE, THERE, ELSEWHERE = "192.0.2.1", "192.0.2.2", "198.51.100.3"
WRONG = "not the password"


@pytest.fixture
def make_limited(make_app):
    """Return a function that creates apps with a limit of five requests a minute."""
    defaults = {"app_env": "testing", "ratelimit_default": "5 per minute"}
    return lambda **overrides: make_app(**{**defaults, **overrides})


@pytest.fixture
def fast_hashing(monkeypatch):
    """Make Argon2 cheap."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", hasher)
    monkeypatch.setattr(passwords, "_DUMMY_HASH", hasher.hash("a password of no user"))
    monkeypatch.setattr(conftest, "PASSWORD_HASH", hasher.hash(PASSWORD))


def make_client(app, address=HERE, *, token=None, **headers):
    """Return a client at ``address`` that sends ``headers`` with every request."""
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    if token:
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    for name, value in headers.items():
        client.environ_base[f"HTTP_{name.upper()}"] = value
    return client


def assert_rate_limited(response) -> None:
    assert_error(response, 429, "RATE_LIMITED")
    assert response.json["error"] == "Too many requests"
    assert int(response.headers["Retry-After"]) >= 1


def use_up_limit(client, times=5) -> None:
    for _ in range(times):
        assert client.get(ME).status_code != 429


# What is counted


def test_a_client_has_one_limit_for_all_its_requests(make_limited):
    client = make_client(make_limited())
    responses = [
        client.post("/api/zakat/calculate", json={"wealth": 3, "nisab": 1}),
        client.get("/api/zakat/nisab"),
        client.get(ME),
        client.post("/api/zakat/calculate", json={"wealth": 2, "nisab": 1}),
        client.post("/api/zakat/calculate", json={}),
        client.get("/api/docs"),
    ]
    assert [response.status_code for response in responses] == [200, 404, 401, 200, 400, 429]
    assert [response.headers["X-RateLimit-Limit"] for response in responses] == ["5"] * 6
    remaining = [int(response.headers["X-RateLimit-Remaining"]) for response in responses]
    assert remaining == [4, 3, 2, 1, 0, 0]
    for response in responses:
        assert 0 < int(response.headers["X-RateLimit-Reset"]) - time.time() <= 61
    assert_rate_limited(responses[-1])
    assert int(responses[-1].headers["Retry-After"]) <= 60


def test_the_default_limit_is_a_hundred_requests_a_minute(make_limited):
    assert Settings().ratelimit_default == "100 per minute"
    client = make_client(make_limited(ratelimit_default=Settings().ratelimit_default))
    use_up_limit(client, 100)
    assert_rate_limited(client.get(ME))


def test_a_rate_limited_request_has_no_effect(make_limited):
    app = make_limited()
    client = make_client(app)
    use_up_limit(client)
    body = {"name": "Fatima", "email": "fatima@example.org", "password": PASSWORD}
    assert_rate_limited(client.post("/api/auth/register", json=body))
    with app.app_context():
        assert User.credentials("fatima@example.org").row() is None


def test_a_client_is_served_again_after_retry_after(make_limited, advance_clock):
    client = make_client(make_limited())
    use_up_limit(client)
    wait = int(client.get(ME).headers["Retry-After"])
    advance_clock(wait + 1)
    use_up_limit(client)
    assert_rate_limited(client.get(ME))


def test_health_is_never_limited(make_limited):
    client = make_client(make_limited())
    use_up_limit(client)
    for path in ("/api/health", "/api/health/ready") * 5:
        response = client.get(path)
        assert response.status_code == 200
        assert "X-RateLimit-Limit" not in response.headers


def test_a_preflight_is_not_counted(make_limited):
    origin = "https://app.example.org"
    client = make_client(make_limited(app_env="development", cors_origins=(origin,)))
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    for _ in range(10):
        assert client.options(ME, headers=headers).status_code == 200
    use_up_limit(client)
    assert_rate_limited(client.get(ME))


# What counts as one client


def test_each_address_has_its_own_limit(make_limited):
    app = make_limited()
    use_up_limit(make_client(app, HERE))
    assert_rate_limited(make_client(app, HERE).get(ME))
    use_up_limit(make_client(app, THERE))


def test_two_users_at_one_address_do_not_share_a_limit(make_limited, sign_in):
    app = make_limited()
    first, second = (make_client(app, token=sign_in().tokens["access_token"]) for _ in range(2))
    use_up_limit(first)
    assert_rate_limited(first.get(ME))
    use_up_limit(second)
    use_up_limit(make_client(app))


def test_a_user_has_one_limit_across_addresses_and_sessions(make_limited, sign_in, make_user):
    app, user = make_limited(), make_user()
    tokens = [sign_in(user=user).tokens["access_token"] for _ in range(2)]
    use_up_limit(make_client(app, HERE, token=tokens[0]))
    assert_rate_limited(make_client(app, THERE, token=tokens[0]).get(ME))
    assert_rate_limited(make_client(app, THERE, token=tokens[1]).get(ME))


def test_requests_with_an_invalid_token_are_counted_by_address(make_limited, app, sign_in):
    limited = make_limited()
    user = sign_in()
    revoked = user.tokens["access_token"]
    assert user.post("/api/auth/logout").status_code == 204
    with app.app_context():
        unknown = create_access_token("unknown")
    for token in ("x", "a.b.c", unknown, revoked, user.tokens["refresh_token"]):
        assert make_client(limited, token=token).get(ME).status_code == 401
    assert_rate_limited(make_client(limited, token="another").get(ME))
    assert_rate_limited(make_client(limited).get(ME))


# An address over all of its accounts


def test_the_accounts_of_an_address_share_its_limit(make_limited, sign_in):
    app = make_limited(ratelimit_address="12 per minute")
    tokens = [sign_in().tokens["access_token"] for _ in range(4)]
    statuses = [make_client(app, token=token).get(ME).status_code for token in tokens * 4]
    assert statuses == [200] * 12 + [429] * 4
    assert_rate_limited(make_client(app).get(ME))
    assert make_client(app, THERE, token=tokens[0]).get(ME).status_code == 200


def test_by_default_an_address_has_a_thousand_requests_a_minute(make_limited, sign_in):
    settings = Settings()
    assert settings.ratelimit_address == "1000 per minute"
    app = make_limited(
        ratelimit_default=settings.ratelimit_default, ratelimit_address=settings.ratelimit_address
    )
    tokens = [sign_in().tokens["access_token"] for _ in range(11)]
    statuses = [
        make_client(app, token=token).get("/api/protected").status_code
        for token in tokens
        for _ in range(100)
    ]
    assert statuses == [200] * 1000 + [429] * 100


def test_an_account_above_its_limit_does_not_use_up_that_of_its_address(make_limited, sign_in):
    app = make_limited(ratelimit_address="12 per minute")
    loud, quiet = (make_client(app, token=sign_in().tokens["access_token"]) for _ in range(2))
    assert [loud.get(ME).status_code for _ in range(30)] == [200] * 5 + [429] * 25
    use_up_limit(quiet)


def test_the_headers_are_those_of_the_tighter_window(make_limited, sign_in):
    app = make_limited(ratelimit_address="7 per minute")
    first, second = (make_client(app, token=sign_in().tokens["access_token"]) for _ in range(2))

    def limit_and_remaining(response):
        return [response.headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining")]

    use_up_limit(first, 4)
    assert limit_and_remaining(first.get(ME)) == ["5", "0"]
    assert limit_and_remaining(second.get(ME)) == ["7", "1"]
    assert limit_and_remaining(second.get(ME)) == ["7", "0"]
    response = second.get(ME)
    assert_rate_limited(response)
    assert limit_and_remaining(response) == ["7", "0"]


def test_views_with_a_limit_of_their_own_count_for_the_address_too(make_limited, sign_in):
    app = make_limited(ratelimit_default="6 per minute", ratelimit_address="8 per minute")
    for path in ("/api/limited", "/api/zakat/nisab", "/api/nothing", "/api/openapi.json") * 2:
        assert make_client(app).get(path).status_code != 429
    assert_rate_limited(make_client(app, token=sign_in().tokens["access_token"]).get(ME))


def register(app, address=HERE, **overrides):
    body = {"name": "Fatima", "email": f"{secrets.token_hex(8)}@example.org", "password": PASSWORD}
    return make_client(app, address).post("/api/auth/register", json={**body, **overrides})


@pytest.mark.usefixtures("fast_hashing")
def test_an_address_registers_twenty_accounts_an_hour(make_limited, count, advance_clock):
    limits = {"ratelimit_default": "1000 per minute"}
    app = make_limited(ratelimit_register=Settings().ratelimit_register, **limits)
    assert Settings().ratelimit_register == "20 per hour"
    assert register(app, password="short").status_code == 400  # not counted: nothing was hashed
    assert [register(app).status_code for _ in range(20)] == [201] * 20
    refused = register(app)
    assert_rate_limited(refused)
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert count(User) == 20
    assert register(app, THERE).status_code == 201
    advance_clock(3602)
    assert register(app).status_code == 201


@pytest.mark.usefixtures("fast_hashing")
def test_registrations_of_a_taken_email_are_limited_too(make_limited, make_user):
    app, email = make_limited(ratelimit_register="3 per hour"), make_user().email
    assert [register(app, email=email).status_code for _ in range(4)] == [409] * 3 + [429]


def test_an_unknown_path_is_counted_like_any_other(make_limited):
    client = make_client(make_limited())
    assert [client.get("/api/nothing").status_code for _ in range(6)] == [404] * 5 + [429]


# Proxies


@pytest.mark.parametrize(
    ("addresses", "clients"),
    [
        (["2001:db8:1:2::1", "2001:db8:1:2:ffff::9"], 1),
        (["2001:db8:1:2::1", "2001:0db8:0001:0002:0:0:0:1"], 1),
        (["2001:db8:1:2::1", "2001:db8:1:3::1"], 2),
        (["192.0.2.1", "::ffff:192.0.2.1"], 1),
        (["192.0.2.1", "192.0.2.2"], 2),
        (["192.0.2.1:4711", "192.0.2.1:4712", "192.0.2.1"], 1),
        (["[2001:db8::1]:4711", "2001:db8::2"], 1),
    ],
)
def test_spellings_of_an_address_and_an_ipv6_network_share_a_limit(
    make_limited, addresses, clients
):
    app = make_limited()
    remaining = [
        make_client(app, address).get(ME).headers["X-RateLimit-Remaining"] for address in addresses
    ]
    assert remaining.count("4") == clients


@pytest.mark.parametrize(
    "spellings",
    [
        ["192.0.2.1", "192.0.2.1:4711", "::ffff:192.0.2.1", "[::ffff:192.0.2.1]:80", " 192.0.2.1"],
        ["2001:db8::1", "[2001:db8::2]:4711", "2001:0DB8:0:0::3", "[2001:db8::4]"],
    ],
    ids=["IPv4", "IPv6"],
)
def test_spellings_in_x_forwarded_for_share_a_limit(make_limited, spellings):
    app = make_limited(trusted_proxies=1)
    clients = [make_client(app, "10.0.0.9", x_forwarded_for=address) for address in spellings]
    remaining = [client.get(ME).headers["X-RateLimit-Remaining"] for client in clients]
    assert remaining == ["4", "3", "2", "1", "0"][: len(spellings)]


def test_without_trusted_proxies_x_forwarded_for_is_ignored(make_limited):
    app = make_limited()
    for number in range(5):
        assert make_client(app, x_forwarded_for=f"203.0.113.{number}").get(ME).status_code == 401
    assert_rate_limited(make_client(app, x_forwarded_for="203.0.113.99").get(ME))
    use_up_limit(make_client(app, THERE))


@pytest.mark.parametrize(
    ("proxies", "behind"), [(1, ""), (2, ", 10.0.0.1")], ids=["one proxy", "two proxies"]
)
def test_only_the_hops_of_trusted_proxies_count(make_limited, proxies, behind):
    app = make_limited(trusted_proxies=proxies)
    for number in range(5):
        path = f"203.0.113.{number}, {HERE}{behind}"
        assert make_client(app, "10.0.0.9", x_forwarded_for=path).get(ME).status_code == 401
    assert_rate_limited(make_client(app, "10.0.0.9", x_forwarded_for=f"{HERE}{behind}").get(ME))
    use_up_limit(make_client(app, "10.0.0.9", x_forwarded_for=f"{THERE}{behind}"))


# Failed log-ins


@pytest.fixture
def login_app(make_limited, fast_hashing):
    """Return an app that limits only failed log-ins, with fast password hashing."""
    return make_limited(ratelimit_default="1000000 per minute")


def log_in(app, email, password=WRONG, address=HERE):
    return make_client(app, address).post(LOGIN, json={"email": email, "password": password})


def fail_log_in(app, email, times=5, address=HERE) -> None:
    for _ in range(times):
        response = log_in(app, email, address=address)
        assert_error(response, 401, "INVALID_CREDENTIALS")


def test_after_five_failures_the_right_password_is_rejected_too(login_app, make_user):
    user = make_user()
    fail_log_in(login_app, user.email)
    response = log_in(login_app, user.email, PASSWORD)
    assert_rate_limited(response)
    assert 800 < int(response.headers["Retry-After"]) <= 901
    assert "Set-Cookie" not in response.headers


def test_failures_are_counted_for_one_address_and_email(login_app, make_user):
    user, other = make_user(), make_user()
    fail_log_in(login_app, user.email)
    assert log_in(login_app, user.email, PASSWORD, THERE).status_code == 200
    assert log_in(login_app, other.email, PASSWORD, HERE).status_code == 200
    assert_rate_limited(log_in(login_app, user.email, PASSWORD, HERE))


def test_a_successful_log_in_neither_counts_nor_resets_the_failures(login_app, make_user):
    user = make_user()
    fail_log_in(login_app, user.email, times=4)
    for _ in range(6):
        assert log_in(login_app, user.email, PASSWORD).status_code == 200
    fail_log_in(login_app, user.email, times=1)
    assert_rate_limited(log_in(login_app, user.email, PASSWORD))


def test_other_spellings_of_an_email_are_counted_together(login_app, make_user):
    make_user(email="Fatima@example.org")
    for email in ("fatima@example.org", "FATIMA@EXAMPLE.ORG", "fatima＠example.org"):
        fail_log_in(login_app, email, times=1)
    fail_log_in(login_app, "Fatima@Example.org", times=2)
    assert_rate_limited(log_in(login_app, "fatima@example.org", PASSWORD))


def test_unknown_emails_and_disabled_accounts_are_limited_alike(login_app, make_user):
    fail_log_in(login_app, "unknown@example.org")
    assert_rate_limited(log_in(login_app, "unknown@example.org"))
    disabled = make_user(disabled=True)
    for _ in range(5):
        assert log_in(login_app, disabled.email, PASSWORD).status_code == 401
    assert_rate_limited(log_in(login_app, disabled.email, PASSWORD))


def test_a_log_in_without_a_password_is_not_counted(login_app, make_user):
    user = make_user()
    for _ in range(6):
        assert make_client(login_app).post(LOGIN, json={"email": user.email}).status_code == 400
    assert log_in(login_app, user.email, PASSWORD).status_code == 200


def test_wrong_current_passwords_are_limited_too(login_app, make_user, sign_in):
    user = make_user()
    client = make_client(login_app, token=sign_in(user=user).tokens["access_token"])
    body = {"currentPassword": "wrong", "newPassword": "another battery staple"}
    for _ in range(5):
        assert client.post("/api/auth/password", json=body).status_code == 401
    body["currentPassword"] = PASSWORD
    assert_rate_limited(client.post("/api/auth/password", json=body))
    assert log_in(login_app, user.email, PASSWORD, ELSEWHERE).status_code == 200


def test_after_fifteen_minutes_the_right_password_is_accepted_again(
    login_app, make_user, advance_clock
):
    user = make_user()
    fail_log_in(login_app, user.email)
    advance_clock(14 * 60)
    assert_rate_limited(log_in(login_app, user.email, PASSWORD))
    advance_clock(62)
    assert log_in(login_app, user.email, PASSWORD).status_code == 200


def test_concurrent_log_ins_are_limited_to_five_failures(make_limited, make_user):
    slow = make_limited(ratelimit_default="1000000 per minute")  # with the real, slow hashing
    email, barrier, statuses = make_user().email, threading.Barrier(10), []

    def guess():
        barrier.wait()
        statuses.append(log_in(slow, email).status_code)

    threads = [threading.Thread(target=guess) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [401] * 5 + [429] * 5


def test_users_can_log_in_without_rate_limits(make_limited, make_user):
    off = make_limited(app_env="development", ratelimit_enabled=False)
    assert log_in(off, make_user().email, PASSWORD).status_code == 200


# Without the database


def test_an_unavailable_database_is_not_mistaken_for_an_unavailable_redis(make_limited, sign_in):
    token = sign_in().tokens["access_token"]
    with closed_port() as port:
        database_url = f"postgresql://ose@127.0.0.1:{port}/ose"
        app = make_limited(app_env="development", database_url=database_url)
        use_up_limit(make_client(app), 3)
        assert make_client(app, THERE, token=token).get(ME).status_code == 503
        use_up_limit(make_client(app), 2)
        assert_rate_limited(make_client(app).get(ME))


# The storages


@pytest.fixture(params=["memory", "Redis"])
def make_storage(request):
    """Return a function that creates a storage without counters."""
    if request.param == "memory":
        return ProcessStorage
    server = request.getfixturevalue("redis_server")
    return lambda: SharedStorage(f"shared+{server.url}")


def count_hits(storage, *hits):
    """Return the hits of each window; ``hits`` are names, amounts and limits."""
    prefix = secrets.token_hex(4)

    def hit(step):
        keys = [Hit(f"{prefix}/{name}", 60, amount, limit) for name, amount, limit in step]
        windows = storage.hit(keys)
        assert all(50 < reset_at - time.time() <= 60 for _, reset_at in windows)
        return [hits for hits, _ in windows]

    return [hit(step) for step in hits]


def test_hits_after_an_exceeded_limit_are_not_counted(make_storage):
    both = [("a", 1, 2), ("b", 1, 9)]
    assert count_hits(make_storage(), *[both] * 4) == [[1, 1], [2, 2], [3], [4]]


def test_looking_counts_nothing_and_stops_nowhere(make_storage):
    look = [("a", 0, 0), ("b", 0, 0)]
    hit = [("a", 1, 9), ("b", 1, 9)]
    assert count_hits(make_storage(), look, hit, look, look, hit) == [
        *([0, 0], [1, 1], [1, 1], [1, 1], [2, 2])
    ]


def test_a_hit_that_is_taken_back_leaves_no_trace(make_storage):
    hit, undo = [("a", 1, 1), ("b", 1, 1)], [("a", -1, 1), ("b", -1, 1)]
    assert count_hits(make_storage(), undo, hit, undo, undo, hit, hit) == [
        *([0, 0], [1, 1], [0, 0], [0, 0], [1, 1], [2])
    ]


# Servers that share a Redis, each its own process as in production


@pytest.fixture(scope="module")
def redis_server():
    binary = shutil.which("redis-server")
    if not binary:
        pytest.skip("redis-server is not installed.")
    with tempfile.TemporaryDirectory(prefix="ose-redis-") as folder:
        server = RedisServer(binary, folder)
        yield server
        server.kill()


class Server:
    """The service under gunicorn, behind one proxy, so that a test can choose its address."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"],
            cwd=ROOT,
            env={**os.environ, **environment, "PORT": str(self.port)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def is_up(self) -> bool:
        assert self.process.poll() is None, "gunicorn did not come up"
        with contextlib.suppress(OSError):
            return self.get("/api/health") == 200
        return False

    def get(self, path=ME, address=HERE) -> int:
        return self.request("GET", path, None, address)

    def log_in(self, email, password, address=HERE) -> int:
        body = f'{{"email": "{email}", "password": "{password}"}}'
        return self.request("POST", LOGIN, body, address)

    def request(self, method, path, body, address, **headers) -> int:
        headers |= {"X-Forwarded-For": address, "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            with connection.getresponse() as response:
                response.read()
                return response.status

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="module")
def servers(redis_server, database_url):
    """Yield two servers that share one Redis."""
    environment = {
        "APP_ENV": "development",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_server.url,
        "JWT_SECRET_KEY": SECRET,
        "RATELIMIT_DEFAULT": "8 per minute",
        "RATELIMIT_ADDRESS": "20 per minute",
        "TRUSTED_PROXIES": "1",
        "WEB_CONCURRENCY": "1",
        "LOG_LEVEL": "warning",
    }
    pair = [Server(environment) for _ in range(2)]
    try:
        for server in pair:
            wait_until(server.is_up, 20)
        yield pair
    finally:
        for server in pair:
            server.stop()


def test_servers_with_one_redis_share_request_limits(servers):
    first, second = servers
    assert [server.get() for server in (first, second) * 5] == [401] * 8 + [429] * 2
    assert second.get(address=THERE) == 401


def test_servers_with_one_redis_share_log_in_failures(servers, make_user):
    first, second = servers
    user, address = make_user(), "192.0.2.10"
    for server in (first, second, first, second, first):
        assert server.log_in(user.email, "wrong", address) == 401
    assert second.log_in(user.email, PASSWORD, address) == 429
    assert second.get(address=address) == 401  # so the limit of all requests is not exceeded
    assert second.log_in(user.email, PASSWORD, "192.0.2.11") == 200


def test_servers_with_one_redis_share_the_limit_of_an_address(servers, sign_in):
    tokens = [sign_in().tokens["access_token"] for _ in range(4)]
    address, statuses = "192.0.2.20", []
    for token in tokens:
        for server in servers * 3:
            headers = {"Authorization": f"Bearer {token}"}
            statuses.append(server.request("GET", ME, None, address, **headers))
    assert statuses == [200] * 20 + [429] * 4


def test_a_request_is_counted_in_one_call_of_redis(servers, redis_server, sign_in):
    headers = {"Authorization": f"Bearer {sign_in().tokens['access_token']}"}
    assert servers[0].get(address="192.0.2.40") == 401  # so that the script is loaded
    before = redis_server.count_scripts()
    for _ in range(3):
        assert servers[0].request("GET", ME, None, "192.0.2.40", **headers) == 200
    assert redis_server.count_scripts() == before + 3


def test_redis_holds_no_email_user_or_address(servers, redis_server, make_user, sign_in):
    user, address = make_user(), "192.0.2.30"
    headers = {"Authorization": f"Bearer {sign_in(user=user).tokens['access_token']}"}
    assert servers[0].request("GET", ME, None, address, **headers) == 200
    assert servers[0].log_in(user.email, "wrong", address) == 401
    assert servers[0].log_in("unknown@example.org", "wrong", address) == 401
    keys = " ".join(redis_server.keys())
    assert all(f"/{name}/" in keys for name in ("default", "address", "login", "login_address"))
    for secret in (address, str(user.id), user.email, "unknown@example.org"):
        assert secret not in keys


def test_without_redis_limits_hold_in_memory_until_it_is_back(servers, redis_server):
    first, second = servers
    redis_server.kill()
    for server in servers:
        assert [server.get(address=ELSEWHERE) for _ in range(9)] == [401] * 8 + [429]

    redis_server.start()
    assert redis_server.count_keys() == 0
    address = (f"203.0.113.{number}" for number in range(255))
    for server in servers:
        before = redis_server.count_keys()

        def counts_in_redis(server=server, before=before) -> bool:
            return server.get(address=next(address)) == 401 and redis_server.count_keys() > before

        wait_until(counts_in_redis, 15)
    shared = "203.0.113.255"
    assert [server.get(address=shared) for server in (first, second) * 5] == [401] * 8 + [429] * 2
