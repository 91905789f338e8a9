"""Users over HTTP: access, listing, creating, changing and deleting, and the sessions that end."""

from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest

from app.database.base import db
from app.users.models import User, UserSession
from app.zakat.models import Calculation

from ..support.assertions import assert_error, detail_paths
from ..support.settings import PASSWORD
from ..support.tokens import bearer

USERS = "/api/users"
ME = "/api/auth/me"
CHANGEABLE = ("name", "email", "role", "disabled")
USER_FIELDS = {
    *("id", "name", "email", "role", "disabled", "createdAt", "updatedAt", "locale", "timeZone")
}
TAKEN = "RESOURCE_EXISTS"


def new_user(**changes):
    return {"name": "Omar", "email": "omar@example.org", "password": PASSWORD, **changes}


# Each way in which the contract lets an admin change and delete a user.


def patch_by_body(admin, id, **changes):
    return admin.patch(USERS, json={"id": str(id), **changes})


def patch_by_path(admin, id, **changes):
    return admin.patch(f"{USERS}/{id}", json=changes)


def put(admin, id, **changes):
    known = admin.get(f"{USERS}/{id}").json
    rest = {field: known.get(field) for field in CHANGEABLE}
    if rest["name"] is None:  # an unknown user
        rest = {"name": "Omar", "email": "n@example.org", "role": "user", "disabled": False}
    return admin.put(USERS, json={"id": str(id), **rest, **changes})


def delete_by_query(admin, id):
    return admin.delete(f"{USERS}?id={id}")


def delete_by_path(admin, id):
    return admin.delete(f"{USERS}/{id}")


each_way_to_change = pytest.mark.parametrize("change", [patch_by_body, patch_by_path, put])
each_way_to_delete = pytest.mark.parametrize("delete", [delete_by_query, delete_by_path])


@pytest.fixture
def database(app, count):
    """Return functions that read a user and count rows outside any request."""

    def user(id):
        with app.app_context():
            row = db.session.get(User, UUID(str(id)))
            return row and {name: getattr(row, name) for name in (*CHANGEABLE, "password_hash")}

    return SimpleNamespace(user=user, count=count)


@pytest.fixture
def admin(sign_in):
    return sign_in("admin")


def log_in(client, user, password=PASSWORD):
    body = {"email": user.email, "password": password}
    return client.post("/api/auth/login", json=body)


def assert_session_revoked(client, person):
    """Assert that the person's access token and refresh token are both rejected."""
    response = client.post("/api/auth/refresh", headers=bearer(person.tokens["refresh_token"]))
    assert_error(response, 401, "TOKEN_REVOKED")
    assert_error(person.get(ME), 401, "TOKEN_REVOKED")


# Access


CALLS = {
    "list": lambda caller, id: caller.get(USERS),
    "create": lambda caller, id: caller.post(USERS, json=new_user()),
    "replace": lambda caller, id: caller.put(
        USERS,
        json={"id": str(id), "name": "M", "email": "m@x.org", "role": "admin", "disabled": True},
    ),
    "patch in the body": lambda caller, id: patch_by_body(caller, id, name="Mallory"),
    "delete in the query": delete_by_query,
    "show": lambda caller, id: caller.get(f"{USERS}/{id}"),
    "patch": lambda caller, id: patch_by_path(caller, id, name="Mallory"),
    "delete": delete_by_path,
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("role", ["user", "officer"])
def test_only_an_admin_can_access_other_users(sign_in, make_user, database, role, call):
    caller, other = sign_in(role), make_user()
    before = database.user(other.id)
    assert_error(call(caller, other.id), 403, "FORBIDDEN")
    # The response does not reveal whether the user exists.
    assert_error(call(caller, uuid4()), 403, "FORBIDDEN")
    assert database.user(other.id) == before
    assert database.count(User) == 2


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_users_cannot_be_accessed_without_a_token(client, make_user, database, call):
    other = make_user()
    before = database.user(other.id)
    response = call(client, other.id)
    assert_error(response, 401, "AUTH_REQUIRED")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert database.user(other.id) == before
    assert database.count(User) == 1


@pytest.mark.parametrize("role", ["user", "officer"])
@pytest.mark.parametrize("form", ["replace", "patch in the body", "delete in the query", "delete"])
def test_users_cannot_use_admin_operations_on_themselves(sign_in, database, role, form):
    person = sign_in(role)
    before = database.user(person.user.id)
    assert_error(CALLS[form](person, person.user.id), 403, "FORBIDDEN")
    assert database.user(person.user.id) == before


@pytest.mark.parametrize("role", ["user", "officer", "admin"])
def test_users_of_every_role_can_see_and_change_themselves(sign_in, role):
    person = sign_in(role)
    own = f"{USERS}/{person.user.id}"
    me = person.get(ME).json
    assert me.pop("notifications")
    assert person.get(own).json == me
    changes = {"name": "Maryam", "email": person.user.email}
    response = person.patch(own, json=changes)
    assert response.status_code == 200
    assert_error(person.patch(own, json={"email": "maryam@example.org"}), 403, "FORBIDDEN")
    profile = person.get(own).json
    assert response.json == profile
    assert profile.items() >= {**changes, "role": role, "disabled": False}.items()


@pytest.mark.parametrize("role", ["user", "officer", "admin"])
@pytest.mark.parametrize("privileges", [{"role": "user"}, {"role": "admin"}, {"disabled": True}])
def test_users_cannot_change_their_own_role_or_disable_themselves(
    sign_in, database, role, privileges
):
    person = sign_in(role)
    before = database.user(person.user.id)
    if privileges == {"role": role}:
        privileges = {"role": "officer"}
    response = patch_by_path(person, person.user.id, name="Mallory", **privileges)
    assert_error(response, 403, "FORBIDDEN")
    assert database.user(person.user.id) == before
    assert person.get(ME).status_code == 200


@each_way_to_change
@pytest.mark.parametrize("privileges", [{"role": "user"}, {"role": "officer"}, {"disabled": True}])
def test_an_admin_cannot_change_their_own_role_or_disable_themselves(
    admin, database, change, privileges
):
    before = database.user(admin.user.id)
    assert_error(change(admin, admin.user.id, name="Mallory", **privileges), 403, "FORBIDDEN")
    assert database.user(admin.user.id) == before
    assert admin.get(USERS).status_code == 200


@each_way_to_delete
def test_an_admin_cannot_delete_themselves(admin, database, delete):
    assert_error(delete(admin, admin.user.id), 403, "FORBIDDEN")
    assert database.user(admin.user.id) is not None
    assert admin.get(USERS).status_code == 200


def test_an_admin_can_put_their_own_role_unchanged(admin):
    response = put(admin, admin.user.id, name="Zaynab")
    assert response.status_code == 200
    assert (response.json["name"], response.json["role"]) == ("Zaynab", "admin")
    assert admin.get(USERS).status_code == 200


# Listing


def test_the_list_is_an_array_newest_first_with_a_total_count(sign_in, make_user):
    admin = sign_in("admin")
    users = [admin.user, *(make_user() for _ in range(3))]
    response = admin.get(USERS)
    assert [row["id"] for row in response.json] == [str(user.id) for user in reversed(users)]
    assert all(row.keys() == USER_FIELDS for row in response.json)
    assert response.headers["X-Total-Count"] == "4"
    assert response.headers["Cache-Control"] == "no-store"
    assert "argon2" not in response.text

    response = admin.get(f"{USERS}?limit=2&offset=1")
    assert [row["id"] for row in response.json] == [str(users[2].id), str(users[1].id)]
    assert response.headers["X-Total-Count"] == "4"
    response = admin.get(f"{USERS}?offset=99")
    assert (response.json, response.headers["X-Total-Count"]) == ([], "4")


def test_the_list_has_a_hundred_users_by_default(app, admin):
    with app.app_context():
        db.session.add_all(
            User(name=f"P{n}", email=f"p{n}@example.net", password_hash="-") for n in range(101)
        )
        db.session.commit()
    for query in ("", "?limit=100"):
        response = admin.get(f"{USERS}{query}")
        assert (len(response.json), response.headers["X-Total-Count"]) == (100, "102")
    assert len(admin.get(f"{USERS}?limit=1").json) == 1
    assert len(admin.get(f"{USERS}?offset=100").json) == 2


@pytest.mark.parametrize(
    "query",
    [
        *(f"limit={wrong}" for wrong in ("0", "101", "x", "", "-1", "1e1")),
        *(f"offset={wrong}" for wrong in ("-1", "2147483648", "99999999999999999999", "1.5")),
    ],
)
def test_pagination_out_of_bounds_is_rejected(admin, query):
    response = admin.get(f"{USERS}?{query}")
    assert_error(response, 400, "VALIDATION_ERROR")
    assert detail_paths(response) == [query.split("=")[0]]


# Creating


@pytest.mark.parametrize("role", [None, "user", "officer", "admin"])
def test_an_admin_can_create_users_of_every_role(client, admin, database, role):
    body = new_user() if role is None else new_user(role=role)
    response = admin.post(USERS, json=body)
    assert response.status_code == 201
    assert response.json.keys() == USER_FIELDS
    user = SimpleNamespace(id=response.json["id"], email=body["email"])
    assert (response.json["role"], response.json["disabled"]) == (role or "user", False)
    assert admin.get(f"{USERS}/{user.id}").json == response.json
    assert database.user(user.id)["password_hash"].startswith("$argon2id$")
    assert PASSWORD not in response.text
    assert log_in(client, user).json["user"] == response.json


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"email": "omar"},
        {"password": "x" * 11},
        {"password": "x" * 129},
        {"role": "owner"},
        {"role": "Admin"},
        {"role": None},
        {"disabled": True},
        {"id": str(uuid4())},
        {"passwordHash": "x"},
    ],
)
def test_an_invalid_user_is_rejected_and_not_stored(admin, wrong, database):
    response = admin.post(USERS, json=new_user(**wrong))
    assert_error(response, 400, "VALIDATION_ERROR")
    assert set(detail_paths(response)) == set(wrong)
    assert database.count(User) == 1


@pytest.mark.parametrize("missing", ["name", "email", "password"])
def test_creating_a_user_requires_name_email_and_password(admin, missing, database):
    body = new_user()
    del body[missing]
    response = admin.post(USERS, json=body)
    assert_error(response, 400, "VALIDATION_ERROR")
    assert detail_paths(response) == [missing]
    assert database.count(User) == 1


def test_a_taken_email_is_rejected_and_no_user_is_stored(admin, make_user, database):
    make_user(email="omar@example.org")
    assert_error(admin.post(USERS, json=new_user(email="OMAR@example.org")), 409, TAKEN)
    assert database.count(User) == 2


# Changing


@each_way_to_change
@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Omar"},
        {"email": "omar@example.net"},
        {"role": "officer"},
        {"disabled": True},
        {"name": "Omar", "email": "omar@example.net", "role": "admin", "disabled": False},
    ],
)
def test_a_change_affects_only_its_fields_of_its_user(admin, make_user, change, changes):
    other, bystander = make_user(), make_user()
    before = admin.get(f"{USERS}/{other.id}").json
    bystander_before = admin.get(f"{USERS}/{bystander.id}").json
    response = change(admin, other.id, **changes)
    assert response.status_code == 200
    expected = {**before, **changes, "updatedAt": response.json["updatedAt"]}
    assert response.json == admin.get(f"{USERS}/{other.id}").json == expected
    assert admin.get(f"{USERS}/{bystander.id}").json == bystander_before


def test_a_change_sets_updated_at_and_not_created_at(admin, make_user, set_clock):
    other = make_user()
    before = admin.get(f"{USERS}/{other.id}").json
    set_clock("2033-03-03T03:03:03")
    response = patch_by_path(admin, other.id, name="Omar").json
    assert response["updatedAt"] == "2033-03-03T03:03:03Z"
    assert response["createdAt"] == before["createdAt"]


def test_an_empty_change_changes_nothing(admin, make_user):
    other = make_user()
    before = admin.get(f"{USERS}/{other.id}").json
    for change in (patch_by_body, patch_by_path):
        response = change(admin, other.id)
        assert (response.status_code, response.json) == (200, before)


@pytest.mark.parametrize("missing", ["id", *CHANGEABLE])
def test_put_requires_every_field(admin, make_user, database, missing):
    other = make_user()
    before = database.user(other.id)
    body = {"id": str(other.id), "name": "Omar", "email": "o@example.net"}
    body |= {"role": "officer", "disabled": True}
    del body[missing]
    response = admin.put(USERS, json=body)
    assert_error(response, 400, "VALIDATION_ERROR")
    assert detail_paths(response) == [missing]
    assert database.user(other.id) == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": " "},
        {"name": None},
        {"email": "omar"},
        {"email": None},
        {"role": "owner"},
        {"role": ["admin"]},
        {"disabled": 1},
        {"disabled": "yes"},
        {"disabled": None},
        {"password": "an entirely new password"},
        {"passwordHash": "x"},
        {"createdAt": "2026-01-01T00:00:00Z"},
        {"emailKey": "x"},
    ],
)
def test_an_invalid_change_is_rejected_and_changes_nothing(admin, make_user, database, wrong):
    other = make_user()
    before = database.user(other.id)
    for change in (patch_by_body, patch_by_path, put):
        response = change(admin, other.id, **wrong)
        assert_error(response, 400, "VALIDATION_ERROR")
        assert set(detail_paths(response)) == set(wrong)
    assert database.user(other.id) == before


def test_an_id_in_both_path_and_body_is_rejected(admin, make_user, database):
    first, second = make_user(), make_user()
    before = database.user(first.id), database.user(second.id)
    response = admin.patch(f"{USERS}/{first.id}", json={"id": str(second.id), "name": "Mallory"})
    assert_error(response, 400, "VALIDATION_ERROR")
    assert (database.user(first.id), database.user(second.id)) == before


@each_way_to_change
def test_a_change_to_a_taken_email_is_rejected_and_changes_nothing(
    admin, sign_in, make_user, database, change
):
    make_user(email="taken@example.org")
    other = sign_in()
    before = database.user(other.user.id)
    changes = {"email": "Taken@Example.org", "name": "Mallory", "role": "officer"}
    assert_error(change(admin, other.user.id, **changes), 409, TAKEN)
    assert database.user(other.user.id) == before
    # The new role would have ended the sessions.
    assert other.get(ME).status_code == 200


@each_way_to_change
def test_an_email_can_change_its_case(admin, make_user, change):
    other = make_user(email="omar@example.org")
    response = change(admin, other.id, email="Omar@Example.org")
    assert (response.status_code, response.json["email"]) == (200, "Omar@Example.org")


def test_a_former_email_is_available_to_other_users(client, admin, make_user):
    other = make_user(email="omar@example.org")
    assert patch_by_path(admin, other.id, email="omar@example.net").status_code == 200
    assert admin.post(USERS, json=new_user()).status_code == 201
    assert log_in(client, other).json["user"]["id"] != str(other.id)


# Unknown and malformed ids


@each_way_to_change
def test_changing_an_unknown_user_is_not_found(admin, change, database):
    assert_error(change(admin, uuid4(), name="Omar"), 404, "USER_NOT_FOUND")
    assert database.count(User) == 1


@each_way_to_delete
def test_deleting_an_unknown_user_is_not_found(admin, delete, database):
    assert_error(delete(admin, uuid4()), 404, "USER_NOT_FOUND")
    assert database.count(User) == 1


def test_showing_an_unknown_user_is_not_found(admin):
    assert_error(admin.get(f"{USERS}/{uuid4()}"), 404, "USER_NOT_FOUND")


# A constant, so that all workers of pytest-xdist collect the same cases.
A_UUID = UUID("0197c3a4-52b0-7c1e-9a53-3f6d1a2b4c5d")
MALFORMED = ["1", "me", "00000000-0000-0000-0000-00000000000g", f"{A_UUID}x", A_UUID.hex]


@pytest.mark.parametrize("id", MALFORMED)
def test_a_malformed_id_in_the_path_is_not_found(admin, id):
    for response in (
        admin.get(f"{USERS}/{id}"),
        admin.patch(f"{USERS}/{id}", json={"name": "Mallory"}),
        admin.delete(f"{USERS}/{id}"),
    ):
        assert_error(response, 404, "NOT_FOUND")


@pytest.mark.parametrize("id", [*MALFORMED, "", "{}", "%00", "' OR ''='"])
def test_a_malformed_id_in_the_body_or_query_is_rejected(admin, id, database):
    body = {"id": id, "name": "M", "email": "m@example.net", "role": "user", "disabled": False}
    for response in (
        admin.put(USERS, json=body),
        admin.patch(USERS, json={"id": id, "name": "Mallory"}),
        admin.delete(USERS, query_string={"id": id}),
    ):
        assert_error(response, 400, "VALIDATION_ERROR")
        assert detail_paths(response) == ["id"]
    assert database.count(User) == 1


def test_an_id_is_required_unless_the_path_has_one(admin, make_user, database):
    make_user()
    for response in (admin.delete(USERS), admin.patch(USERS, json={"name": "Mallory"})):
        assert_error(response, 400, "VALIDATION_ERROR")
        assert detail_paths(response) == ["id"]
    assert database.count(User) == 2


@pytest.mark.parametrize("id", [None, 5, True, ["x"], {}])
def test_an_id_that_is_not_a_string_is_rejected(admin, id):
    assert_error(admin.patch(USERS, json={"id": id, "name": "M"}), 400, "VALIDATION_ERROR")


# Role and disabled


@each_way_to_change
def test_a_role_change_ends_all_sessions_and_applies_to_new_ones(client, admin, sign_in, change):
    person, bystander = sign_in(), sign_in()
    other_session = sign_in(user=person.user)
    assert change(admin, person.user.id, role="admin").status_code == 200
    assert_session_revoked(client, person)
    assert_session_revoked(client, other_session)
    assert bystander.get(ME).status_code == admin.get(ME).status_code == 200

    promoted = sign_in(user=person.user)
    assert promoted.get(USERS).status_code == 200
    assert change(admin, person.user.id, role="user").status_code == 200
    assert_session_revoked(client, promoted)
    assert_error(sign_in(user=person.user).get(USERS), 403, "FORBIDDEN")


@each_way_to_change
def test_disabling_ends_all_sessions_and_enabling_restores_none(client, admin, sign_in, change):
    person = sign_in()
    assert change(admin, person.user.id, disabled=True).json["disabled"] is True
    assert_session_revoked(client, person)
    assert_error(log_in(client, person.user), 401, "INVALID_CREDENTIALS")
    assert change(admin, person.user.id, disabled=False).json["disabled"] is False
    assert_session_revoked(client, person)
    assert log_in(client, person.user).status_code == 200


def test_a_session_created_while_disabled_stays_revoked(client, admin, sign_in):
    person = sign_in()
    assert patch_by_path(admin, person.user.id, disabled=True).status_code == 200
    late_session = sign_in(user=person.user)  # as by a log-in that had already started
    assert_session_revoked(client, late_session)
    assert patch_by_path(admin, person.user.id, disabled=False).status_code == 200
    assert_session_revoked(client, late_session)


@each_way_to_change
@pytest.mark.parametrize(
    "changes", [{"name": "Omar"}, {"email": "omar@example.net"}, {"role": "user"}, {}]
)
def test_any_other_change_ends_no_session(admin, sign_in, change, changes):
    person = sign_in()
    assert change(admin, person.user.id, **changes).status_code == 200
    assert person.get(ME).status_code == 200


# Deleting


@each_way_to_delete
def test_deleting_a_user_deletes_their_sessions_and_calculations(
    client, admin, sign_in, database, delete
):
    person, bystander = sign_in(), sign_in()
    for owner in (person, person, bystander):
        response = owner.post("/api/zakat/calculations", json={"wealth": 10000, "nisab": 5000})
        assert response.status_code == 201

    response = delete(admin, person.user.id)
    assert (response.status_code, response.json) == (200, {"message": "User deleted"})
    assert database.user(person.user.id) is None
    assert (database.count(Calculation), database.count(UserSession), database.count(User)) == (
        1,
        2,
        2,
    )
    assert bystander.get("/api/zakat/calculations").json["pagination"]["total"] == 1
    assert_session_revoked(client, person)
    assert_error(log_in(client, person.user), 401, "INVALID_CREDENTIALS")

    assert_error(admin.get(f"{USERS}/{person.user.id}"), 404, "USER_NOT_FOUND")
    assert_error(delete(admin, person.user.id), 404, "USER_NOT_FOUND")


def test_the_email_of_a_deleted_user_is_available_again(client, admin, make_user):
    other = make_user(email="omar@example.org")
    assert delete_by_path(admin, other.id).status_code == 200
    response = client.post("/api/auth/register", json=new_user())
    assert response.status_code == 201
    assert response.json["user"]["id"] != str(other.id)


def test_published_prices_survive_deleting_the_admin(client, admin, sign_in):
    other = sign_in("admin")
    body = {"currency": "USD", "goldPricePerGram": 130, "silverPricePerGram": 2}
    assert other.put("/api/zakat/nisab", json=body).status_code == 200
    before = client.get("/api/zakat/nisab").json
    assert delete_by_path(admin, other.user.id).status_code == 200
    assert client.get("/api/zakat/nisab").json == before


def test_users_are_found_by_a_part_of_name_or_email(sign_in, make_user):
    admin, wanted = sign_in("admin"), make_user("user", name="Zaynab bint Jahsh")
    path = "/api/users?search="
    assert [user["id"] for user in admin.get(f"{path}ZAYNAB").json] == [str(wanted.id)]
    assert [user["id"] for user in admin.get(path + wanted.email[:-4]).json] == [str(wanted.id)]
    assert admin.get(f"{path}zay%25").json == []
    assert_error(admin.get(path), 400, "VALIDATION_ERROR")
