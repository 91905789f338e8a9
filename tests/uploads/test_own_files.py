"""Users list and delete their files; files in use stay; quotas hold."""

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import psycopg
import pytest

from app.murabaha.models import Application
from app.uploads import rules

from ..support.assertions import assert_error
from ..support.concurrency import TIMEOUT, run_concurrently, wait_until
from ..support.files import PNG, UPLOADS, fetch, make_content, send, upload
from ..support.murabaha import APPLICATIONS, CAR, VENDORS, ApplicationFlow

KIB = 1024
USERS = "/api/users"


def delete(person, name):
    return person.delete(f"{UPLOADS}/{quote(name)}")


@pytest.fixture(autouse=True)
def fixed_clock(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def officer(sign_in):
    return sign_in("officer")


@pytest.fixture
def vendor(officer):
    return officer.post(VENDORS, json={"name": "Bait al-Mal"}).json["id"]


@pytest.fixture
def apply(officer, vendor):
    """Return a function that creates an application of a client that names ``documents``."""
    return lambda owner, *documents: ApplicationFlow(
        owner, officer, vendor, documents=list(documents)
    )


# List


def test_users_list_their_own_files_newest_first(sign_in, set_clock):
    person = sign_in()
    upload(sign_in())
    names = []
    for hour in range(3):
        set_clock(f"2026-01-26T{hour:02}:00:00")
        names.append(upload(person, make_content(100 + hour), f"scan{hour}.png"))
    page = person.get(f"{UPLOADS}?limit=2").json
    pagination = page["pagination"]
    assert (pagination["limit"], pagination["offset"], pagination["total"]) == (2, 0, 3)
    assert page["data"] == [
        {
            "filename": names[number],
            "size": 100 + number,
            "type": "image/png",
            "createdAt": f"2026-01-26T{number:02}:00:00Z",
            "inUse": False,
        }
        for number in (2, 1)
    ]
    for start in ("offset=2", f"after={pagination['next']}"):
        last = person.get(f"{UPLOADS}?limit=2&{start}").json["data"]
        assert [file["filename"] for file in last] == names[:1]
    assert_error(person.get(f"{UPLOADS}?limit=101"), 400, "VALIDATION_ERROR")


def test_the_list_tells_which_files_are_in_use(sign_in, apply, officer):
    person, names = sign_in(), {}
    names["document"] = upload(person)
    flow = apply(person, names["document"])
    upload(person)
    evidence = upload(officer)
    flow.approve().acquire(evidence=evidence)
    in_use = {file["filename"] for file in person.get(UPLOADS).json["data"] if file["inUse"]}
    assert in_use == {names["document"]}
    assert [file["inUse"] for file in officer.get(UPLOADS).json["data"]] == [True]


# Delete


def test_a_deleted_file_is_gone_with_its_bytes(sign_in, uploads):
    person = sign_in()
    name, other = upload(person), upload(person)
    response = delete(person, name)
    assert (response.status_code, response.json) == (200, {"message": "File deleted"})
    assert uploads() == {other}
    assert_error(fetch(person, name), 404, "FILE_NOT_FOUND")
    assert_error(delete(person, name), 404, "FILE_NOT_FOUND")
    assert [file["filename"] for file in person.get(UPLOADS).json["data"]] == [other]


@pytest.mark.parametrize("role", ["user", "officer", "admin"])
def test_another_users_file_cannot_be_deleted(sign_in, uploads, role):
    name = upload(sign_in())
    assert_error(delete(sign_in(role), name), 404, "FILE_NOT_FOUND")
    assert uploads() == {name}


@pytest.mark.parametrize("name", ["nothing.png", "%00", "..%2f..%2fconfig.py", "x" * 5000])
def test_an_unknown_name_cannot_be_deleted(sign_in, name):
    response = sign_in().delete(f"{UPLOADS}/{name}")
    assert response.status_code == 404


STATES = ["pending", "rejected", "cancelled", "approved", "expired", "acquired", "active"]


@pytest.mark.parametrize("state", STATES)
def test_a_document_of_an_application_stays_in_every_state(
    sign_in, apply, uploads, set_clock, state
):
    person = sign_in()
    name = upload(person)
    flow = apply(person, name)
    steps = {
        "rejected": lambda: flow.perform(flow.officer, "reject", {"reason": "Papers are missing"}),
        "cancelled": lambda: flow.perform(person, "cancel"),
        "approved": flow.approve,
        "expired": flow.approve,
        "acquired": lambda: flow.approve().acquire(),
        "active": lambda: flow.approve().acquire().accept(),
    }
    steps.get(state, lambda: None)()
    if state == "expired":
        set_clock("2026-03-26T09:30:00")
    assert person.get(flow.path).json["status"] == state
    response = delete(person, name)
    assert_error(response, 409, "FILE_IN_USE")
    assert response.json["error"] == "File is in use"
    assert uploads() == {name}


def test_the_evidence_of_an_acquisition_stays(sign_in, apply, officer, uploads):
    name = upload(officer)
    apply(sign_in()).approve().acquire(evidence=name)
    assert_error(delete(officer, name), 409, "FILE_IN_USE")
    assert uploads() == {name}


def test_records_take_a_name_in_either_form_and_store_it_as_the_file_has_it(
    sign_in, apply, officer
):
    person = sign_in()
    name, evidence = upload(person, name="Café.png"), upload(officer, name="Beweis für.png")
    flow = apply(person, unicodedata.normalize("NFD", name))
    assert flow.application["documents"] == [name]
    flow.approve().acquire(evidence=unicodedata.normalize("NFD", evidence))
    events = person.get(f"{flow.path}/history").json["data"]
    assert events[0]["facts"]["evidence"] == evidence
    assert_error(delete(officer, evidence), 409, "FILE_IN_USE")


@pytest.fixture
def blocked(sql):
    """Return a function that waits until a statement about the table waits for a lock."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND query LIKE %s AND datname = current_database()"
    )
    return lambda table: wait_until(lambda: sql(query, f"%{table}%"))


def test_a_file_that_a_concurrent_application_names_is_not_deleted(
    sign_in, vendor, uploads, blocked, database_url
):
    person = sign_in()
    name = upload(person)
    application = {"vendorId": vendor, **CAR, "documents": [name]}
    with ThreadPoolExecutor() as pool, psycopg.connect(database_url) as lock:
        lock.execute("LOCK TABLE murabaha_events IN SHARE MODE")
        applying = pool.submit(person.post, APPLICATIONS, json=application)
        blocked("INSERT INTO murabaha_events")  # the application is inserted, not committed
        deleting = pool.submit(delete, person, name)
        blocked("FROM uploads")
        lock.rollback()
        assert applying.result(TIMEOUT).status_code == 201
        assert_error(deleting.result(TIMEOUT), 409, "FILE_IN_USE")
    assert uploads() == {name}


def test_an_application_cannot_name_a_file_that_is_being_deleted(
    sign_in, vendor, blocked, count, database_url
):
    person = sign_in()
    name = upload(person)
    application = {"vendorId": vendor, **CAR, "documents": [name]}
    with ThreadPoolExecutor() as pool, psycopg.connect(database_url) as other:
        other.execute("DELETE FROM uploads WHERE filename = %s", [name])
        applying = pool.submit(person.post, APPLICATIONS, json=application)
        blocked("FROM uploads")
        other.commit()
        response = applying.result(TIMEOUT)
    assert_error(response, 400, "VALIDATION_ERROR", ["documents", 0])
    assert count(Application) == 0


# Erasure of their owner


def test_files_in_use_survive_the_deletion_of_their_owner(
    sign_in, apply, officer, uploads, set_clock
):
    client, admin, reader = sign_in(), sign_in("admin"), sign_in("officer")
    document, evidence = upload(client), upload(officer, make_content(200))
    upload(client)
    upload(officer)
    flow = apply(client, document).approve().acquire(evidence=evidence)
    flow.perform(client, "cancel")  # so that no debt is open
    for person in (client, officer):
        assert admin.delete(f"{USERS}/{person.user.id}").status_code == 200
    assert uploads() == {document, evidence}
    assert fetch(reader, document).data == PNG
    assert fetch(reader, evidence).data == make_content(200)


def test_a_file_of_an_application_that_begins_before_the_deletion_stays(
    sign_in, vendor, blocked, database_url, rows
):
    person, admin = sign_in(), sign_in("admin")
    name = upload(person)
    application = {"vendorId": vendor, **CAR, "documents": [name]}
    with ThreadPoolExecutor() as pool, psycopg.connect(database_url) as lock:
        lock.execute("LOCK TABLE murabaha_events IN SHARE MODE")
        applying = pool.submit(person.post, APPLICATIONS, json=application)
        blocked("INSERT INTO murabaha_events")
        deleting = pool.submit(admin.delete, f"{USERS}/{person.user.id}")
        blocked("DELETE FROM user_sessions")
        lock.rollback()
        assert applying.result(TIMEOUT).status_code == 201
        assert deleting.result(TIMEOUT).status_code == 200
    assert rows() == {name}


# Quotas


@pytest.fixture
def small_quota(app, monkeypatch):
    """Allow each user 10 KiB."""
    monkeypatch.setitem(app.config, "UPLOAD_QUOTA", 10 * KIB)


@pytest.mark.usefixtures("small_quota")
def test_a_user_may_store_exactly_their_quota(sign_in, uploads):
    person = sign_in()
    names = [upload(person, make_content(4 * KIB)) for _ in range(2)]
    response = send(person, make_content(2 * KIB + 1))
    assert_error(response, 409, "QUOTA_EXCEEDED")
    assert "10240" in response.json["error"]
    assert uploads() == set(names)
    names.append(upload(person, make_content(2 * KIB)))
    assert_error(send(person), 409, "QUOTA_EXCEEDED")
    assert uploads() == set(names)
    assert upload(sign_in(), make_content(10 * KIB))  # another user's quota


@pytest.mark.usefixtures("small_quota")
def test_deleting_a_file_makes_room(sign_in, uploads):
    person = sign_in()
    name = upload(person, make_content(10 * KIB))
    assert_error(send(person, key="key"), 409, "QUOTA_EXCEEDED")
    assert delete(person, name).status_code == 200
    name = upload(person, key="key")  # the error has freed the key
    assert uploads() == {name}


@pytest.mark.usefixtures("small_quota")
def test_a_replay_is_not_refused_for_the_quota(sign_in, uploads):
    person = sign_in()
    first = send(person, make_content(10 * KIB), key="key")
    again = send(person, make_content(10 * KIB), key="key")
    assert (again.status_code, again.data) == (200, first.data)
    assert uploads() == {first.json["filename"]}


@pytest.mark.usefixtures("small_quota")
def test_evidence_does_not_count_for_an_officers_quota(sign_in, apply, officer):
    evidence = upload(officer, make_content(10 * KIB))
    assert_error(send(officer), 409, "QUOTA_EXCEEDED")
    apply(sign_in()).approve().acquire(evidence=evidence)
    upload(officer, make_content(10 * KIB))
    assert_error(send(officer), 409, "QUOTA_EXCEEDED")


@pytest.mark.usefixtures("small_quota")
def test_documents_of_an_application_count_for_the_quota(sign_in, apply):
    person = sign_in()
    apply(person, upload(person, make_content(10 * KIB)))
    assert_error(send(person), 409, "QUOTA_EXCEEDED")


def test_the_number_of_files_is_limited_too(sign_in, uploads, monkeypatch):
    monkeypatch.setattr(rules, "MAX_FILES", 3)
    person = sign_in()
    names = {upload(person) for _ in range(3)}
    response = send(person)
    assert_error(response, 409, "QUOTA_EXCEEDED")
    assert response.json["error"].startswith("You have 3 files.")
    assert uploads() == names


@pytest.mark.usefixtures("small_quota")
def test_parallel_uploads_do_not_pass_the_quota_together(sign_in, make_user, uploads):
    user = make_user()
    clients = [sign_in(user=user) for _ in range(8)]
    responses = run_concurrently(lambda number: send(clients[number], make_content(4 * KIB)), 8)
    codes = sorted(response.json.get("code", "stored") for response in responses)
    assert codes == ["QUOTA_EXCEEDED"] * 6 + ["stored"] * 2
    assert len(uploads()) == 2


def test_a_client_has_at_most_fifty_pending_applications(sign_in, apply, officer, monkeypatch):
    monkeypatch.setattr("app.murabaha.actions.transitions.MAX_PENDING", 3)
    person = sign_in()
    flows = [apply(person) for _ in range(3)]
    application = {"vendorId": flows[0].application["vendorId"], **CAR}
    response = person.post(APPLICATIONS, json=application)
    assert_error(response, 409, "QUOTA_EXCEEDED")
    assert person.get(APPLICATIONS).json["pagination"]["total"] == 3
    apply(sign_in())
    flows[0].perform(person, "cancel")
    apply(person)
