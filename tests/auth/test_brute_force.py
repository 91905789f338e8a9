"""Guessing passwords: how often, from where, for how long, and what the time it takes tells."""

import time
from statistics import median
from types import SimpleNamespace

import pytest
from argon2 import PasswordHasher

from app.users import passwords

from .. import conftest
from ..support.assertions import assert_error
from ..support.settings import PASSWORD

LOGIN, CHANGE = "/api/auth/login", "/api/auth/password"
WRONG = "not the battery staple"
THIEF, VICTIM, PROXY = "203.0.113.66", "198.51.100.7", "10.0.0.1"
QUARTER = 15 * 60  # seconds


@pytest.fixture
def quick(monkeypatch):
    """Passwords that are quick to try; what was tried is counted."""
    hasher, tried = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1), []

    class Counting(PasswordHasher):
        def verify(self, hash, password):
            tried.append(hash)
            return hasher.verify(hash, password)

    monkeypatch.setattr(passwords, "_hasher", Counting(1, 8, 1))
    monkeypatch.setattr(passwords, "_DUMMY_HASH", hasher.hash("nobody has this password"))
    monkeypatch.setattr(conftest, "PASSWORD_HASH", hasher.hash(PASSWORD))
    return tried


@pytest.fixture
def limited(app, make_app, quick):
    """A maker of apps that limit failures to sign in, as always, and little else."""
    return lambda **given: make_app(log_level="critical", **given) if given else app


def guess(app, email, password=WRONG, address=THIEF, **headers):
    """The answer to one try from ``address``."""
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(LOGIN, json={"email": email, "password": password}, headers=sent)


def heard(app, email, times, **how):
    return [guess(app, email, **how).status_code for _ in range(times)]


def later(monkeypatch, seconds):
    moment = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: moment)


# How often


@pytest.mark.parametrize("who", ["somebody", "disabled", "nobody"])
def test_five_guesses_and_no_sixth_is_even_tried(limited, make_user, quick, who):
    emails = {"nobody": "nobody@example.org"}
    email = emails.get(who) or make_user(disabled=who == "disabled").email
    app = limited()
    assert heard(app, email, 8) == [401] * 5 + [429] * 3
    assert len(quick) == 5
    assert_error(guess(app, email, PASSWORD), 429, "RATE_LIMITED")
    assert len(quick) == 5


def test_what_is_refused_says_the_same_of_everybody(limited, make_user):
    app, said = limited(), []
    for email in (make_user().email, "nobody@example.org", make_user(disabled=True).email):
        answers = [guess(app, email) for _ in range(6)]
        for answer in answers:
            body = {**answer.json, "requestId": None}
            own = {"X-Request-ID", "X-RateLimit-Reset", "X-RateLimit-Remaining", "Retry-After"}
            said.append((answer.status_code, body, {*answer.headers.keys()} - own))
    assert said[:6] == said[6:12] == said[12:]


def test_each_limit_ends_and_each_failure_begins_no_new_one(limited, make_user, monkeypatch):
    app, user = limited(), make_user()
    assert heard(app, user.email, 9) == [401] * 5 + [429] * 4
    later(monkeypatch, QUARTER - 60)
    wait = guess(app, user.email, PASSWORD)
    assert_error(wait, 429, "RATE_LIMITED")
    assert 1 <= int(wait.headers["Retry-After"]) <= 61
    later(monkeypatch, 62)  # knocking meanwhile has not made it longer
    assert guess(app, user.email, PASSWORD).status_code == 200
    assert heard(app, user.email, 6) == [401] * 5 + [429]


def test_the_limit_of_guesses_is_a_setting(limited, make_user):
    app, user = limited(ratelimit_login="2 per hour"), make_user()
    assert heard(app, user.email, 3) == [401, 401, 429]
    assert 3500 < int(guess(app, user.email).headers["Retry-After"]) <= 3600


@pytest.mark.parametrize(
    "spelling",
    [
        str.upper,
        str.title,
        lambda email: email.replace("@", "＠"),
        lambda email: email.replace("f", "ｆ", 1),
        lambda email: email.replace("exämple", "xn--exmple-cua").upper(),
        lambda email: f"{email}\u200b",  # no domain has a sign that nobody sees
    ],
)
def test_no_spelling_of_one_address_brings_more_guesses(limited, make_user, spelling):
    app, user = limited(), make_user(email="fatima@exämple.org")
    assert heard(app, user.email, 3) == [401] * 3
    assert heard(app, spelling(user.email), 3) == [401, 401, 429]


@pytest.mark.parametrize(
    "email", ["fatima@example.org ", " fatima@example.org", "fati\u200bma@example.org"]
)
def test_a_spelling_that_is_another_address_signs_nobody_in(limited, make_user, email):
    make_user(email="fatima@example.org")
    assert_error(guess(limited(), email, PASSWORD), 401, "INVALID_CREDENTIALS")


def test_a_stolen_session_brings_no_more_guesses_at_the_password(limited, make_user, sign_in):
    app, user = limited(), make_user()
    assert heard(app, user.email, 3) == [401] * 3
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = THIEF
    client.environ_base["HTTP_AUTHORIZATION"] = sign_in(user=user).environ_base[
        "HTTP_AUTHORIZATION"
    ]
    change = {"currentPassword": WRONG, "newPassword": "another battery staple"}
    tried = [client.post(CHANGE, json=change).status_code for _ in range(3)]
    assert tried == [401, 401, 429]
    assert_error(guess(app, user.email, PASSWORD), 429, "RATE_LIMITED")


def test_another_email_brings_no_more_guesses_either(limited, make_user, sign_in):
    app, user = limited(), make_user()
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = THIEF
    client.environ_base["HTTP_AUTHORIZATION"] = sign_in(user=user).environ_base[
        "HTTP_AUTHORIZATION"
    ]
    change = {"currentPassword": WRONG, "newPassword": "another battery staple"}
    assert [client.post(CHANGE, json=change).status_code for _ in range(6)] == [401] * 5 + [429]
    moved = client.patch(f"/api/users/{user.id}", json={"email": "moved@example.org"})
    assert moved.status_code == 200
    assert_error(client.post(CHANGE, json=change), 429, "RATE_LIMITED")
    assert_error(guess(app, "moved@example.org", PASSWORD), 429, "RATE_LIMITED")


# From where


FORWARDED = [
    *("X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP"),
    *("X-Originating-IP", "X-Remote-Addr", "X-Cluster-Client-IP", "Client-IP"),
]


@pytest.mark.parametrize("header", [*FORWARDED, "Forwarded"])
def test_nobody_escapes_by_saying_that_they_are_elsewhere(limited, make_user, header):
    app, user, written = limited(), make_user(), "{}"
    if header == "Forwarded":
        written = "for={}"
    statuses = [
        guess(app, user.email, **{header: written.format(f"192.0.2.{number}")}).status_code
        for number in range(6)
    ]
    assert statuses == [401] * 5 + [429]
    assert guess(app, user.email, PASSWORD, address=VICTIM).status_code == 200


@pytest.mark.parametrize("proxies", [1, 2])
def test_behind_proxies_only_what_the_trusted_ones_wrote_counts(limited, make_user, proxies):
    app, user = limited(trusted_proxies=proxies), make_user()
    behind = f", {PROXY}" * (proxies - 1)
    statuses = [
        guess(
            *(app, user.email),
            address=PROXY,
            X_Forwarded_For=f"192.0.2.{number}, 192.0.3.{number}, {THIEF}{behind}",
        ).status_code
        for number in range(6)
    ]
    assert statuses == [401] * 5 + [429]


def test_behind_a_proxy_no_other_header_says_where_somebody_is(limited, make_user):
    app, user = limited(trusted_proxies=1), make_user()
    for header in FORWARDED[1:6]:
        sent = {"X-Forwarded-For": THIEF, header: "192.0.2.1"}
        assert guess(app, user.email, address=PROXY, **sent).status_code == 401
    answer = guess(app, user.email, PASSWORD, address=PROXY, X_Forwarded_For=THIEF)
    assert_error(answer, 429, "RATE_LIMITED")


def test_an_address_that_is_none_is_counted_like_any_other(limited, make_user):
    app = limited(trusted_proxies=1)
    words = ["", " ", ",", ", ,", "unknown", "a" * 8000, "é", "2001:db8::1", "[2001:db8::1]:5"]
    for said in words:
        sent = {"address": PROXY, "X-Forwarded-For": said}
        assert heard(app, make_user().email, 6, **sent) == [401] * 5 + [429], said


# Who suffers


def test_nobody_locks_out_somebody_at_another_address(limited, make_user):
    app, user = limited(), make_user()
    assert heard(app, user.email, 20)[-1] == 429
    assert guess(app, user.email, PASSWORD, address=VICTIM).status_code == 200
    assert heard(app, user.email, 5, address=VICTIM) == [401] * 5


def test_nobody_locks_out_somebody_by_claiming_their_address(limited, make_user):
    direct, user = limited(), make_user()
    assert heard(direct, user.email, 6, X_Forwarded_For=VICTIM)[-1] == 429
    assert guess(direct, user.email, PASSWORD, address=VICTIM).status_code == 200
    behind = limited(trusted_proxies=1)
    forged = {"address": PROXY, "X_Forwarded_For": f"{VICTIM}, {THIEF}"}
    assert heard(behind, user.email, 6, **forged)[-1] == 429
    there = {"address": PROXY, "X_Forwarded_For": VICTIM}
    assert guess(behind, user.email, PASSWORD, **there).status_code == 200


def test_no_email_is_written_so_that_it_counts_against_another(limited, make_user):
    app, user = limited(), make_user()
    for email in (f"{user.email}/{VICTIM}", f"{user.email}/", f"x/{user.email}"):
        assert heard(app, email, 6)[-1] == 429
    assert guess(app, user.email, PASSWORD, address=VICTIM).status_code == 200
    assert guess(app, user.email, PASSWORD).status_code == 200


def test_a_sign_in_that_holds_outlives_any_number_of_guesses(limited, make_user, sign_in):
    app, person = limited(), sign_in()
    assert heard(app, person.user.email, 10)[-1] == 429
    assert person.get("/api/auth/me").status_code == 200


# E-mails that look alike

TAKEN, ANOTHER, NONE = 409, 201, 400
ALIKE = {
    "FATIMA@EXAMPLE.ORG": TAKEN,
    "ｆａｔｉｍａ@example.org": TAKEN,
    "fatima@ｅｘａｍｐｌｅ.org": TAKEN,
    "fatima@example。org": TAKEN,
    "𝐟atima@example.org": TAKEN,
    "ﬁtima@example.org": ANOTHER,
    "fаtima@example.org": ANOTHER,  # a Cyrillic letter
    "fatıma@example.org": ANOTHER,  # without its dot
    "fátima@example.org": ANOTHER,
    "fatima+x@example.org": ANOTHER,
    "فاطمة@example.org": ANOTHER,
    "fati\u200bma@example.org": NONE,
    "\u202efatima@example.org": NONE,
    "fatima@exam\u00adple.org": NONE,
    "fatima@exa\u0000mple.org": NONE,
    "fatima@xn--.org": NONE,
    "fatima@example.org\u200b": NONE,
    '"fatima"@example.org': NONE,
    "fatima@example.org#@x.org": NONE,
}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("email", "status"), ALIKE.items(), ids=[ascii(each) for each in ALIKE])
def test_an_email_is_taken_another_or_none_and_never_both(client, make_user, sql, email, status):
    first = make_user(email="fatima@example.org")
    body = {"name": "Mallory", "email": email, "password": "mallory's own password"}
    answer = client.post("/api/auth/register", json=body)
    assert answer.status_code == status, answer.text
    signed_in = client.post(LOGIN, json={"email": email, "password": body["password"]})
    assert signed_in.status_code in ((200,) if status == ANOTHER else (400, 401))
    own = client.post(LOGIN, json={"email": first.email, "password": PASSWORD})
    assert own.json["user"]["id"] == str(first.id)
    assert sql("SELECT count(*) FROM users") == [(2 if status == ANOTHER else 1,)]


# What the time tells


@pytest.mark.parametrize("who", ["somebody", "nobody", "disabled", "no e-mail", "gone"])
def test_whoever_it_is_one_password_is_tried(limited, make_user, sign_in, quick, who):
    email = {
        "somebody": lambda: make_user().email,
        "nobody": lambda: "nobody@example.org",
        "disabled": lambda: make_user(disabled=True).email,
        "no e-mail": lambda: "fatima",
        "gone": lambda: gone(sign_in, make_user),
    }[who]()
    assert_error(guess(limited(), email), 401, "INVALID_CREDENTIALS")
    assert len(quick) == 1


def gone(sign_in, make_user):
    user = make_user()
    assert sign_in("admin").delete(f"/api/users/{user.id}").status_code == 200
    return user.email


def test_a_taken_email_takes_as_long_to_register_as_a_new_one(client, make_user, monkeypatch):
    taken, done, real = make_user().email, [], passwords.hash_password
    monkeypatch.setattr(passwords, "hash_password", lambda given: done.append(given) or real(given))
    for email, status in ((taken, 409), ("new@example.org", 201)):
        body = {"name": "Omar", "email": email, "password": PASSWORD}
        assert client.post("/api/auth/register", json=body).status_code == status
    assert len(done) == 2


def test_an_unknown_email_takes_as_long_as_a_wrong_password(make_app, make_user):
    """Measured as it really is; the number of verifications above is what makes it so."""
    app = make_app(log_level="critical", ratelimit_login="1000 per minute")
    known, took = make_user().email, SimpleNamespace(known=[], unknown=[])
    for number in range(20):
        for kind, email in (("known", known), ("unknown", f"nobody{number}@example.org")):
            began = time.perf_counter()
            assert guess(app, email).status_code == 401
            getattr(took, kind).append(time.perf_counter() - began)
    known, unknown = median(took.known), median(took.unknown)
    print(f"\nwrong password {known * 1000:.1f} ms, unknown e-mail {unknown * 1000:.1f} ms")
    assert 1 / 1.5 < known / unknown < 1.5
