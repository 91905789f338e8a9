"""How much a client may ask for, who counts as one client, and what is left without Redis."""

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask_jwt_extended import create_access_token

from app.users import passwords
from app.users.models import User
from config import Settings

from .. import conftest
from ..support.redis_server import Redis, free_port, poll
from ..support.settings import PASSWORD, SECRET

ME = "/api/auth/me"
LOGIN = "/api/auth/login"
HERE, THERE, ELSEWHERE = "192.0.2.1", "192.0.2.2", "198.51.100.3"
WRONG = "not the password"
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def make_limited(make_app):
    """A maker of apps with a limit of five a minute."""
    usual = {"app_env": "testing", "ratelimit_default": "5 per minute"}
    return lambda **given: make_app(**{**usual, **given})


def visitor(app, address=HERE, *, token=None, **headers):
    """Somebody at ``address``, who sends ``headers`` every time."""
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    if token:
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    for name, value in headers.items():
        client.environ_base[f"HTTP_{name.upper()}"] = value
    return client


def require_limited(answer) -> None:
    assert (answer.status_code, answer.json["code"]) == (429, "RATE_LIMITED")
    assert answer.json["error"] == "Too many requests"
    assert int(answer.headers["Retry-After"]) >= 1


def spend(client, times=5) -> None:
    for _ in range(times):
        assert client.get(ME).status_code != 429


# What is counted


def test_a_client_has_one_limit_for_all_that_it_asks_for(make_limited):
    client = visitor(make_limited())
    answers = [
        client.get("/api/openapi.json"),
        client.get("/api/zakat/nisab"),
        client.get(ME),
        client.post("/api/zakat/calculate", json={"wealth": 2, "nisab": 1}),
        client.post("/api/zakat/calculate", json={}),
        client.get("/api/docs"),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 401, 200, 400, 429]
    assert [answer.headers["X-RateLimit-Limit"] for answer in answers] == ["5"] * 6
    remaining = [int(answer.headers["X-RateLimit-Remaining"]) for answer in answers]
    assert remaining == [4, 3, 2, 1, 0, 0]
    for answer in answers:
        assert 0 < int(answer.headers["X-RateLimit-Reset"]) - time.time() <= 61
    require_limited(answers[-1])
    assert int(answers[-1].headers["Retry-After"]) <= 60


def test_without_a_setting_a_client_has_a_hundred_requests_a_minute(make_limited):
    assert Settings().ratelimit_default == "100 per minute"
    client = visitor(make_limited(ratelimit_default=Settings().ratelimit_default))
    spend(client, 100)
    require_limited(client.get(ME))


def test_what_is_refused_for_the_limit_is_not_done(make_limited):
    app = make_limited()
    client = visitor(app)
    spend(client)
    body = {"name": "Fatima", "email": "fatima@example.org", "password": PASSWORD}
    require_limited(client.post("/api/auth/register", json=body))
    with app.app_context():
        assert User.credentials("fatima@example.org").row() is None


def test_after_the_wait_that_it_was_told_a_client_is_served_again(make_limited, monkeypatch):
    client = visitor(make_limited())
    spend(client)
    wait = int(client.get(ME).headers["Retry-After"])
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + wait + 1)
    spend(client)
    require_limited(client.get(ME))


def test_health_is_never_limited(make_limited):
    client = visitor(make_limited())
    spend(client)
    for path in ("/api/health", "/api/health/ready") * 5:
        answer = client.get(path)
        assert answer.status_code == 200
        assert "X-RateLimit-Limit" not in answer.headers


def test_a_preflight_is_not_counted(make_limited):
    client = visitor(make_limited(app_env="development", cors_origins=("https://app.example.org",)))
    asked = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "GET"}
    for _ in range(10):
        assert client.options(ME, headers=asked).status_code == 200
    spend(client)
    require_limited(client.get(ME))


# Who is one client


def test_an_address_is_one_client_and_another_address_another(make_limited):
    app = make_limited()
    spend(visitor(app, HERE))
    require_limited(visitor(app, HERE).get(ME))
    spend(visitor(app, THERE))


def test_two_users_at_one_address_do_not_share_a_limit(make_limited, sign_in):
    app = make_limited()
    first, second = (visitor(app, token=sign_in().tokens["access_token"]) for _ in range(2))
    spend(first)
    require_limited(first.get(ME))
    spend(second)
    spend(visitor(app))


def test_a_user_has_one_limit_at_two_addresses_and_in_two_sign_ins(
    make_limited, sign_in, make_user
):
    app, user = make_limited(), make_user()
    tokens = [sign_in(user=user).tokens["access_token"] for _ in range(2)]
    spend(visitor(app, HERE, token=tokens[0]))
    require_limited(visitor(app, THERE, token=tokens[0]).get(ME))
    require_limited(visitor(app, THERE, token=tokens[1]).get(ME))


def test_who_shows_a_token_that_is_none_counts_by_address(make_limited, app, sign_in):
    limited = make_limited()
    person = sign_in()
    over = person.tokens["access_token"]
    assert person.post("/api/auth/logout").status_code == 204
    with app.app_context():
        unknown = create_access_token("nobody")
    for token in ("x", "a.b.c", unknown, over, person.tokens["refresh_token"]):
        assert visitor(limited, token=token).get(ME).status_code == 401
    require_limited(visitor(limited, token="another").get(ME))
    require_limited(visitor(limited).get(ME))


# Proxies


def test_without_trusted_proxies_nobody_can_say_that_they_are_elsewhere(make_limited):
    app = make_limited()
    for number in range(5):
        assert visitor(app, x_forwarded_for=f"203.0.113.{number}").get(ME).status_code == 401
    require_limited(visitor(app, x_forwarded_for="203.0.113.99").get(ME))
    spend(visitor(app, THERE))


@pytest.mark.parametrize(
    ("proxies", "behind"), [(1, ""), (2, ", 10.0.0.1")], ids=["one proxy", "two proxies"]
)
def test_only_as_many_hops_as_there_are_trusted_proxies_count(make_limited, proxies, behind):
    app = make_limited(trusted_proxies=proxies)
    for number in range(5):
        path = f"203.0.113.{number}, {HERE}{behind}"
        assert visitor(app, "10.0.0.9", x_forwarded_for=path).get(ME).status_code == 401
    require_limited(visitor(app, "10.0.0.9", x_forwarded_for=f"{HERE}{behind}").get(ME))
    spend(visitor(app, "10.0.0.9", x_forwarded_for=f"{THERE}{behind}"))


# Guessing passwords


@pytest.fixture
def roomy(make_limited, monkeypatch):
    """An app that limits nothing but failures to sign in, and whose passwords are quick to try."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", quick)
    monkeypatch.setattr(passwords, "_DUMMY_HASH", quick.hash("nobody has this password"))
    monkeypatch.setattr(conftest, "PASSWORD_HASH", quick.hash(PASSWORD))
    return make_limited(ratelimit_default="1000000 per minute")


def attempt(app, email, password=WRONG, address=HERE):
    return visitor(app, address).post(LOGIN, json={"email": email, "password": password})


def fail(app, email, times=5, address=HERE) -> None:
    for _ in range(times):
        answer = attempt(app, email, address=address)
        assert (answer.status_code, answer.json["code"]) == (401, "INVALID_CREDENTIALS")


def test_after_five_failures_not_even_the_right_password_comes_in(roomy, make_user):
    user = make_user()
    fail(roomy, user.email)
    answer = attempt(roomy, user.email, PASSWORD)
    require_limited(answer)
    assert 800 < int(answer.headers["Retry-After"]) <= 901
    assert "Set-Cookie" not in answer.headers


def test_failures_hold_for_their_address_and_their_email_alone(roomy, make_user):
    user, other = make_user(), make_user()
    fail(roomy, user.email)
    assert attempt(roomy, user.email, PASSWORD, THERE).status_code == 200
    assert attempt(roomy, other.email, PASSWORD, HERE).status_code == 200
    require_limited(attempt(roomy, user.email, PASSWORD, HERE))


def test_success_does_not_count_and_forgives_nothing(roomy, make_user):
    user = make_user()
    fail(roomy, user.email, times=4)
    for _ in range(6):
        assert attempt(roomy, user.email, PASSWORD).status_code == 200
    fail(roomy, user.email, times=1)
    require_limited(attempt(roomy, user.email, PASSWORD))


def test_another_spelling_of_the_email_does_not_escape(roomy, make_user):
    make_user(email="Fatima@example.org")
    for spelling in ("fatima@example.org", "FATIMA@EXAMPLE.ORG", "fatima＠example.org"):
        fail(roomy, spelling, times=1)
    fail(roomy, "Fatima@Example.org", times=2)
    require_limited(attempt(roomy, "fatima@example.org", PASSWORD))


def test_nobodys_email_and_a_disabled_account_are_limited_alike(roomy, make_user):
    fail(roomy, "nobody@example.org")
    require_limited(attempt(roomy, "nobody@example.org"))
    disabled = make_user(disabled=True)
    for _ in range(5):
        assert attempt(roomy, disabled.email, PASSWORD).status_code == 401
    require_limited(attempt(roomy, disabled.email, PASSWORD))


def test_what_is_no_attempt_at_all_does_not_count(roomy, make_user):
    user = make_user()
    for _ in range(6):
        assert visitor(roomy).post(LOGIN, json={"email": user.email}).status_code == 400
    assert attempt(roomy, user.email, PASSWORD).status_code == 200


def test_who_is_signed_in_cannot_guess_the_password_either(roomy, make_user, sign_in):
    user = make_user()
    client = visitor(roomy, token=sign_in(user=user).tokens["access_token"])
    change = {"currentPassword": "wrong", "newPassword": "another battery staple"}
    for _ in range(5):
        assert client.post("/api/auth/password", json=change).status_code == 401
    require_limited(client.post("/api/auth/password", json={**change, "currentPassword": PASSWORD}))
    assert attempt(roomy, user.email, PASSWORD, ELSEWHERE).status_code == 200


def test_after_a_quarter_of_an_hour_the_right_password_comes_in_again(
    roomy, make_user, monkeypatch
):
    user, real = make_user(), time.time
    fail(roomy, user.email)
    monkeypatch.setattr(time, "time", lambda: real() + 14 * 60)
    require_limited(attempt(roomy, user.email, PASSWORD))
    monkeypatch.setattr(time, "time", lambda: real() + 15 * 60 + 2)
    assert attempt(roomy, user.email, PASSWORD).status_code == 200


def test_guesses_that_come_all_at_once_are_five_too(make_limited, make_user):
    slow = make_limited(ratelimit_default="1000000 per minute")  # to try passwords, as it really is
    email, together, heard = make_user().email, threading.Barrier(10), []

    def guess():
        together.wait()
        heard.append(attempt(slow, email).status_code)

    guesses = [threading.Thread(target=guess) for _ in range(10)]
    for thread in guesses:
        thread.start()
    for thread in guesses:
        thread.join()
    assert sorted(heard) == [401] * 5 + [429] * 5


def test_where_nothing_is_limited_people_can_still_sign_in(make_limited, make_user):
    off = make_limited(app_env="development", ratelimit_enabled=False)
    assert attempt(off, make_user().email, PASSWORD).status_code == 200


# Where something is away


def test_a_database_that_is_away_is_not_taken_for_a_redis_that_is(make_limited, sign_in):
    token = sign_in().tokens["access_token"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = f"postgresql://ose@127.0.0.1:{taken.getsockname()[1]}/ose"
        app = make_limited(app_env="development", database_url=nowhere)
        spend(visitor(app), 3)
        assert visitor(app, THERE, token=token).get(ME).status_code == 503
        spend(visitor(app), 2)
        require_limited(visitor(app).get(ME))


# Redis, and servers that share it. Each is a process of its own, as in production.


@pytest.fixture(scope="module")
def redis_server():
    binary = shutil.which("redis-server")
    if not binary:
        pytest.skip("There is no redis-server on this machine to share limits in.")
    with tempfile.TemporaryDirectory(prefix="ose-redis-") as folder:
        server = Redis(binary, folder)
        yield server
        server.kill()


class Server:
    """The service under gunicorn, behind one proxy, so that a test can be at any address."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"],
            cwd=ROOT,
            env={**os.environ, **environment, "PORT": str(self.port)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def answers(self) -> bool:
        assert self.process.poll() is None, "gunicorn did not come up"
        with contextlib.suppress(OSError):
            return self.get("/api/health") == 200
        return False

    def get(self, path=ME, address=HERE) -> int:
        return self.ask("GET", path, None, address)

    def log_in(self, email, password, address=HERE) -> int:
        body = f'{{"email": "{email}", "password": "{password}"}}'
        return self.ask("POST", LOGIN, body, address)

    def ask(self, method, path, body, address) -> int:
        headers = {"X-Forwarded-For": address, "Content-Type": "application/json"}
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
    """Two servers on one Redis."""
    environment = {
        "APP_ENV": "development",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_server.url,
        "JWT_SECRET_KEY": SECRET,
        "RATELIMIT_DEFAULT": "8 per minute",
        "TRUSTED_PROXIES": "1",
        "WEB_CONCURRENCY": "1",
        "LOG_LEVEL": "warning",
    }
    pair = [Server(environment) for _ in range(2)]
    try:
        for server in pair:
            poll(server.answers, 20)
        yield pair
    finally:
        for server in pair:
            server.stop()


def test_servers_that_share_a_redis_share_every_limit(servers):
    one, other = servers
    assert [server.get() for server in (one, other) * 5] == [401] * 8 + [429] * 2
    assert other.get(address=THERE) == 401


def test_servers_that_share_a_redis_share_failures_to_sign_in(servers, make_user):
    one, other = servers
    user, address = make_user(), "192.0.2.10"
    for server in (one, other, one, other, one):
        assert server.log_in(user.email, "wrong", address) == 401
    assert other.log_in(user.email, PASSWORD, address) == 429
    assert other.get(address=address) == 401  # so it was not the limit of all requests
    assert other.log_in(user.email, PASSWORD, "192.0.2.11") == 200


def test_when_redis_dies_limits_hold_from_memory_until_it_is_back(servers, redis_server):
    one, other = servers
    redis_server.kill()
    for server in servers:
        assert [server.get(address=ELSEWHERE) for _ in range(9)] == [401] * 8 + [429]

    redis_server.start()
    assert redis_server.counts() == 0
    address = (f"203.0.113.{number}" for number in range(255))
    for server in servers:
        kept = redis_server.counts()

        def counts_in_redis(server=server, kept=kept) -> bool:
            return server.get(address=next(address)) == 401 and redis_server.counts() > kept

        poll(counts_in_redis, 15)
    shared = "203.0.113.255"
    assert [server.get(address=shared) for server in (one, other) * 5] == [401] * 8 + [429] * 2
