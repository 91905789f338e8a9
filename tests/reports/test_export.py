"""The export of everything about a user, and its link."""

import io
import json
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest

from app import clock
from app.database.base import db
from app.http.signed_links import sign
from app.notifications.actions import SECRETS
from app.notifications.models import Mail
from app.reports.export_sections import SECTIONS
from app.users.models import User

from ..support.assertions import assert_error
from ..support.concurrency import run_concurrently
from ..support.files import PNG, UPLOAD, multipart_form
from ..support.murabaha import VENDORS, ApplicationFlow
from ..support.waqf import DONATIONS, WaqfFlow

EXPORT = "/api/auth/me/export"
CALCULATIONS = "/api/zakat/calculations"

# Columns that refer to users and are no section, each with the reason. All other tables are.
NOT_EXPORTED = {
    "approvals.requested_by": "an act in office",
    "approvals.confirmed_by": "an act in office",
    "idempotency_keys.user_id": "an encrypted copy of responses, for a day",
    "account_tokens.user_id": "the hash of a link's token, for an hour",
    "known_devices.user_id": "in the list of sessions while one is active",
    "second_factors.user_id": "an encrypted secret",
    "recovery_codes.user_id": "hashes of secrets",
    "data_exports.user_id": "the export itself",
    "waqf_disbursements.recorded_by": "an act in office",
    "waqf_disbursement_reversals.reversed_by": "an act in office",
    "waqf_donations.recorded_by": "an act in office",
    "waqf_donations.reversed_by": "an act in office",
    "zakat_metal_prices.published_by": "an act in office",
    "zakat_metal_prices.withdrawn_by": "an act in office",
    "murabaha_receipts.recorded_by": "an act in office",
    "murabaha_receipts.reversed_by": "an act in office",
    "murabaha_acquisitions.recorded_by": "an act in office",
    "murabaha_waivers.granted_by": "an act in office",
    "murabaha_waivers.reversed_by": "an act in office",
    "murabaha_promises.recorded_by": "an act in office",
    "murabaha_promises.withdrawn_by": "an act in office",
    "payment_exceptions.resolved_by": "an act in office",
}
SECRETS_OF_ROWS = ("passwordHash", "refreshJti", "clientSecret", "emailKey", "_secret_", "$argon2")


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def find_link(app, run_jobs):
    """Return a function that returns the link in the only mail about an export."""

    def find():
        run_jobs()
        with app.app_context():
            (mail,) = db.session.scalars(db.select(Mail).where(Mail.kind == "export_ready"))
            return SECRETS["export_ready"](mail)["link"]

    return find


@pytest.fixture
def export(find_link):
    """Return a function that exports a client's data and returns the archive."""

    def make(client):
        assert client.get(EXPORT).status_code == 202
        response = client.application.test_client().get(find_link(), buffered=True)
        assert (response.status_code, response.mimetype) == (200, "application/zip")
        assert response.headers["Content-Disposition"] == "attachment; filename=export.zip"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.content_length == len(response.data)
        return ZipFile(io.BytesIO(response.data))

    return make


@pytest.fixture
def zubaida(sign_in, make_user):
    return sign_in(user=make_user(name="Zubaida", email="zubaida@example.org"))


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return WaqfFlow(sign_in, stripe_server, deliver)


@pytest.fixture
def lives(sign_in, make_user, zubaida, waqf):
    """Return the clients of two users who have a row of everything, and what each uploaded."""
    officer = sign_in("officer", user=make_user("officer", name="Umar", email="umar@example.org"))
    vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
    other = sign_in(user=make_user(name="Mallory", email="mallory@example.org"))
    project, files = waqf.create_project(), {}
    for client in (zubaida, other):
        name = client.user.name
        client.post(CALCULATIONS, json={"wealth": 10000, "nisab": 5000, "notes": f"Of {name}"})
        calculation = client.get(CALCULATIONS).json["data"][0]["id"]
        client.post(
            "/api/zakat/obligations", json={"calculationId": calculation, "dueOn": "2026-12-01"}
        )
        data, content_type = multipart_form(PNG + name.encode(), f"{name}.png")
        response = client.post(UPLOAD, data=data, content_type=content_type)
        files[name] = response.json["filename"]
        waqf.create_paid_donation(client, project, message=f"From {name}")
        waqf.create_donation(client, project)
        item = f"A car for {name}"
        documents = {"documents": [files[name]]}
        flow = ApplicationFlow(client, officer, vendor, itemDescription=item, **documents)
        flow.approve().acquire().record_down_payment().accept().record(1, 1000)
        flow.perform(officer, "installments/12/waive", {"reason": "Hardship"})
        promise = {"promisedOn": "2026-02-01", "note": f"Of {name}"}
        assert flow.post(officer, "promises", promise).status_code == 201
        assert flow.post(client, "installments/1/pay").status_code == 201
    return zubaida, other, files


def read_lists(archive):
    names = [name for name in archive.namelist() if name.endswith(".json")]
    return {name.removesuffix(".json"): json.loads(archive.read(name)) for name in names}


def test_an_export_has_everything_about_the_user(lives, export):
    zubaida, _, files = lives
    archive = export(zubaida)
    assert archive.testzip() is None
    lists = read_lists(archive)
    assert {name: len(rows) for name, rows in lists.items()} == {
        "account": 1, "sessions": 1, "calculations": 1, "zakat-obligations": 1, "donations": 2,
        "applications": 1, "application-events": 8, "receipts": 2, "waivers": 1, "promises": 1,
        "payments": 3, "uploads": 1, "documents": 2, "mails": 3,
    }  # fmt: skip
    (account,) = lists["account"]
    assert (account["name"], account["email"], account["locale"]) == (
        *("Zubaida", "zubaida@example.org"),
        "en",
    )
    assert lists["calculations"][0]["notes"] == "Of Zubaida"
    assert lists["applications"][0]["installments"][0]["paidAmount"] == 1000
    assert {document["kind"] for document in lists["documents"]} == {"receipt", "agreement"}
    numbers = {document["number"] for document in lists["documents"]}
    pdfs = {name for name in archive.namelist() if name.startswith("documents/")}
    assert pdfs == {f"documents/{number}.pdf" for number in numbers}
    assert all(archive.read(name).startswith(b"%PDF") for name in pdfs)
    assert archive.read(f"uploads/{files['Zubaida']}") == PNG + b"Zubaida"


def test_it_has_nothing_of_other_people_and_no_secrets(lives, export, sql):
    zubaida, other, _ = lives
    archive = export(zubaida)
    text = "".join(
        archive.read(name).decode() for name in archive.namelist() if name.endswith(".json")
    )
    text += " ".join(archive.namelist())
    staff = [id for (id,) in sql("SELECT id FROM users WHERE role <> 'user'")]
    for foreign in ("Mallory", "mallory@", "Umar", "umar@", other.user.id, *staff):
        assert str(foreign) not in text
    for secret in SECRETS_OF_ROWS:
        assert secret not in text


def test_every_table_that_refers_to_users_is_considered(app):
    exported = {
        f"{section.entity.__tablename__}.user_id"
        for section in SECTIONS
        if section.entity.__tablename__ != "users"
    }
    references = {
        f"{table.name}.{key.parent.name}"
        for table in db.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table.name == "users"
    }
    assert references - exported == NOT_EXPORTED.keys()


def test_an_empty_account_can_be_exported(zubaida, export):
    lists = read_lists(export(zubaida))
    assert lists.keys() == {section.name for section in SECTIONS}
    assert lists["donations"] == []


def test_an_adopted_gift_has_its_receipt(app, zubaida, waqf, export):
    donor = {"name": "Zubaida", "email": "zubaida@example.org"}
    body = {"projectId": waqf.create_project()["id"], "amount": 25, "donor": donor}
    card = {"paymentMethodId": "pm_card_visa"}
    number = app.test_client().post(DONATIONS, json={**body, **card}).json["receiptNumber"]
    with app.app_context():
        User.get_for_update(zubaida.user.id).confirm_email()
        db.session.commit()
    archive = export(zubaida)
    assert f"documents/{number}.pdf" in archive.namelist()
    assert [document["number"] for document in read_lists(archive)["documents"]] == [number]


def test_rows_beyond_a_batch_and_files_that_are_missing(zubaida, export, sql, upload_dir):
    data, content_type = multipart_form()
    name = zubaida.post(UPLOAD, data=data, content_type=content_type).json["filename"]
    (Path(upload_dir) / name).unlink()
    zubaida.post(CALCULATIONS, json={"wealth": 10000, "nisab": 5000})
    columns = [
        column
        for (column,) in sql(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_name = 'zakat_calculations' AND column_name <> 'id'"
        )
    ]
    listed = ", ".join(columns)
    sql(
        f"INSERT INTO zakat_calculations (id, {listed})"  # noqa: S608
        f" SELECT gen_random_uuid(), {listed} FROM zakat_calculations, generate_series(1, 1200)"
    )
    archive = export(zubaida)
    assert len(read_lists(archive)["calculations"]) == 1201
    assert not [name for name in archive.namelist() if name.startswith("uploads/")]


# The link


def test_an_export_is_made_once_an_hour(zubaida, sql, later, run_jobs):
    requested = {"status": "pending", "requestedAt": "2026-01-26T09:30:00Z", "expiresAt": None}
    assert [zubaida.get(EXPORT).json for _ in range(2)] == [requested] * 2
    run_jobs()
    made = {**requested, "status": "ready", "expiresAt": "2026-01-27T09:30:00Z"}
    assert zubaida.get(EXPORT).json == made
    assert sql("SELECT count(*) FROM data_exports") == sql("SELECT count(*) FROM mails") == [(1,)]
    later(2)
    assert zubaida.get(EXPORT).json["requestedAt"] == "2026-01-26T11:30:00Z"


def test_concurrent_requests_make_one_export(zubaida, app, sql, run_jobs):
    headers = {"Authorization": zubaida.environ_base["HTTP_AUTHORIZATION"]}
    responses = run_concurrently(lambda _: app.test_client().get(EXPORT, headers=headers), 4)
    assert {response.status_code for response in responses} == {202}
    run_jobs()
    assert sql("SELECT count(*) FROM data_exports") == sql("SELECT count(*) FROM mails") == [(1,)]


def test_a_link_ends_after_a_day_and_with_the_account(zubaida, client, find_link, later, sign_in):
    zubaida.get(EXPORT)
    link = find_link()
    admin, path = sign_in("admin"), f"/api/users/{zubaida.user.id}"
    for disabled, status in ((True, 404), (False, 200)):
        admin.patch(path, json={"disabled": disabled})
        assert client.get(link, buffered=True).status_code == status
    later(23.9)
    assert client.get(link, buffered=True).status_code == 200
    later(0.2)
    assert_error(client.get(link), 404, "FILE_NOT_FOUND")


def test_only_a_link_of_ours_leads_to_an_export(zubaida, client, app, sql, run_jobs):
    zubaida.get(EXPORT)
    run_jobs()
    ((id,),) = sql("SELECT id FROM data_exports")
    with app.app_context():
        tokens = [sign("receipt", str(id)), sign("export", str(zubaida.user.id))]
        token = sign("export", str(id))
    for other in [*tokens, str(id), f"{token}A", token[:-2]]:
        assert_error(client.get(f"/api/auth/exports/{other}"), 404, "FILE_NOT_FOUND")
    assert client.get(f"/api/auth/exports/{token}", buffered=True).status_code == 200


def archives(upload_dir):
    return list(Path(upload_dir).glob("export-*.zip"))


def test_an_erased_user_leaves_no_archive(zubaida, client, find_link, sign_in, upload_dir):
    before = set(archives(upload_dir))
    zubaida.get(EXPORT)
    link = find_link()
    assert set(archives(upload_dir)) - before
    assert sign_in("admin").delete(f"/api/users/{zubaida.user.id}").status_code == 200
    assert set(archives(upload_dir)) == before
    assert_error(client.get(link), 404, "FILE_NOT_FOUND")


def test_old_archives_are_pruned(zubaida, app, upload_dir, sql, monkeypatch):
    monkeypatch.undo()
    zubaida.get(EXPORT)
    app.test_cli_runner().invoke(args=["prune"])
    assert archives(upload_dir)
    now = clock.now()
    monkeypatch.setattr(clock, "source", lambda: now + timedelta(days=3))
    app.test_cli_runner().invoke(args=["prune"])
    assert archives(upload_dir) == []
    assert sql("SELECT count(*) FROM data_exports") == [(0,)]


def test_a_deletion_beside_an_export_leaves_no_archive(sign_in, upload_dir):
    before, admin = set(archives(upload_dir)), sign_in("admin")
    for _ in range(5):
        client = sign_in()

        def run(number, client=client):
            if number:
                return client.get(EXPORT)
            return admin.delete(f"/api/users/{client.user.id}")

        deleted, exported = run_concurrently(run, 2)
        assert deleted.status_code == 200
        assert exported.status_code in (202, 401)
    assert set(archives(upload_dir)) == before
