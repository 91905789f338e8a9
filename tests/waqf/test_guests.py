"""Donations without an account: their receipts, and what becomes of them with an account."""

import pytest

from app.database.base import db
from app.http.signed_links import sign
from app.notifications.actions import ATTACHMENTS, SECRETS
from app.notifications.models import Mail
from app.users.models import User

from ..support.assertions import assert_error, read_json
from ..support.concurrency import run_concurrently
from ..support.pdf import pdf_text
from ..support.waqf import DONATIONS, PROJECTS, get_intent_id

MARIAM = {"name": "Mariam al-Ijliya", "email": "mariam@example.org"}
COUNTS = "SELECT raised, donor_count, donation_count FROM waqf_projects"

pytestmark = pytest.mark.usefixtures("ledger_agrees")


@pytest.fixture
def give(waqf, client):
    """Return a function that creates a guest's donation and returns its JSON, still unpaid."""
    return lambda project, amount=25, donor=MARIAM, **values: waqf.create_donation(
        client, project, amount, donor=donor, **values
    )


@pytest.fixture
def give_paid(waqf, give):
    """Return a function that creates and pays a guest's donation."""

    def create(*args, **values):
        donation = give(*args, **values)
        waqf.deliver_events(waqf.stripe.succeed(get_intent_id(donation)))
        return donation

    return create


@pytest.fixture
def mails(app):
    """Return a function that lists the mails with their secrets, without the links' base."""

    def find():
        with app.app_context():
            return [
                (mail, SECRETS[mail.kind](mail)["link"].removeprefix("http://localhost"))
                for mail in db.session.scalars(
                    db.select(Mail).where(Mail.kind == "receipt").order_by(Mail.id)
                )
            ]

    return find


@pytest.fixture
def mariam(app, sign_in, make_user):
    """Return a client of a user with the address of MARIAM; ``confirm()`` confirms it."""
    user = make_user(name="Mariam", email=MARIAM["email"])

    def confirm():
        with app.app_context():
            User.get_for_update(user.id).confirm_email()
            db.session.commit()

    client = sign_in(user=user)
    client.confirm = confirm
    return client


# Giving


def test_a_guest_gives(waqf, give):
    project = waqf.create_project()
    donation = give(project, message="For my parents")
    assert donation["userId"] is None
    assert donation["donorName"] == MARIAM["name"]
    assert donation["status"] == donation["payment"]["status"] == "pending"
    assert "_secret_" in donation["payment"]["clientSecret"]


def test_a_guest_pays_with_a_card_at_once(waqf, give, client):
    project = waqf.create_project()
    donation = give(project, paymentMethodId="pm_card_visa")
    assert donation["status"] == "succeeded"
    declined = waqf.post_donation(
        client, project, donor=MARIAM, paymentMethodId="pm_card_visa_chargeDeclined"
    )
    assert_error(declined, 402, "PAYMENT_DECLINED")


def test_the_response_for_a_guest_links_to_the_receipt(waqf, client):
    project = waqf.create_project()
    key = {"Idempotency-Key": "a-gift"}
    body = {"projectId": project["id"], "amount": 25, "donor": MARIAM}
    response = client.post(DONATIONS, json=body, headers=key)
    path = response.headers["Link"].partition("<")[2].partition(">")[0]
    assert 'rel="related"' in response.headers["Link"]
    assert_error(client.get(path), 404, "RECEIPT_NOT_FOUND")
    waqf.deliver_events(waqf.stripe.succeed(get_intent_id(read_json(response))))
    assert "Mariam al-Ijliya" in pdf_text(client.get(path))
    replayed = client.post(DONATIONS, json=body, headers=key)
    assert replayed.headers["Idempotent-Replayed"] == "true"
    assert replayed.headers["Link"] == response.headers["Link"]


def test_the_response_for_a_user_has_no_link(waqf, sign_in):
    response = waqf.post_donation(sign_in(), waqf.create_project())
    assert (response.status_code, response.headers.get("Link")) == (201, None)


@pytest.mark.parametrize(
    "body", [{}, {"donor": None}, [], "donor", {"donor": None, "amount": "NaN"}], ids=repr
)
def test_a_request_that_names_no_donor_is_unauthorized(client, body):
    assert_error(client.post(DONATIONS, json=body), 401, "AUTH_REQUIRED")


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"donor": {}, "donor": null}'], ids=repr)
def test_so_is_one_that_cannot_be_read(client, body):
    response = client.post(DONATIONS, data=body, content_type="application/json")
    assert_error(response, 401, "AUTH_REQUIRED")


def test_so_is_one_that_is_no_json(client):
    response = client.post(DONATIONS, data={"donor": "x"})
    assert_error(response, 401, "AUTH_REQUIRED")


@pytest.mark.parametrize(
    ("donor", "path"),
    [
        ("Mariam", ["donor"]),
        ({"name": "Mariam"}, ["donor", "email"]),
        ({"email": "mariam@example.org"}, ["donor", "name"]),
        ({**MARIAM, "email": "mariam"}, ["donor", "email"]),
        ({**MARIAM, "email": 5}, ["donor", "email"]),
        ({**MARIAM, "name": "\u200b"}, ["donor", "name"]),
        ({**MARIAM, "id": "x"}, ["donor", "id"]),
    ],
)
def test_a_donor_is_validated(waqf, client, donor, path, sql):
    body = {"projectId": waqf.create_project()["id"], "amount": 25, "donor": donor}
    for headers in ({}, {"Idempotency-Key": "k"}):
        response = client.post(DONATIONS, json=body, headers=headers)
        assert_error(response, 400, "VALIDATION_ERROR", path=path)
    assert sql("SELECT * FROM waqf_donations") == []


def test_a_user_names_no_donor(waqf, sign_in, sql):
    project, donor = waqf.create_project(), sign_in()
    response = waqf.post_donation(donor, project, donor=MARIAM)
    assert_error(response, 400, "VALIDATION_ERROR", path=["donor"])
    assert sql("SELECT * FROM waqf_donations") == []
    assert waqf.create_donation(donor, project, donor=None)["userId"] == str(donor.user.id)


@pytest.mark.parametrize("token", ["expired", "Bearer", "Bearer x", "Basic x"])
def test_an_invalid_token_does_not_make_a_guest(waqf, client, token):
    body = {"projectId": waqf.create_project()["id"], "amount": 25, "donor": MARIAM}
    response = client.post(DONATIONS, json=body, headers={"Authorization": token})
    expected = (401, "INVALID_TOKEN") if token.startswith("Bearer") else (201, None)
    assert (response.status_code, response.json.get("code")) == expected


def test_a_revoked_token_does_not_make_a_guest(waqf, sign_in):
    donor = sign_in()
    donor.post("/api/auth/logout")
    response = waqf.post_donation(donor, waqf.create_project(), donor=MARIAM)
    assert_error(response, 401, "TOKEN_REVOKED")


def test_the_goal_holds_for_guests(waqf, give_paid, client):
    project = waqf.create_project(fundingGoal=100)
    give_paid(project, 100)
    assert_error(waqf.post_donation(client, project, donor=MARIAM), 400, "GOAL_MET")
    inactive = waqf.create_project(active=False)
    assert_error(waqf.post_donation(client, inactive, donor=MARIAM), 400, "PROJECT_INACTIVE")


def test_guests_never_pass_a_goal_together(waqf, app, sql):
    project = waqf.create_project(fundingGoal=100)
    responses = run_concurrently(
        lambda _: waqf.post_donation(app.test_client(), project, 60, donor=MARIAM).status_code, 6
    )
    assert sorted(responses) == [201, 201, 400, 400, 400, 400]
    assert sql("SELECT pledged FROM waqf_projects") == [(100,)]


# Limits and keys


def test_guests_have_a_limit_for_each_address(waqf, make_app, stripe_settings):
    project = waqf.create_project()
    app = make_app(**stripe_settings, ratelimit_guest_donations="2 per hour", trusted_proxies=1)

    body = {"projectId": project["id"], "amount": 25, "donor": MARIAM}

    def post(address):
        client = app.test_client()
        return client.post(DONATIONS, json=body, headers={"X-Forwarded-For": address})

    assert [post("192.0.2.1").status_code for _ in range(2)] == [201, 201]
    limited = post("192.0.2.1")
    assert_error(limited, 429, "RATE_LIMITED")
    assert limited.headers["X-RateLimit-Limit"] == "2"
    assert int(limited.headers["Retry-After"]) > 60
    assert post("192.0.2.2").status_code == 201


def test_users_do_not_count_for_the_limit_of_guests(waqf, sign_in, monkeypatch, app):
    limits = app.extensions["rate_limits"]
    monkeypatch.setitem(limits, "guest_donations", limits["limited"])
    project, donor = waqf.create_project(fundingGoal=10000), sign_in()
    for _ in range(3):
        waqf.create_donation(donor, project)
    client = app.test_client()
    assert waqf.post_donation(client, project, donor=MARIAM).status_code == 201


def test_a_repeated_request_gives_once(waqf, app, sql):
    project = waqf.create_project()
    body = {"projectId": project["id"], "amount": 25, "donor": MARIAM}

    def post(address="192.0.2.1", **values):
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = address
        headers = {"Idempotency-Key": "gift-1"}
        return client.post(DONATIONS, json={**body, **values}, headers=headers)

    first = post()
    again = post(address="198.51.100.9")  # the network of a phone has changed
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert_error(post(amount=26), 422, "IDEMPOTENCY_KEY_REUSED")
    upper = {**MARIAM, "email": "MARIAM@example.org"}
    assert_error(post(donor=upper), 422, "IDEMPOTENCY_KEY_REUSED")
    other = post(donor={**MARIAM, "email": "other@example.org"})  # chose the same key
    assert other.json["id"] != first.json["id"]
    assert sql("SELECT count(*) FROM waqf_donations") == [(2,)]
    assert "mariam" not in str(sql("SELECT * FROM guest_idempotency_keys"))


def test_a_key_of_a_guest_is_not_that_of_a_user(waqf, client, sign_in):
    project, headers = waqf.create_project(), {"Idempotency-Key": "gift-1"}
    body = {"projectId": project["id"], "amount": 25}
    guest = client.post(DONATIONS, json={**body, "donor": MARIAM}, headers=headers)
    user = sign_in().post(DONATIONS, json=body, headers=headers)
    assert guest.json["id"] != user.json["id"]


def test_concurrent_requests_with_a_key_give_once(waqf, app, sql):
    body = {"projectId": waqf.create_project()["id"], "amount": 25, "donor": MARIAM}
    headers = {"Idempotency-Key": "gift-1"}
    responses = run_concurrently(
        lambda _: app.test_client().post(DONATIONS, json=body, headers=headers), 4
    )
    assert {response.status_code for response in responses} <= {201, 409}
    assert sql("SELECT count(*) FROM waqf_donations") == [(1,)]


def test_an_unfinished_request_is_resumed(waqf, app, sql):
    waqf.stripe.inject_fault("refuse-500", times=10)
    body = {"projectId": waqf.create_project()["id"], "amount": 25, "donor": MARIAM}
    post = lambda: app.test_client().post(  # noqa: E731
        DONATIONS, json=body, headers={"Idempotency-Key": "gift-1"}
    )
    assert_error(post(), 503, "PAYMENT_UNAVAILABLE")
    waqf.stripe.faults.clear()
    assert post().status_code == 201
    assert sql("SELECT count(*) FROM waqf_donations") == [(1,)]


def test_expired_keys_of_guests_are_pruned(waqf, client, app, later, sql):
    body = {"projectId": waqf.create_project()["id"], "amount": 25, "donor": MARIAM}
    client.post(DONATIONS, json=body, headers={"Idempotency-Key": "gift-1"})
    later(25)
    app.test_cli_runner().invoke(args=["prune"])
    assert sql("SELECT * FROM guest_idempotency_keys") == []


# Who sees what


def test_staff_sees_the_guest_and_the_public_what_they_chose(waqf, give_paid):
    project = waqf.create_project()
    named, hidden = give_paid(project), give_paid(project, isAnonymous=True)
    rows = read_json(waqf.officer.get(f"{DONATIONS}/all"))["data"]
    assert [row["donor"] for row in rows] == [{"id": None, **MARIAM}] * 2
    for query in ("mariam%40example", "ijliya"):
        assert len(waqf.officer.get(f"{DONATIONS}/all?donor={query}").json["data"]) == 2
    public = waqf.list_public_donations(project)
    names = {row["id"]: (row["donorName"], row["userId"]) for row in public["data"]}
    assert names == {named["id"]: (MARIAM["name"], None), hidden["id"]: (None, None)}
    assert MARIAM["email"] not in str(public)
    ledger = read_json(waqf.officer.get(f"{PROJECTS}/{project['id']}/ledger"))
    assert {entry["donorName"] for entry in ledger["entries"]["data"]} == {MARIAM["name"], None}


# Receipts


def test_the_receipt_is_mailed_to_a_guest_when_the_money_has_arrived(waqf, give, mails, app):
    donation = give(waqf.create_project(), isAnonymous=True)
    assert mails() == []
    for _ in range(2):
        waqf.deliver_events(waqf.stripe.succeed(get_intent_id(donation)))
    ((mail, link),) = mails()
    assert (mail.kind, mail.user_id, mail.address, mail.name) == (
        *("receipt", None),
        *(MARIAM["email"], MARIAM["name"]),
    )
    assert "/receipts/" not in str(mail.facts)
    response = app.test_client().get(link)
    assert (response.status_code, response.mimetype) == (200, "application/pdf")
    assert response.headers["Cache-Control"] == "no-store"
    assert MARIAM["name"] in pdf_text(response)
    with app.app_context():
        ((name, pdf, media_type),) = ATTACHMENTS["receipt"](mail)
    assert (name, media_type) == (f"{mail.facts['number']}.pdf", "application/pdf")
    assert pdf.startswith(b"%PDF")


def test_users_and_offline_donors_get_their_receipt_too(waqf, sign_in, mails, client):
    project, donor = waqf.create_project(), sign_in()
    waqf.create_paid_donation(donor, project)
    cheque = {"amount": 25, "method": "cheque", "receivedOn": "2026-01-20"}
    for number, values in enumerate([{}, {"donorEmail": "ali@example.net"}]):
        body = {**cheque, "reference": f"C-{number}", **values}
        waqf.officer.post(f"{PROJECTS}/{project['id']}/offline-donations", json=body)
    (to_user, link), (to_donor, _) = mails()
    assert (to_user.user_id, to_user.address) == (donor.user.id, None)
    assert (to_donor.user_id, to_donor.address) == (None, "ali@example.net")
    assert client.get(link).status_code == 200


def test_only_a_link_of_ours_leads_to_a_receipt(waqf, give, give_paid, mails, app):
    project = waqf.create_project()
    pending = give(project)
    give_paid(project)
    ((_, link),) = mails()
    base, _, token = link.rpartition("/")
    with app.app_context():
        others = [sign("receipt", pending["id"]), sign("export", pending["id"])]
    forged = [token[:-1], f"{token}A", token.swapcase(), "x", "a.b", pending["id"], "\u202e", "é."]
    for other in [*others, *forged]:
        assert_error(app.test_client().get(f"{base}/{other}"), 404, "RECEIPT_NOT_FOUND")


def test_a_link_outlives_the_key_that_signed_it_by_one_rotation(
    waqf, give_paid, mails, app, monkeypatch
):
    give_paid(waqf.create_project())
    ((_, link),) = mails()
    (key,) = app.config["JWT_KEYS"]
    for keys, status in [((key, "o" * 40), 200), (("n" * 40, key), 200), (("n" * 40,), 404)]:
        monkeypatch.setitem(app.config, "JWT_KEYS", keys)
        assert app.test_client().get(link).status_code == status


def test_a_refund_shows_on_the_receipt_of_the_link(waqf, give_paid, sign_in, mails, client):
    donation = give_paid(waqf.create_project())
    sign_in("admin").post(f"{DONATIONS}/{donation['id']}/refund", json={"amount": 5})
    ((_, link),) = mails()
    assert "What has happened since" in pdf_text(client.get(link))


# Adoption


def test_registering_alone_adopts_nothing(waqf, give_paid, client):
    give_paid(waqf.create_project())
    body = {**MARIAM, "password": "correct horse battery staple"}
    token = client.post("/api/auth/register", json=body).json["accessToken"]
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get(DONATIONS, headers=headers).json["data"] == []


def test_a_confirmed_address_adopts_the_gifts(waqf, give, give_paid, mariam, sql):
    project, other = waqf.create_project(), waqf.create_project()
    mine = [
        give_paid(project, 10)["id"],
        give_paid(project, 20, {**MARIAM, "email": "Mariam@EXAMPLE.org"})["id"],
        give_paid(other, 30, isAnonymous=True)["id"],
        give(other, 40)["id"],
    ]
    give_paid(other, 50, {**MARIAM, "email": "mariam@example.com"})
    assert sql(f"{COUNTS} ORDER BY id") == [(30, 2, 2), (80, 2, 2)]
    for _ in range(2):
        mariam.confirm()
    listed = read_json(mariam.get(DONATIONS))["data"]
    assert {row["id"] for row in listed} == set(mine)
    assert sql(f"{COUNTS} ORDER BY id") == [(30, 1, 2), (80, 2, 2)]
    for id in mine[:3]:
        assert MARIAM["name"] in pdf_text(mariam.get(f"{DONATIONS}/{id}/receipt"))
    pledge = next(row for row in listed if row["id"] == mine[3])
    waqf.deliver_events(waqf.stripe.succeed(get_intent_id(pledge)))
    assert sql("SELECT user_id FROM mails ORDER BY id")[-1] == (mariam.user.id,)


def test_a_gift_that_is_being_paid_is_adopted_once_and_counted_right(waqf, give, mariam, sql):
    project = waqf.create_project()
    intents = [get_intent_id(give(project, 10)) for _ in range(3)]
    events = [event for intent in intents for event in waqf.stripe.succeed(intent)]
    calls = [mariam.confirm, mariam.confirm]
    calls += [lambda event=event: waqf.deliver(event) for event in events]
    run_concurrently(lambda number: calls[number](), len(calls))
    assert sql(COUNTS) == [(30, 1, 3)]
    assert sql("SELECT DISTINCT user_id FROM waqf_donations") == [(mariam.user.id,)]


def test_an_adopted_gift_of_an_erased_user_leaves_no_texts(waqf, give_paid, mariam, sql, sign_in):
    give_paid(waqf.create_project(), message="For my parents")
    mariam.confirm()
    assert sign_in("admin").delete(f"/api/users/{mariam.user.id}").status_code == 200
    texts = "SELECT payer_name, payer_email, payer_email_key, message FROM waqf_donations"
    assert sql(texts) == [(None, None, None, None)]
