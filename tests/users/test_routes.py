"""Users over HTTP: everybody for admins, oneself for all, and what another standing ends."""

from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest

from app.database.base import db
from app.users.models import User, UserSession
from app.zakat.models import Calculation

from ..support.assertions import assert_error
from ..support.settings import PASSWORD

USERS = "/api/users"
ME = "/api/auth/me"
CHANGEABLE = ("name", "email", "role", "disabled")
USER_FIELDS = {"id", "name", "email", "role", "disabled", "createdAt", "updatedAt"}
TAKEN = "RESOURCE_EXISTS"


def new_user(**changes):
    return {"name": "Omar", "email": "omar@example.org", "password": PASSWORD, **changes}


def paths(answer):
    return [".".join(map(str, detail["path"])) for detail in answer.json["details"]]


# The same change and the same deletion, in each form that the contract has.


def patch_by_body(admin, id, **changes):
    return admin.patch(USERS, json={"id": str(id), **changes})


def patch_by_path(admin, id, **changes):
    return admin.patch(f"{USERS}/{id}", json=changes)


def put(admin, id, **changes):
    known = admin.get(f"{USERS}/{id}").json
    rest = {field: known.get(field) for field in CHANGEABLE}
    if rest["name"] is None:  # there is no such user
        rest = {"name": "Nobody", "email": "n@example.org", "role": "user", "disabled": False}
    return admin.put(USERS, json={"id": str(id), **rest, **changes})


def delete_by_query(admin, id):
    return admin.delete(f"{USERS}?id={id}")


def delete_by_path(admin, id):
    return admin.delete(f"{USERS}/{id}")


in_each_form = pytest.mark.parametrize("change", [patch_by_body, patch_by_path, put])
deleted_in_each_form = pytest.mark.parametrize("delete", [delete_by_query, delete_by_path])


@pytest.fixture
def stored(app):
    """What the database has, apart from any request."""

    def user(id):
        with app.app_context():
            row = db.session.get(User, UUID(str(id)))
            return row and {name: getattr(row, name) for name in (*CHANGEABLE, "password_hash")}

    def count(model):
        with app.app_context():
            return db.session.scalar(db.select(db.func.count()).select_from(model))

    return SimpleNamespace(user=user, count=count)


@pytest.fixture
def admin(sign_in):
    return sign_in("admin")


def log_in(client, user, password=PASSWORD):
    body = {"email": user.email, "password": password}
    return client.post("/api/auth/login", json=body)


def assert_session_revoked(client, person):
    """Assert that the person's access token and refresh token are both refused."""
    refresh = {"Authorization": f"Bearer {person.tokens['refresh_token']}"}
    refreshed = client.post("/api/auth/refresh", headers=refresh)
    assert_error(person.get(ME), 401, "TOKEN_REVOKED")
    assert_error(refreshed, 401, "TOKEN_REVOKED")


# Who may


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
def test_only_an_admin_sees_or_changes_others(sign_in, make_user, stored, role, call):
    caller, other = sign_in(role), make_user()
    before = stored.user(other.id)
    assert_error(call(caller, other.id), 403, "FORBIDDEN")
    # Nor does anybody learn whether there is such a user.
    assert_error(call(caller, uuid4()), 403, "FORBIDDEN")
    assert stored.user(other.id) == before
    assert stored.count(User) == 2


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_nobody_in_particular_sees_or_changes_anybody(client, make_user, stored, call):
    other = make_user()
    before = stored.user(other.id)
    answer = call(client, other.id)
    assert_error(answer, 401, "AUTH_REQUIRED")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert stored.user(other.id) == before
    assert stored.count(User) == 1


@pytest.mark.parametrize("role", ["user", "officer"])
@pytest.mark.parametrize("form", ["replace", "patch in the body", "delete in the query", "delete"])
def test_the_admins_forms_are_not_for_oneself_either(sign_in, stored, role, form):
    person = sign_in(role)
    before = stored.user(person.user.id)
    assert_error(CALLS[form](person, person.user.id), 403, "FORBIDDEN")
    assert stored.user(person.user.id) == before


@pytest.mark.parametrize("role", ["user", "officer", "admin"])
def test_everybody_sees_and_changes_themself(sign_in, role):
    person = sign_in(role)
    own = f"{USERS}/{person.user.id}"
    assert person.get(own).json == person.get(ME).json
    changes = {"name": "Maryam", "email": "maryam@example.org"}
    answer = person.patch(own, json=changes)
    assert answer.status_code == 200
    shown = person.get(own).json
    assert answer.json == shown
    assert shown.items() >= {**changes, "role": role, "disabled": False}.items()


@pytest.mark.parametrize("role", ["user", "officer", "admin"])
@pytest.mark.parametrize("standing", [{"role": "user"}, {"role": "admin"}, {"disabled": True}])
def test_nobody_changes_their_own_standing(sign_in, stored, role, standing):
    person = sign_in(role)
    before = stored.user(person.user.id)
    if standing == {"role": role}:
        standing = {"role": "officer"}
    answer = patch_by_path(person, person.user.id, name="Mallory", **standing)
    assert_error(answer, 403, "FORBIDDEN")
    assert stored.user(person.user.id) == before
    assert person.get(ME).status_code == 200


@in_each_form
@pytest.mark.parametrize("standing", [{"role": "user"}, {"role": "officer"}, {"disabled": True}])
def test_not_even_an_admin_changes_their_own_standing(admin, stored, change, standing):
    before = stored.user(admin.user.id)
    assert_error(change(admin, admin.user.id, name="Mallory", **standing), 403, "FORBIDDEN")
    assert stored.user(admin.user.id) == before
    assert admin.get(USERS).status_code == 200


@deleted_in_each_form
def test_not_even_an_admin_deletes_themself(admin, stored, delete):
    assert_error(delete(admin, admin.user.id), 403, "FORBIDDEN")
    assert stored.user(admin.user.id) is not None
    assert admin.get(USERS).status_code == 200


def test_naming_the_standing_that_one_has_changes_nothing_of_it(admin):
    answer = put(admin, admin.user.id, name="Zaynab")
    assert answer.status_code == 200
    assert (answer.json["name"], answer.json["role"]) == ("Zaynab", "admin")
    assert admin.get(USERS).status_code == 200


# Listing


def test_the_list_is_a_plain_array_newest_first_with_the_number_of_all(sign_in, make_user):
    admin = sign_in("admin")
    users = [admin.user, *(make_user() for _ in range(3))]
    answer = admin.get(USERS)
    assert [row["id"] for row in answer.json] == [str(user.id) for user in reversed(users)]
    assert all(row.keys() == USER_FIELDS for row in answer.json)
    assert answer.headers["X-Total-Count"] == "4"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "argon2" not in answer.text

    part = admin.get(f"{USERS}?limit=2&offset=1")
    assert [row["id"] for row in part.json] == [str(users[2].id), str(users[1].id)]
    assert part.headers["X-Total-Count"] == "4"
    beyond = admin.get(f"{USERS}?offset=99")
    assert (beyond.json, beyond.headers["X-Total-Count"]) == ([], "4")


def test_the_list_has_a_hundred_users_unless_told_otherwise(app, admin):
    with app.app_context():
        db.session.add_all(
            User(name=f"P{n}", email=f"p{n}@example.net", password_hash="-") for n in range(101)
        )
        db.session.commit()
    for query in ("", "?limit=100"):
        answer = admin.get(f"{USERS}{query}")
        assert (len(answer.json), answer.headers["X-Total-Count"]) == (100, "102")
    assert len(admin.get(f"{USERS}?limit=1").json) == 1
    assert len(admin.get(f"{USERS}?offset=100").json) == 2


@pytest.mark.parametrize(
    "query",
    [
        *(f"limit={wrong}" for wrong in ("0", "101", "x", "", "-1", "1e1")),
        *(f"offset={wrong}" for wrong in ("-1", "2147483648", "99999999999999999999", "1.5")),
    ],
)
def test_a_list_out_of_bounds_is_refused(admin, query):
    answer = admin.get(f"{USERS}?{query}")
    assert_error(answer, 400, "VALIDATION_ERROR")
    assert paths(answer) == [query.split("=")[0]]


# Making


@pytest.mark.parametrize("role", [None, "user", "officer", "admin"])
def test_an_admin_makes_users_of_any_role(client, admin, stored, role):
    body = new_user() if role is None else new_user(role=role)
    answer = admin.post(USERS, json=body)
    assert answer.status_code == 201
    assert answer.json.keys() == USER_FIELDS
    made = SimpleNamespace(id=answer.json["id"], email=body["email"])
    assert (answer.json["role"], answer.json["disabled"]) == (role or "user", False)
    assert admin.get(f"{USERS}/{made.id}").json == answer.json
    assert stored.user(made.id)["password_hash"].startswith("$argon2id$")
    assert PASSWORD not in answer.text
    assert log_in(client, made).json["user"] == answer.json


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
def test_a_malformed_user_is_refused_and_not_stored(admin, wrong, stored):
    answer = admin.post(USERS, json=new_user(**wrong))
    assert_error(answer, 400, "VALIDATION_ERROR")
    assert set(paths(answer)) == set(wrong)
    assert stored.count(User) == 1


@pytest.mark.parametrize("missing", ["name", "email", "password"])
def test_a_user_needs_a_name_an_email_and_a_password(admin, missing, stored):
    body = new_user()
    del body[missing]
    answer = admin.post(USERS, json=body)
    assert_error(answer, 400, "VALIDATION_ERROR")
    assert paths(answer) == [missing]
    assert stored.count(User) == 1


def test_a_taken_email_is_refused_and_nobody_is_stored(admin, make_user, stored):
    make_user(email="omar@example.org")
    assert_error(admin.post(USERS, json=new_user(email="OMAR@example.org")), 409, TAKEN)
    assert stored.count(User) == 2


# Changing


@in_each_form
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
def test_an_admin_changes_what_is_named_and_the_rest_stays(admin, make_user, change, changes):
    other, bystander = make_user(), make_user()
    before = admin.get(f"{USERS}/{other.id}").json
    untouched = admin.get(f"{USERS}/{bystander.id}").json
    answer = change(admin, other.id, **changes)
    assert answer.status_code == 200
    expected = {**before, **changes, "updatedAt": answer.json["updatedAt"]}
    assert answer.json == admin.get(f"{USERS}/{other.id}").json == expected
    assert admin.get(f"{USERS}/{bystander.id}").json == untouched


def test_a_change_moves_updated_at_and_leaves_created_at(admin, make_user, set_clock):
    other = make_user()
    before = admin.get(f"{USERS}/{other.id}").json
    set_clock("2033-03-03T03:03:03")
    answer = patch_by_path(admin, other.id, name="Omar").json
    assert answer["updatedAt"] == "2033-03-03T03:03:03Z"
    assert answer["createdAt"] == before["createdAt"]


def test_a_change_of_nothing_changes_nothing(admin, make_user):
    other = make_user()
    before = admin.get(f"{USERS}/{other.id}").json
    for change in (patch_by_body, patch_by_path):
        answer = change(admin, other.id)
        assert (answer.status_code, answer.json) == (200, before)


@pytest.mark.parametrize("missing", ["id", *CHANGEABLE])
def test_put_needs_every_field(admin, make_user, stored, missing):
    other = make_user()
    before = stored.user(other.id)
    body = {"id": str(other.id), "name": "Omar", "email": "o@example.net"}
    body |= {"role": "officer", "disabled": True}
    del body[missing]
    answer = admin.put(USERS, json=body)
    assert_error(answer, 400, "VALIDATION_ERROR")
    assert paths(answer) == [missing]
    assert stored.user(other.id) == before


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
def test_a_malformed_change_is_refused_and_changes_nothing(admin, make_user, stored, wrong):
    other = make_user()
    before = stored.user(other.id)
    for change in (patch_by_body, patch_by_path, put):
        answer = change(admin, other.id, **wrong)
        assert_error(answer, 400, "VALIDATION_ERROR")
        assert set(paths(answer)) == set(wrong)
    assert stored.user(other.id) == before


def test_the_id_stands_in_the_path_or_in_the_body_not_in_both(admin, make_user, stored):
    one, two = make_user(), make_user()
    before = stored.user(one.id), stored.user(two.id)
    answer = admin.patch(f"{USERS}/{one.id}", json={"id": str(two.id), "name": "Mallory"})
    assert_error(answer, 400, "VALIDATION_ERROR")
    assert (stored.user(one.id), stored.user(two.id)) == before


@in_each_form
def test_a_change_to_a_taken_email_is_refused_and_changes_nothing(
    admin, sign_in, make_user, stored, change
):
    make_user(email="taken@example.org")
    other = sign_in()
    before = stored.user(other.user.id)
    clash = {"email": "Taken@Example.org", "name": "Mallory", "role": "officer"}
    assert_error(change(admin, other.user.id, **clash), 409, TAKEN)
    assert stored.user(other.user.id) == before
    # The sign-ins would have ended with the new role; they stand as well.
    assert other.get(ME).status_code == 200


@in_each_form
def test_an_email_may_change_its_case(admin, make_user, change):
    other = make_user(email="omar@example.org")
    answer = change(admin, other.id, email="Omar@Example.org")
    assert (answer.status_code, answer.json["email"]) == (200, "Omar@Example.org")


def test_somebody_else_may_take_an_email_that_was_given_up(client, admin, make_user):
    other = make_user(email="omar@example.org")
    assert patch_by_path(admin, other.id, email="omar@example.net").status_code == 200
    assert admin.post(USERS, json=new_user()).status_code == 201
    assert log_in(client, other).json["user"]["id"] != str(other.id)


# Nobody there


@in_each_form
def test_a_change_of_nobody_is_not_found(admin, change, stored):
    assert_error(change(admin, uuid4(), name="Nobody"), 404, "USER_NOT_FOUND")
    assert stored.count(User) == 1


@deleted_in_each_form
def test_deleting_nobody_is_not_found(admin, delete, stored):
    assert_error(delete(admin, uuid4()), 404, "USER_NOT_FOUND")
    assert stored.count(User) == 1


def test_showing_nobody_is_not_found(admin):
    assert_error(admin.get(f"{USERS}/{uuid4()}"), 404, "USER_NOT_FOUND")


# Fixed, so that all workers of pytest-xdist collect the same cases.
A_UUID = UUID("0197c3a4-52b0-7c1e-9a53-3f6d1a2b4c5d")
MALFORMED = ["1", "me", "00000000-0000-0000-0000-00000000000g", f"{A_UUID}x", A_UUID.hex]


@pytest.mark.parametrize("id", MALFORMED)
def test_a_malformed_id_in_the_path_is_no_path(admin, id):
    for call in (
        admin.get(f"{USERS}/{id}"),
        admin.patch(f"{USERS}/{id}", json={"name": "Mallory"}),
        admin.delete(f"{USERS}/{id}"),
    ):
        assert_error(call, 404, "NOT_FOUND")


@pytest.mark.parametrize("id", [*MALFORMED, "", "{}", "%00", "' OR ''='"])
def test_a_malformed_id_elsewhere_is_malformed(admin, id, stored):
    body = {"id": id, "name": "M", "email": "m@example.net", "role": "user", "disabled": False}
    for call in (
        admin.put(USERS, json=body),
        admin.patch(USERS, json={"id": id, "name": "Mallory"}),
        admin.delete(USERS, query_string={"id": id}),
    ):
        assert_error(call, 400, "VALIDATION_ERROR")
        assert paths(call) == ["id"]
    assert stored.count(User) == 1


def test_an_id_is_needed_where_the_path_has_none(admin, make_user, stored):
    make_user()
    for call in (admin.delete(USERS), admin.patch(USERS, json={"name": "Mallory"})):
        assert_error(call, 400, "VALIDATION_ERROR")
        assert paths(call) == ["id"]
    assert stored.count(User) == 2


@pytest.mark.parametrize("id", [None, 5, True, ["x"], {}])
def test_an_id_that_is_no_text_is_malformed(admin, id):
    assert_error(admin.patch(USERS, json={"id": id, "name": "M"}), 400, "VALIDATION_ERROR")


# Standing


@in_each_form
def test_another_role_ends_the_sign_ins_and_holds_from_the_next_on(client, admin, sign_in, change):
    person, bystander = sign_in(), sign_in()
    elsewhere = sign_in(user=person.user)
    assert change(admin, person.user.id, role="admin").status_code == 200
    assert_session_revoked(client, person)
    assert_session_revoked(client, elsewhere)
    assert bystander.get(ME).status_code == admin.get(ME).status_code == 200

    promoted = sign_in(user=person.user)
    assert promoted.get(USERS).status_code == 200
    assert change(admin, person.user.id, role="user").status_code == 200
    assert_session_revoked(client, promoted)
    assert_error(sign_in(user=person.user).get(USERS), 403, "FORBIDDEN")


@in_each_form
def test_a_disabled_account_is_out_at_once_and_enabling_it_revives_nothing(
    client, admin, sign_in, change
):
    person = sign_in()
    assert change(admin, person.user.id, disabled=True).json["disabled"] is True
    assert_session_revoked(client, person)
    assert_error(log_in(client, person.user), 401, "INVALID_CREDENTIALS")
    assert change(admin, person.user.id, disabled=False).json["disabled"] is False
    assert_session_revoked(client, person)
    assert log_in(client, person.user).status_code == 200


def test_a_sign_in_begun_while_the_account_was_disabled_is_not_revived(client, admin, sign_in):
    person = sign_in()
    assert patch_by_path(admin, person.user.id, disabled=True).status_code == 200
    meanwhile = sign_in(user=person.user)  # as by a log-in that was under way
    assert_session_revoked(client, meanwhile)
    assert patch_by_path(admin, person.user.id, disabled=False).status_code == 200
    assert_session_revoked(client, meanwhile)


@in_each_form
@pytest.mark.parametrize(
    "changes", [{"name": "Omar"}, {"email": "omar@example.net"}, {"role": "user"}, {}]
)
def test_any_other_change_leaves_the_sign_ins_alone(admin, sign_in, change, changes):
    person = sign_in()
    assert change(admin, person.user.id, **changes).status_code == 200
    assert person.get(ME).status_code == 200


# Deleting


@deleted_in_each_form
def test_a_deleted_user_is_gone_with_their_sign_ins_and_calculations(
    client, admin, sign_in, stored, delete
):
    person, bystander = sign_in(), sign_in()
    for owner in (person, person, bystander):
        kept = owner.post("/api/zakat/calculations", json={"wealth": 10000, "nisab": 5000})
        assert kept.status_code == 201

    answer = delete(admin, person.user.id)
    assert (answer.status_code, answer.json) == (200, {"message": "User deleted"})
    assert stored.user(person.user.id) is None
    assert (stored.count(Calculation), stored.count(UserSession), stored.count(User)) == (1, 2, 2)
    assert bystander.get("/api/zakat/calculations").json["pagination"]["total"] == 1
    assert_session_revoked(client, person)
    assert_error(log_in(client, person.user), 401, "INVALID_CREDENTIALS")

    assert_error(admin.get(f"{USERS}/{person.user.id}"), 404, "USER_NOT_FOUND")
    assert_error(delete(admin, person.user.id), 404, "USER_NOT_FOUND")


def test_the_email_of_a_deleted_user_is_free_again(client, admin, make_user):
    other = make_user(email="omar@example.org")
    assert delete_by_path(admin, other.id).status_code == 200
    again = client.post("/api/auth/register", json=new_user())
    assert again.status_code == 201
    assert again.json["user"]["id"] != str(other.id)


def test_prices_outlive_the_admin_who_published_them(client, admin, sign_in):
    other = sign_in("admin")
    body = {"currency": "USD", "goldPricePerGram": 130, "silverPricePerGram": 2}
    assert other.put("/api/zakat/nisab", json=body).status_code == 200
    before = client.get("/api/zakat/nisab").json
    assert delete_by_path(admin, other.user.id).status_code == 200
    assert client.get("/api/zakat/nisab").json == before
