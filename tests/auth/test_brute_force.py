"""Password guessing: the limit, the clients that it applies to, and response times."""

import shutil
import time
from collections import Counter
from statistics import median
from types import SimpleNamespace

import pytest
from argon2 import PasswordHasher

from app.auth.actions import log_in as credentials
from app.extensions import limiter
from app.users import passwords

from .. import conftest
from ..support.assertions import assert_error
from ..support.concurrency import run_concurrently, wait_until
from ..support.gunicorn_server import GunicornServer
from ..support.redis_server import RedisServer
from ..support.settings import PASSWORD

LOGIN, CHANGE_PASSWORD = "/api/auth/login", "/api/auth/password"
WRONG = "not the battery staple"
ATTACKER, VICTIM, PROXY = "203.0.113.66", "198.51.100.7", "10.0.0.1"
WINDOW = 15 * 60  # seconds


@pytest.fixture
def verified_hashes(monkeypatch):
    """Make Argon2 cheap and return the list of the hashes that it verifies."""
    hasher, hashes = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1), []

    class RecordingHasher(PasswordHasher):
        def verify(self, hash, password):
            hashes.append(hash)
            return hasher.verify(hash, password)

    monkeypatch.setattr(passwords, "_hasher", RecordingHasher(1, 8, 1))
    monkeypatch.setattr(passwords, "_DUMMY_HASH", hasher.hash("a password that no user has"))
    monkeypatch.setattr(conftest, "PASSWORD_HASH", hasher.hash(PASSWORD))
    return hashes


@pytest.fixture
def make_limited(app, make_app, verified_hashes):
    """Return a factory of apps with the usual limit on failed log-ins and a high default limit."""
    return lambda **settings: make_app(log_level="critical", **settings) if settings else app


def guess(app, email, password=WRONG, address=ATTACKER, **headers):
    """Attempt one log-in from ``address`` and return the response."""
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(LOGIN, json={"email": email, "password": password}, headers=headers)


def guess_repeatedly(app, email, times, **options):
    """Return the status of each of ``times`` attempts."""
    return [guess(app, email, **options).status_code for _ in range(times)]


def client_from(app, address, person):
    """Return a client of ``app`` at ``address`` with the token of ``person``."""
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    client.environ_base["HTTP_AUTHORIZATION"] = person.environ_base["HTTP_AUTHORIZATION"]
    return client


# The limit


@pytest.mark.parametrize("account", ["active", "disabled", "unknown"])
def test_a_sixth_guess_is_rejected_without_hashing(
    make_limited, make_user, verified_hashes, account
):
    emails = {"unknown": "unknown@example.org"}
    email = emails.get(account) or make_user(disabled=account == "disabled").email
    app = make_limited()
    assert guess_repeatedly(app, email, 8) == [401] * 5 + [429] * 3
    assert len(verified_hashes) == 5
    assert_error(guess(app, email, PASSWORD), 429, "RATE_LIMITED")
    assert len(verified_hashes) == 5


def test_responses_do_not_reveal_whether_an_account_exists(make_limited, make_user):
    app, responses = make_limited(), []
    for email in (make_user().email, "unknown@example.org", make_user(disabled=True).email):
        for response in [guess(app, email) for _ in range(6)]:
            body = {**response.json, "requestId": None}
            varying = {"X-Request-ID", "X-RateLimit-Reset", "X-RateLimit-Remaining", "Retry-After"}
            responses.append((response.status_code, body, {*response.headers.keys()} - varying))
    assert responses[:6] == responses[6:12] == responses[12:]


def test_the_limit_expires_and_rejected_guesses_do_not_extend_it(
    make_limited, make_user, advance_clock
):
    app, user = make_limited(), make_user()
    assert guess_repeatedly(app, user.email, 9) == [401] * 5 + [429] * 4
    advance_clock(WINDOW - 60)
    response = guess(app, user.email, PASSWORD)
    assert_error(response, 429, "RATE_LIMITED")
    assert 1 <= int(response.headers["Retry-After"]) <= 61
    advance_clock(62)
    assert guess(app, user.email, PASSWORD).status_code == 200
    assert guess_repeatedly(app, user.email, 6) == [401] * 5 + [429]


def test_the_limit_is_a_setting(make_limited, make_user):
    app, user = make_limited(ratelimit_login="2 per hour"), make_user()
    assert guess_repeatedly(app, user.email, 3) == [401, 401, 429]
    assert 3500 < int(guess(app, user.email).headers["Retry-After"]) <= 3600


@pytest.mark.parametrize(
    "spelling",
    [
        str.upper,
        str.title,
        lambda email: f" {email}\n",
        lambda email: email.replace("@", "＠"),
        lambda email: email.replace("f", "ｆ", 1),
        lambda email: email.replace("exämple", "xn--exmple-cua").upper(),
        lambda email: f"{email}\u200b",  # IDNA drops invisible characters of a domain
    ],
)
def test_other_spellings_of_an_email_share_its_limit(make_limited, make_user, spelling):
    app, user = make_limited(), make_user(email="fatima@exämple.org")
    assert guess_repeatedly(app, user.email, 3) == [401] * 3
    assert guess_repeatedly(app, spelling(user.email), 3) == [401, 401, 429]


@pytest.mark.parametrize("email", ["fat ima@example.org", "fati\u200bma@example.org"])
def test_the_spelling_of_a_different_email_does_not_log_in(make_limited, make_user, email):
    make_user(email="fatima@example.org")
    assert_error(guess(make_limited(), email, PASSWORD), 401, "INVALID_CREDENTIALS")


def test_changing_the_password_shares_the_limit_of_log_in(make_limited, make_user, sign_in):
    app, user = make_limited(), make_user()
    assert guess_repeatedly(app, user.email, 3) == [401] * 3
    client = client_from(app, ATTACKER, sign_in(user=user))
    change = {"currentPassword": WRONG, "newPassword": "another battery staple"}
    statuses = [client.post(CHANGE_PASSWORD, json=change).status_code for _ in range(3)]
    assert statuses == [401, 401, 429]
    assert_error(guess(app, user.email, PASSWORD), 429, "RATE_LIMITED")


def test_changing_the_email_does_not_reset_the_limit(make_limited, make_user, sign_in):
    app, user = make_limited(), make_user()
    client = client_from(app, ATTACKER, sign_in(user=user))
    change = {"currentPassword": WRONG, "newPassword": "another battery staple"}
    statuses = [client.post(CHANGE_PASSWORD, json=change).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    change_of_email = {"email": "new@example.org"}
    response = sign_in("admin").patch(f"/api/users/{user.id}", json=change_of_email)
    assert response.status_code == 200
    assert_error(client.post(CHANGE_PASSWORD, json=change), 429, "RATE_LIMITED")
    assert_error(guess(app, "new@example.org", PASSWORD), 429, "RATE_LIMITED")


# One address, and all of them


def spray(app, times, password=WRONG, **options):
    """Return the status of each of ``times`` guesses, each for another account."""
    emails = (f"user{number}@example.org" for number in range(times))
    return [guess(app, email, password, **options).status_code for email in emails]


def test_one_password_is_tried_over_at_most_fifty_accounts(
    make_limited, make_user, verified_hashes
):
    app, user = make_limited(), make_user()
    assert spray(app, 60) == [401] * 50 + [429] * 10
    assert len(verified_hashes) == 50
    assert_error(guess(app, user.email, PASSWORD), 429, "RATE_LIMITED")
    assert 3500 < int(guess(app, user.email).headers["Retry-After"]) <= 3600
    assert guess(app, user.email, PASSWORD, address=VICTIM).status_code == 200


def test_after_an_hour_the_address_can_guess_again(make_limited, advance_clock):
    app = make_limited(ratelimit_login_address="2 per hour")
    assert spray(app, 3) == [401, 401, 429]
    advance_clock(3599)
    assert spray(app, 1) == [429]
    advance_clock(3)
    assert spray(app, 3) == [401, 401, 429]


def test_successful_log_ins_do_not_count_for_an_address(make_limited, make_user):
    app, emails = make_limited(ratelimit_login_address="3 per hour"), []
    for _ in range(6):
        emails.append(make_user().email)
        assert guess(app, emails[-1], PASSWORD).status_code == 200
    assert spray(app, 4) == [401] * 3 + [429]


def test_guesses_above_the_limit_of_an_account_do_not_use_up_that_of_its_address(
    make_limited, make_user
):
    app, user = make_limited(), make_user()
    assert guess_repeatedly(app, "unknown@example.org", 100) == [401] * 5 + [429] * 95
    assert guess(app, user.email, PASSWORD).status_code == 200


@pytest.mark.parametrize(
    "addresses",
    [
        ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "[2001:db8:1:2::7]:4711"],
        ["192.0.2.9", "::ffff:192.0.2.9", "192.0.2.9:4711"],
    ],
    ids=["an IPv6 network", "an IPv4 address"],
)
def test_spellings_of_an_address_share_its_failures(make_limited, make_user, addresses):
    app, user = make_limited(trusted_proxies=1), make_user()
    statuses = [
        guess(app, user.email, address=PROXY, X_Forwarded_For=address).status_code
        for address in addresses * 2
    ]
    assert statuses == [401] * 5 + [429]
    app = make_limited(ratelimit_login_address="5 per hour")
    statuses = [spray(app, 1, address=address)[0] for address in addresses * 2]
    assert statuses == [401] * 5 + [429]


def test_wrong_current_passwords_count_for_the_address(make_limited, sign_in):
    app = make_limited(ratelimit_login_address="4 per hour")
    change = {"currentPassword": WRONG, "newPassword": "another battery staple"}
    statuses = [
        client_from(app, ATTACKER, sign_in()).post(CHANGE_PASSWORD, json=change).status_code
        for _ in range(5)
    ]
    assert statuses == [401] * 4 + [429]
    assert spray(app, 1) == [429]


def test_guesses_from_many_addresses_do_not_lock_out_an_address_without_failures(
    make_limited, make_user
):
    app, user = make_limited(ratelimit_login_service="10 per hour"), make_user()
    addresses = [f"192.0.2.{number}" for number in range(10)]
    assert [spray(app, 1, address=address) for address in addresses] == [[401]] * 10
    assert [spray(app, 1, address=address) for address in addresses] == [[429]] * 10
    for _ in range(3):
        assert guess(app, user.email, PASSWORD, address=VICTIM).status_code == 200
    assert spray(app, 2, address=ATTACKER) == [401, 429]
    assert guess(app, user.email, PASSWORD, address=VICTIM).status_code == 200


def test_failures_above_the_limit_of_the_service_are_logged_once(make_limited, monkeypatch):
    app, warnings = make_limited(ratelimit_login_service="2 per hour"), []
    monkeypatch.setattr(credentials.log, "warning", lambda *args: warnings.append(args))
    counts = []
    for number in range(5):
        assert spray(app, 1, address=f"192.0.2.{number}") == [401]
        counts.append(len(warnings))
    assert counts == [0, 0, 1, 1, 1]


def test_the_counters_hold_no_email_user_or_address(make_limited, make_user):
    app, user = make_limited(), make_user()
    guess(app, user.email)
    guess(app, "unknown@example.org")
    keys = " ".join(limiter.storage.windows)
    assert all(f"/{name}/" in keys for name in ("default", "address", "login", "login_service"))
    for secret in (ATTACKER, user.email, str(user.id), "unknown"):
        assert secret not in keys


# Client addresses


FORWARDED = [
    *("X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP"),
    *("X-Originating-IP", "X-Remote-Addr", "X-Cluster-Client-IP", "Client-IP"),
]


@pytest.mark.parametrize("header", [*FORWARDED, "Forwarded"])
def test_without_trusted_proxies_forwarding_headers_are_ignored(make_limited, make_user, header):
    app, user = make_limited(), make_user()
    value = "for={}" if header == "Forwarded" else "{}"
    statuses = [
        guess(app, user.email, **{header: value.format(f"192.0.2.{number}")}).status_code
        for number in range(6)
    ]
    assert statuses == [401] * 5 + [429]
    assert guess(app, user.email, PASSWORD, address=VICTIM).status_code == 200


@pytest.mark.parametrize("proxies", [1, 2])
def test_behind_proxies_only_the_hops_of_trusted_ones_count(make_limited, make_user, proxies):
    app, user = make_limited(trusted_proxies=proxies), make_user()
    behind = f", {PROXY}" * (proxies - 1)
    statuses = [
        guess(
            *(app, user.email),
            address=PROXY,
            X_Forwarded_For=f"192.0.2.{number}, 192.0.3.{number}, {ATTACKER}{behind}",
        ).status_code
        for number in range(6)
    ]
    assert statuses == [401] * 5 + [429]


def test_behind_a_proxy_only_x_forwarded_for_is_read(make_limited, make_user):
    app, user = make_limited(trusted_proxies=1), make_user()
    for header in FORWARDED[1:6]:
        headers = {"X-Forwarded-For": ATTACKER, header: "192.0.2.1"}
        assert guess(app, user.email, address=PROXY, **headers).status_code == 401
    response = guess(app, user.email, PASSWORD, address=PROXY, X_Forwarded_For=ATTACKER)
    assert_error(response, 429, "RATE_LIMITED")


def test_malformed_addresses_are_limited_like_any_other(make_limited, make_user):
    app = make_limited(trusted_proxies=1)
    values = ["", " ", ",", ", ,", "unknown", "a" * 8000, "é", "2001:db8::1", "[2001:db8::1]:5"]
    for value in values:
        options = {"address": PROXY, "X-Forwarded-For": value}
        statuses = guess_repeatedly(app, make_user().email, 6, **options)
        assert statuses == [401] * 5 + [429], value


# Other clients


def test_guesses_do_not_lock_out_another_address(make_limited, make_user):
    app, user = make_limited(), make_user()
    assert guess_repeatedly(app, user.email, 20)[-1] == 429
    assert guess(app, user.email, PASSWORD, address=VICTIM).status_code == 200
    assert guess_repeatedly(app, user.email, 5, address=VICTIM) == [401] * 5


def test_a_forged_address_does_not_lock_out_its_owner(make_limited, make_user):
    direct, user = make_limited(), make_user()
    assert guess_repeatedly(direct, user.email, 6, X_Forwarded_For=VICTIM)[-1] == 429
    assert guess(direct, user.email, PASSWORD, address=VICTIM).status_code == 200
    proxied = make_limited(trusted_proxies=1)
    forged = {"address": PROXY, "X_Forwarded_For": f"{VICTIM}, {ATTACKER}"}
    assert guess_repeatedly(proxied, user.email, 6, **forged)[-1] == 429
    genuine = {"address": PROXY, "X_Forwarded_For": VICTIM}
    assert guess(proxied, user.email, PASSWORD, **genuine).status_code == 200


def test_no_email_collides_with_the_limit_of_another(make_limited, make_user):
    app, user = make_limited(), make_user()
    for email in (f"{user.email}/{VICTIM}", f"{user.email}/", f"x/{user.email}"):
        assert guess_repeatedly(app, email, 6)[-1] == 429
    assert guess(app, user.email, PASSWORD, address=VICTIM).status_code == 200
    assert guess(app, user.email, PASSWORD).status_code == 200


def test_guesses_do_not_end_an_active_session(make_limited, make_user, sign_in):
    app, person = make_limited(), sign_in()
    assert guess_repeatedly(app, person.user.email, 10)[-1] == 429
    assert person.get("/api/auth/me").status_code == 200


# Concurrent attempts


class GunicornServerWithRedis(GunicornServer):
    """A server whose workers share their counts, so that a count does not identify a worker."""

    def connect_to_each_worker(self, token=None):
        """Wait until both workers have booted."""
        wait_until(lambda: str(self.log()).count("Booting worker") == 2)


@pytest.fixture
def server_with_redis(database_url, tmp_path):
    """gunicorn with two workers that count in one Redis."""
    binary = shutil.which("redis-server")
    if not binary:
        pytest.skip("redis-server is not installed, so workers cannot share limits")
    redis_server = RedisServer(binary, str(tmp_path))
    server = GunicornServerWithRedis(database_url, tmp_path, {"REDIS_URL": redis_server.url})
    try:
        server.start()
        yield server
    finally:
        server.stop()
        redis_server.kill()


def test_two_workers_together_let_five_concurrent_guesses_through(server_with_redis, make_user):
    for _ in range(3):  # a race between the workers does not show every time
        body = {"email": make_user().email, "password": WRONG}
        responses = run_concurrently(
            lambda _, body=body: server_with_redis.request("POST", LOGIN, body), 25
        )
        codes = Counter((response.status, response.json["code"]) for response in responses)
        assert codes == {(401, "INVALID_CREDENTIALS"): 5, (429, "RATE_LIMITED"): 20}


def test_concurrent_log_ins_with_the_correct_password_are_not_limited(make_app, make_user):
    app, email = make_app(log_level="critical"), make_user().email
    responses = run_concurrently(lambda _: guess(app, email, PASSWORD), 10)
    assert [response.status_code for response in responses] == [200] * 10


# E-mails that look alike

TAKEN, NEW, INVALID = 409, 201, 400
LOOKALIKES = {
    "FATIMA@EXAMPLE.ORG": TAKEN,
    "ｆａｔｉｍａ@example.org": TAKEN,
    "fatima@ｅｘａｍｐｌｅ.org": TAKEN,
    "fatima@example。org": TAKEN,
    "𝐟atima@example.org": TAKEN,
    "ﬁtima@example.org": NEW,
    "fаtima@example.org": NEW,  # a Cyrillic letter
    "fatıma@example.org": NEW,  # without its dot
    "fátima@example.org": NEW,
    "fatima+x@example.org": NEW,
    "فاطمة@example.org": NEW,
    "fati\u200bma@example.org": INVALID,
    "\u202efatima@example.org": INVALID,
    "fatima@exam\u00adple.org": INVALID,
    "fatima@exa\u0000mple.org": INVALID,
    "fatima@xn--.org": INVALID,
    "fatima@example.org\u200b": INVALID,
    '"fatima"@example.org': INVALID,
    "fatima@example.org#@x.org": INVALID,
}


@pytest.mark.usefixtures("verified_hashes")
@pytest.mark.parametrize(("email", "status"), LOOKALIKES.items(), ids=map(ascii, LOOKALIKES))
def test_a_lookalike_email_is_taken_new_or_invalid(client, make_user, sql, email, status):
    fatima = make_user(email="fatima@example.org")
    body = {"name": "Mallory", "email": email, "password": "mallory's own password"}
    response = client.post("/api/auth/register", json=body)
    assert response.status_code == status, response.text
    response = client.post(LOGIN, json={"email": email, "password": body["password"]})
    assert response.status_code in ((200,) if status == NEW else (400, 401))
    response = client.post(LOGIN, json={"email": fatima.email, "password": PASSWORD})
    assert response.json["user"]["id"] == str(fatima.id)
    assert sql("SELECT count(*) FROM users") == [(2 if status == NEW else 1,)]


# Timing


@pytest.mark.parametrize("account", ["active", "unknown", "disabled", "not an e-mail", "deleted"])
def test_every_log_in_verifies_exactly_one_hash(
    make_limited, make_user, sign_in, verified_hashes, account
):
    email = {
        "active": lambda: make_user().email,
        "unknown": lambda: "unknown@example.org",
        "disabled": lambda: make_user(disabled=True).email,
        "not an e-mail": lambda: "fatima",
        "deleted": lambda: email_of_deleted_user(sign_in, make_user),
    }[account]()
    assert_error(guess(make_limited(), email), 401, "INVALID_CREDENTIALS")
    assert len(verified_hashes) == 1


def email_of_deleted_user(sign_in, make_user):
    user = make_user()
    assert sign_in("admin").delete(f"/api/users/{user.id}").status_code == 200
    return user.email


def test_registering_a_taken_email_hashes_the_password_too(client, make_user, monkeypatch):
    taken, hashed_passwords, hash_password = make_user().email, [], passwords.hash_password
    monkeypatch.setattr(
        passwords,
        "hash_password",
        lambda password: hashed_passwords.append(password) or hash_password(password),
    )
    for email, status in ((taken, 409), ("new@example.org", 201)):
        body = {"name": "Omar", "email": email, "password": PASSWORD}
        assert client.post("/api/auth/register", json=body).status_code == status
    assert len(hashed_passwords) == 2


def test_an_unknown_email_takes_as_long_as_a_wrong_password(make_app, make_user):
    """Measure both with the real cost of Argon2; the tests above count its calls."""
    app = make_app(log_level="critical", ratelimit_login="1000 per minute")
    known, seconds = make_user().email, SimpleNamespace(known=[], unknown=[])
    for number in range(20):
        for account, email in (("known", known), ("unknown", f"unknown{number}@example.org")):
            start = time.perf_counter()
            assert guess(app, email).status_code == 401
            getattr(seconds, account).append(time.perf_counter() - start)
    known, unknown = median(seconds.known), median(seconds.unknown)
    print(f"\nwrong password {known * 1000:.1f} ms, unknown e-mail {unknown * 1000:.1f} ms")
    assert 1 / 1.5 < known / unknown < 1.5
