"""Lists: bounds, cursors, exact and capped totals, and pages that are sent in pieces."""

import hashlib
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from app import strict_json
from app.errors import ValidationFailed
from app.http import long_lists, pagination, sql_json, streaming
from app.murabaha.models import Installment
from app.users.models import User
from app.waqf.models import Donation, Project
from app.zakat.models import Calculation

from ..support.assertions import assert_error, detail_paths
from ..support.routes import UNKNOWN_ID, openapi_document

CALCULATIONS = "/api/zakat/calculations"
PROJECTS = "/api/waqf/projects"
MOMENT = "2026-01-01T00:00:00+00:00"
FILL = """
INSERT INTO zakat_calculations (id, user_id, wealth, nisab, zakat_amount, eligible, rate, currency,
                                year_basis, breakdown, calculated_at)
SELECT gen_random_uuid(), %s, n, 1, 0, true, 0.025, 'USD', 'lunar',
       CASE WHEN %s > 0 THEN (SELECT jsonb_agg(jsonb_build_object('label', md5(n || '-' || i)))
                              FROM generate_series(1, %s) i) END,
       '2026-01-01T00:00:00Z'::timestamptz + n / 3 * interval '1 second'
FROM generate_series(1, %s) n
"""


@pytest.fixture
def fill(sql):
    """Return a function that inserts calculations, three at each time, with ``lines`` each."""

    def insert(user, count, lines=0):
        sql(FILL, user.id, lines, lines, count)

    return insert


def walk(client, path):
    """Return all pages of a list, each found by the cursor of the one before."""
    pages = [client.get(path).json]
    while pages[-1]["pagination"]["next"]:
        cursor = pages[-1]["pagination"]["next"]
        pages.append(client.get(f"{path}{'&' if '?' in path else '?'}after={cursor}").json)
    return pages


def list_operations(app):
    """Yield path and parameter names of each documented list."""
    for path, operations in openapi_document(app)["paths"].items():
        parameters = {p["name"] for p in operations.get("get", {}).get("parameters", [])}
        if "limit" in parameters:
            yield path, parameters


def test_every_list_takes_an_offset_or_a_cursor(app):
    lists = dict(list_operations(app))
    assert len(lists) >= 10
    for path, parameters in lists.items():
        assert {"limit", "offset", "after"} <= parameters, path


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 25])
def test_cursors_lead_through_all_rows_once(sign_in, fill, count):
    user = sign_in()
    fill(user.user, count)
    fill(sign_in().user, 5)
    pages = walk(user, CALCULATIONS)
    ids = [row["id"] for page in pages for row in page["data"]]
    assert ids == [row["id"] for row in user.get(f"{CALCULATIONS}?limit=100").json["data"]]
    assert len(set(ids)) == count
    assert len(pages) == max(1, -(-count // 10))
    assert {page["pagination"]["total"] for page in pages} == {count}
    assert [page["pagination"]["offset"] for page in pages] == [0, *[None] * (len(pages) - 1)]


def test_a_cursor_is_not_moved_by_rows_that_come_or_go(sign_in, fill, sql):
    user = sign_in()
    fill(user.user, 15)
    first = user.get(CALCULATIONS).json
    rest = user.get(f"{CALCULATIONS}?offset=10").json["data"]
    user.post(CALCULATIONS, json={"wealth": 1, "nisab": 1})
    sql("DELETE FROM zakat_calculations WHERE id = %s", rest[0]["id"])
    second = user.get(f"{CALCULATIONS}?after={first['pagination']['next']}").json
    assert second["data"] == rest[1:]
    assert second["pagination"]["next"] is None


def test_an_offset_and_a_cursor_lead_to_the_same_page(sign_in, fill):
    user = sign_in()
    fill(user.user, 25)
    by_offset = user.get(f"{CALCULATIONS}?limit=5&offset=5").json
    cursor = user.get(f"{CALCULATIONS}?limit=5").json["pagination"]["next"]
    by_cursor = user.get(f"{CALCULATIONS}?limit=5&after={cursor}").json
    assert by_cursor["data"] == by_offset["data"]
    assert by_cursor["pagination"]["next"] == by_offset["pagination"]["next"]


def test_an_offset_is_at_most_ten_thousand(sign_in, app):
    client = sign_in("officer")
    assert client.get(f"{PROJECTS}?offset=10000").status_code == 200
    for path, _ in list_operations(app):
        if path.startswith(("/api/waqf/projects", "/api/zakat/nisab")):
            response = client.get(f"{path.replace('{id}', UNKNOWN_ID)}?offset=10001")
            assert_error(response, 400, "VALIDATION_ERROR", ["offset"])


def test_a_cursor_together_with_an_offset_is_rejected(sign_in, fill):
    user = sign_in()
    fill(user.user, 11)
    cursor = user.get(CALCULATIONS).json["pagination"]["next"]
    response = user.get(f"{CALCULATIONS}?after={cursor}&offset=0")
    assert_error(response, 400, "VALIDATION_ERROR", ["after"])


def test_a_cursor_of_another_list_user_or_filter_is_rejected(sign_in, fill, make_project):
    user, other = sign_in("officer"), sign_in("officer")
    fill(user.user, 11)
    make_project(), make_project()
    cursor = user.get(CALCULATIONS).json["pagination"]["next"]
    assert user.get(f"{CALCULATIONS}?after={cursor}").status_code == 200
    project_cursor = user.get(f"{PROJECTS}?limit=1").json["pagination"]["next"]
    for client, path in [
        (other, f"{CALCULATIONS}?after={cursor}"),
        (user, f"{PROJECTS}?after={cursor}"),
        (user, f"/api/murabaha/applications?after={cursor}"),
        (user, f"{PROJECTS}?category=water&after={project_cursor}"),
    ]:
        assert_error(client.get(path), 400, "VALIDATION_ERROR", ["after"])


def test_a_malformed_cursor_is_rejected(sign_in, fill):
    user = sign_in()
    fill(user.user, 11)
    valid = user.get(CALCULATIONS).json["pagination"]["next"]
    for cursor in ["", "x", "%00", "é", "=", valid[:-4], valid[4:], "A" * 201]:
        response = user.get(CALCULATIONS, query_string={"after": cursor})
        assert_error(response, 400, "VALIDATION_ERROR", ["after"])


def test_a_cursor_with_other_keys_than_a_rows_is_rejected(sign_in, fill):
    user = sign_in()
    fill(user.user, 11)
    valid = user.get(CALCULATIONS).json["pagination"]["next"]
    content = urlsafe_b64decode(valid + "=" * (-len(valid) % 4))
    moment, id = json.loads(content[6:])
    public = f"{user.user.id} {CALCULATIONS}?".encode()  # what a client can compute
    for tag in (content[:6], hashlib.sha256(public).digest()[:6]):
        for keys in ([moment, UNKNOWN_ID], [moment, 5], ["2026-12-01T00:00:00+00:00", id]):
            forged = urlsafe_b64encode(tag + json.dumps(keys).encode()).decode()
            response = user.get(CALCULATIONS, query_string={"after": forged})
            assert_error(response, 400, "VALIDATION_ERROR", ["after"])


@pytest.mark.parametrize(
    "keys",
    [
        [], [MOMENT], [MOMENT, UNKNOWN_ID, 1], [UNKNOWN_ID, MOMENT], [1, 2], [None, None], {}, "x",
        1, [MOMENT, "x"], [MOMENT, 5], [MOMENT, True], [MOMENT, [UNKNOWN_ID]], [MOMENT, {}],
        [5, UNKNOWN_ID], [True, UNKNOWN_ID], ["0001-01-01T00:00:00+23:59", UNKNOWN_ID],
        ["9999-12-31T23:59:59-23:59", UNKNOWN_ID], [MOMENT, "\0"],
    ],
)  # fmt: skip
def test_signed_keys_of_other_types_are_rejected(app, keys):
    columns = (Calculation.calculated_at, Calculation.id)
    with app.test_request_context(CALCULATIONS):
        cursor = pagination.encode_cursor(json.dumps(keys))
        with pytest.raises(ValidationFailed):
            pagination.decode_cursor(cursor, columns)


@pytest.mark.parametrize("key", [True, False, "1", 1.5, None, [1], 2**63, -(2**63)])
def test_a_key_that_is_no_integer_of_the_database_is_rejected(app, key):
    with app.test_request_context(CALCULATIONS):
        cursor = pagination.encode_cursor(json.dumps([key]))
        with pytest.raises(ValidationFailed):
            pagination.decode_cursor(cursor, (Installment.number,))
        cursor = pagination.encode_cursor(json.dumps([7]))
        assert pagination.decode_cursor(cursor, (Installment.number,)) == (7,)


@pytest.mark.parametrize(("rows", "is_exact"), [(3, True), (4, False)])
def test_the_total_is_exact_up_to_a_bound(sign_in, fill, monkeypatch, rows, is_exact):
    monkeypatch.setattr("app.http.pagination.MAX_TOTAL", 3)
    user = sign_in()
    fill(user.user, rows)
    pagination = user.get(f"{CALCULATIONS}?limit=1").json["pagination"]
    assert (pagination["total"], pagination["totalIsExact"]) == (3, is_exact)


def test_no_list_counts_more_than_ten_thousand_rows(sign_in, fill, statements):
    user = sign_in()
    fill(user.user, 10_002)
    with statements() as sent:
        page = user.get(f"{CALCULATIONS}?limit=1&offset=10000").json
    assert len(sent) == 1
    assert page["pagination"]["total"] == 10_000
    assert page["pagination"]["totalIsExact"] is False
    cursor = page["pagination"]["next"]
    last = user.get(f"{CALCULATIONS}?after={cursor}").json
    assert len(last["data"]) == 1
    assert last["pagination"]["next"] is None


def test_a_stored_number_of_donations_is_capped_like_any_other(client, app, make_project, sql):
    project = make_project()
    sql("UPDATE waqf_projects SET donation_count = 10001 WHERE id = %s", project)
    pagination = client.get(f"{PROJECTS}/{project}/donations").json["pagination"]
    assert (pagination["total"], pagination["totalIsExact"]) == (10_000, False)


def test_the_array_of_users_has_the_next_page_in_a_header(sign_in, make_user):
    admin = sign_in("admin")
    ids = {str(make_user().id) for _ in range(4)} | {str(admin.user.id)}
    found, path = [], "/api/users?limit=2"
    while path:
        response = admin.get(path)
        assert response.headers["X-Total-Count"] == "5"
        found += [user["id"] for user in response.json]
        link = response.headers.get("Link")
        path = link and link.removeprefix("<").removesuffix('>; rel="next"')
    assert len(found) == 5
    assert set(found) == ids


def test_version_1_of_users_links_to_its_successor_and_its_next_page(sign_in, make_user):
    admin = sign_in("admin")
    make_user()
    links = admin.get("/api/v1/users?limit=1").headers.getlist("Link")
    assert [link.rpartition("; ")[2] for link in links] == ['rel="next"', 'rel="successor-version"']


def test_only_the_keys_of_skipped_rows_are_selected(client, make_project, statements):
    """OFFSET evaluates output columns, such as the donor's name, for the rows that it skips."""
    with statements() as sent:
        client.get(f"{PROJECTS}/{make_project()}/donations?offset=5")
    skipped = re.findall(r"FROM \(SELECT (.*?) \nFROM waqf_donations", sent[-1])
    assert skipped[0] == "waqf_donations.created_at AS created_at, waqf_donations.id AS id"
    assert sent[-1].count("OFFSET") == 2, "the second finds the next page, by keys too"


def test_a_list_that_was_long_is_not_counted_again_for_a_while(
    sign_in, fill, app, statements, monkeypatch
):
    user, other = sign_in(), sign_in()
    fill(user.user, 2)
    for lifetime, total in ((long_lists.LIFETIME, 10_000), (0, 2)):
        monkeypatch.setattr(long_lists, "LIFETIME", lifetime)
        with app.app_context():
            long_lists.remember(Calculation.for_user(user.user.id))
        with statements() as sent:
            page = user.get(CALCULATIONS).json
        assert len(page["data"]) == 2
        assert (page["pagination"]["total"], "count(" in sent[-1]) == (total, total == 2)
        assert page["pagination"]["totalIsExact"] == (total == 2)
    assert other.get(CALCULATIONS).json["pagination"]["total"] == 0


# Unknown parameters


def test_an_unknown_query_parameter_is_rejected_where_parameters_exist(app, sign_in):
    admin = sign_in("admin")
    documented = {
        path.replace("{id}", UNKNOWN_ID)
        for path, operations in openapi_document(app)["paths"].items()
        if any(p.get("in") == "query" for p in operations.get("get", {}).get("parameters", []))
    }
    assert len(documented) >= 12
    for path in documented:
        response = admin.get(f"{path}?limits=5&Limit=1")
        assert_error(response, 400, "VALIDATION_ERROR")
        assert {"limits", "Limit"} <= {*detail_paths(response)}, path
    assert_error(admin.delete("/api/users?ids=1"), 400, "VALIDATION_ERROR", ["ids"])


def test_a_route_without_parameters_accepts_any(sign_in, client):
    assert client.get("/api/health?x=1").status_code == 200
    assert sign_in().get("/api/auth/me?x=1").status_code == 200
    assert client.post("/api/example?x=1").json["query"] == {"x": "1"}


# Large rows


@pytest.fixture
def pieces(monkeypatch):
    """Return the statements' results that large pages and exports were made of, by bytes."""
    sizes = []
    for name in ("read_rows", "read_cells"):
        read = getattr(sql_json, name)

        def record(*args, read=read):
            rows = read(*args)
            sizes.append(sum(len(str(row)) for row in rows))
            return rows

        monkeypatch.setattr(sql_json, name, record)
    return sizes


@pytest.mark.undocumented
def test_a_page_of_large_rows_is_read_and_sent_in_pieces(sign_in, fill, pieces):
    user = sign_in()
    fill(user.user, 30, lines=1000)  # 44 kB each
    response = user.get(f"{CALCULATIONS}?limit=20&offset=5", buffered=False)
    assert response.content_length is None
    sent = list(response.iter_encoded())
    page = strict_json.loads(b"".join(sent))
    assert [len(row["breakdown"]) for row in page["data"]] == [1000] * 20
    one_by_one = [user.get(f"{CALCULATIONS}/{row['id']}").json for row in page["data"]]
    assert page["data"] == one_by_one
    assert len(pieces) == 20, "two rows would exceed MAX_STORED_BYTES"
    assert max(map(len, sent)) < 2 * streaming.PIECE_LENGTH
    assert page["pagination"]["total"] == 30


@pytest.mark.undocumented
def test_a_page_of_small_rows_is_one_statement_and_one_piece(sign_in, fill, statements, pieces):
    user = sign_in()
    fill(user.user, 30, lines=3)
    with statements() as sent:
        response = user.get(f"{CALCULATIONS}?limit=30", buffered=False)
    assert len(sent) == 1
    assert len(list(response.iter_encoded())) == 1
    assert pieces == []


@pytest.mark.parametrize("form", ["ndjson", "csv"])
@pytest.mark.undocumented
def test_an_export_of_large_rows_is_read_and_sent_in_pieces(sign_in, fill, pieces, form):
    user = sign_in()
    fill(user.user, 10)
    fill(user.user, 20, lines=1000)
    response = user.get(f"{CALCULATIONS}/export?format={form}", buffered=False)
    sent = list(response.iter_encoded())
    assert len(b"".join(sent).splitlines()) == 30 + (form == "csv")
    assert max(pieces) < 2 * sql_json.MAX_STORED_BYTES
    assert max(map(len, sent)) < 2 * streaming.PIECE_LENGTH


def test_an_export_is_complete_over_several_batches(sign_in, fill, monkeypatch):
    monkeypatch.setattr("app.http.row_batches.MAX_ROWS", 7)
    user = sign_in()
    fill(user.user, 30)
    lines = user.get(f"{CALCULATIONS}/export").text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [
        row["id"] for row in user.get(f"{CALCULATIONS}?limit=100").json["data"]
    ]


def test_only_json_columns_may_be_large():
    """A new column of unbounded size must be counted by ``_stored_size``."""
    (notifications,) = sql_json._json_columns(User)  # with a value for each kind at most
    assert notifications.name == "notifications"
    for entity in (Project, Donation):
        assert sql_json._json_columns(entity) == []
