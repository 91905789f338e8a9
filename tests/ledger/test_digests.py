"""Digests of the ledger's days, and the triggers that protect it."""
# ruff: noqa: S608 (the statements are made of values of this module)

import hashlib
from datetime import date
from uuid import uuid4

import pytest
from psycopg.errors import CheckViolation

from app.ledger import digests
from app.ledger.actions import ENABLED_TRIGGERS
from app.ledger.models import GUARDS

from ..support.cli import run_command

ENTRY = (
    "BEGIN; INSERT INTO ledger_entries (id, fund, currency, kind, subject_id, created_at)"
    " VALUES ('{id}', 'test', 'USD', 'test', '{id}', '{at}');"
    " INSERT INTO ledger_postings (entry_id, account, amount) VALUES ('{id}', 'a', {amount}),"
    " ('{id}', 'b', -{amount}); COMMIT"
)
DAYS = ("2026-01-20", "2026-01-21", "2026-01-23")  # and none on the 22nd
ALL_DIGESTS = "SELECT day::text, entry_count, content_hash, chain_hash FROM ledger_digests"


@pytest.fixture
def post(sql):
    """Return a function that posts an entry at a time in UTC."""

    def post_entry(at, amount="5.00"):
        entry_id = str(uuid4())
        sql(ENTRY.format(id=entry_id, at=f"{at}+00", amount=amount))
        return entry_id

    return post_entry


@pytest.fixture
def tamper(sql):
    """Return a function that changes rows as a superuser can, past every trigger."""
    return lambda statement: sql(f"SET session_replication_role = replica; {statement}")


@pytest.fixture
def run(app):
    """Return a function that runs a command and returns its exit code and lines."""

    def run_ledger(*command):
        result = run_command(app, *command)
        return result.exit_code, result.output.splitlines()

    return run_ledger


@pytest.fixture
def entries(post, run, set_clock):
    """Post two entries on each of DAYS, seal them, and return the entries' ids by day."""
    posted = {}
    for day in DAYS:
        posted[day] = [post(f"{day} 00:00:00"), post(f"{day} 23:59:59.999999", "7.10")]
    set_clock("2026-01-24T02:00:00")
    assert run("ledger", "seal")[0] == 0
    assert run("ledger", "check") == (0, ["nothing differs"])
    return posted


def check_subjects(run):
    """Return the subjects that the check lists."""
    code, lines = run("ledger", "check")
    assert code == 1
    assert lines.pop() == f"{len(lines)} differ"
    return [line.partition(":")[0] for line in lines]


# Sealing


def test_every_finished_day_is_sealed_once_also_one_without_entries(entries, run, sql, set_clock):
    sealed = sql(f"{ALL_DIGESTS} ORDER BY day")
    assert [row[:2] for row in sealed] == [
        ("2026-01-20", 2), ("2026-01-21", 2), ("2026-01-22", 0), ("2026-01-23", 2),
    ]  # fmt: skip
    assert len({row[3] for row in sealed}) == 4
    assert run("ledger", "seal") == (0, [f"sealed until 2026-01-23: {sealed[3][3]}"])
    set_clock("2026-01-26T02:00:00")
    _, lines = run("prune")
    assert [line for line in lines if line.startswith("sealed until 2026-01-25: ")]
    assert sql(f"{ALL_DIGESTS} WHERE day <= '2026-01-23' ORDER BY day") == sealed
    assert run("ledger", "check") == (0, ["nothing differs"])


def test_a_day_is_sealed_an_hour_after_its_end(post, run, sql, set_clock):
    post("2026-01-20 12:00:00")
    set_clock("2026-01-21T00:59:59")
    assert run("ledger", "seal") == (0, ["nothing to seal"])
    late = post("2026-01-20 23:59:59")  # committed after the day's end
    set_clock("2026-01-21T01:00:00")
    run("ledger", "seal")
    assert sql("SELECT day::text, entry_count FROM ledger_digests") == [("2026-01-20", 2)]
    assert late
    assert run("ledger", "check")[0] == 0


def test_an_empty_ledger_has_nothing_to_seal_or_to_report(run):
    assert run("ledger", "seal") == (0, ["nothing to seal"])
    assert run("ledger", "check") == (0, ["nothing differs"])


def test_more_days_than_one_statement_reads_are_sealed(post, run, sql, set_clock):
    post("2025-10-01 12:00:00")
    post("2026-01-20 12:00:00")
    set_clock("2026-01-24T02:00:00")
    run("ledger", "seal")
    assert sql("SELECT count(*), sum(entry_count) FROM ledger_digests") == [(115, 2)]
    assert run("ledger", "check")[0] == 0


def test_the_scale_of_an_amount_changes_no_digest(entries, run, tamper):
    tamper("UPDATE ledger_postings SET amount = amount + 0.0000")
    assert run("ledger", "check") == (0, ["nothing differs"])


def test_the_digest_of_an_entry_without_a_value_date_is_that_of_earlier_releases(
    run, sql, set_clock
):
    id = "0197c3a4-0000-7000-8000-000000000001"
    sql(ENTRY.format(id=id, at="2026-01-20 12:00:00+00", amount="5.00"))
    set_clock("2026-01-21T02:00:00")
    run("ledger", "seal")
    moment = "2026-01-20T12:00:00.000000Z"
    line = f'["{id}", "test", "USD", "test", "{id}", null, "{moment}", [["a", "5"], ["b", "-5"]]]'
    expected = hashlib.sha256(line.encode()).hexdigest()
    assert sql("SELECT content_hash FROM ledger_digests") == [(expected,)]


# What the check finds


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_postings SET amount = amount * 10 WHERE entry_id = '{0}'",
        "UPDATE ledger_postings SET account = account || 'x' WHERE entry_id = '{0}'",
        "UPDATE ledger_entries SET fund = 'another' WHERE id = '{0}'",
        "UPDATE ledger_entries SET currency = 'EUR' WHERE id = '{0}'",
        "UPDATE ledger_entries SET subject_id = gen_random_uuid() WHERE id = '{0}'",
        "UPDATE ledger_entries SET created_at = created_at + interval '1 us' WHERE id = '{0}'",
        "UPDATE ledger_entries SET value_date = created_at WHERE id = '{0}'",
        "DELETE FROM ledger_postings WHERE entry_id = '{0}';"
        " DELETE FROM ledger_entries WHERE id = '{0}'",
    ],
)
def test_the_day_of_a_changed_entry_is_named(entries, run, tamper, day, change):
    tamper(change.format(entries[day][0]))
    assert check_subjects(run) == [f"ledger of {day}"]


@pytest.mark.parametrize("day", ["2026-01-19", "2026-01-20", "2026-01-22"])
def test_the_day_of_an_entry_that_was_added_later_is_named(entries, run, post, day):
    post(f"{day} 12:00:00")
    assert check_subjects(run) == [f"ledger of {day}"]


@pytest.mark.parametrize("day", [*DAYS, "2026-01-22"])
@pytest.mark.parametrize("column", ["chain_hash", "content_hash"])
def test_a_changed_digest_is_named(entries, run, tamper, day, column):
    tamper(f"UPDATE ledger_digests SET {column} = md5('x') WHERE day = '{day}'")
    subjects = check_subjects(run)
    assert f"digest of {day}" in subjects
    assert {subject.rpartition(" ")[2] for subject in subjects} == {day}


def test_a_changed_entry_with_a_digest_that_fits_breaks_the_chain(entries, run, tamper):
    tamper(f"UPDATE ledger_entries SET fund = 'x' WHERE id = '{entries[DAYS[0]][0]}'")
    ((code, lines), day) = run("ledger", "check"), date.fromisoformat(DAYS[0])
    recomputed = lines[0].rpartition(" ")[2]
    chain_hash = digests.chain("", day, digests.Content(2, recomputed))
    tamper(
        f"UPDATE ledger_digests SET content_hash = '{recomputed}', chain_hash = '{chain_hash}'"
        f" WHERE day = '{DAYS[0]}'"
    )
    assert code == 1
    assert check_subjects(run) == [f"digest of {DAYS[1]}"]


@pytest.mark.parametrize("day", ["2026-01-20", "2026-01-21"])
def test_a_deleted_digest_is_named(entries, run, tamper, day):
    tamper(f"DELETE FROM ledger_digests WHERE day = '{day}'")
    assert f"ledger of {day}" in check_subjects(run)


def test_a_deleted_digest_of_a_day_without_entries_is_named(entries, run, tamper):
    tamper("DELETE FROM ledger_digests WHERE day = '2026-01-22'")
    assert check_subjects(run) == ["digest of 2026-01-22"]


def test_the_last_digests_are_missed_after_two_days(entries, run, tamper, set_clock):
    tamper("DELETE FROM ledger_digests WHERE day >= '2026-01-21'")
    set_clock("2026-01-26T00:00:00")
    assert check_subjects(run) == ["ledger of 2026-01-21", "ledger of 2026-01-23"]


def test_a_ledger_that_is_never_sealed_is_named(post, run, set_clock):
    post("2026-01-20 12:00:00")
    set_clock("2026-01-22T23:59:59")
    assert run("ledger", "check")[0] == 0
    set_clock("2026-01-23T00:00:00")
    assert check_subjects(run) == ["ledger of 2026-01-20"]


# Triggers


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_digests SET chain_hash = 'x'",
        "DELETE FROM ledger_digests",
        "TRUNCATE ledger_digests",
    ],
)
def test_digests_cannot_be_changed_or_deleted(entries, sql, statement):
    before = sql(ALL_DIGESTS)
    with pytest.raises(CheckViolation, match="is refused"):
        sql(statement)
    assert sql(ALL_DIGESTS) == before


@pytest.mark.parametrize(
    ("table", "trigger"), [(table, name) for table, names in GUARDS.items() for name in names]
)
@pytest.mark.parametrize("mode", ["DISABLE TRIGGER", "ENABLE REPLICA TRIGGER"])
def test_a_disabled_trigger_is_named(run, sql, table, trigger, mode):
    sql(f"ALTER TABLE {table} {mode} {trigger}")
    try:
        assert check_subjects(run) == [f"trigger {trigger} of {table}"]
    finally:
        sql(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")


def test_a_missing_trigger_is_named(app, run, sql):
    sql("ALTER TRIGGER entries_are_never_changed ON ledger_entries RENAME TO another")
    try:
        assert check_subjects(run) == ["trigger entries_are_never_changed of ledger_entries"]
    finally:
        sql("ALTER TRIGGER another ON ledger_entries RENAME TO entries_are_never_changed")


FUNCTIONS = {
    "ledger_refuse": 16, "ledger_balance": 2, "ledger_closed": 1, "murabaha_refuse": 13,
    "murabaha_add_up": 2,
}  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    "change",
    [
        "CREATE OR REPLACE FUNCTION {} () RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NEW; END'",
        "ALTER FUNCTION {} SET search_path = another",
    ],
    ids=["body", "search_path"],
)
def test_the_triggers_of_a_function_that_was_changed_are_named(run, sql, function, change):
    ((definition,),) = sql(f"SELECT pg_get_functiondef('{function}'::regproc)")
    sql(change.format(function))
    try:
        subjects = check_subjects(run)
    finally:
        sql(definition)
    assert len(subjects) == FUNCTIONS[function]
    assert all(subject.startswith("trigger ") for subject in subjects)
    assert run("ledger", "check") == (0, ["nothing differs"])


@pytest.mark.parametrize(
    ("table", "trigger"), [(table, name) for table, names in GUARDS.items() for name in names]
)
def test_a_trigger_that_was_created_again_without_effect_is_named(run, sql, table, trigger):
    of_trigger = f"tgname = '{trigger}' AND tgrelid = '{table}'::regclass"
    ((definition,),) = sql(f"SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE {of_trigger}")
    head, _, function = definition.partition(" EXECUTE ")
    never = f"{head.partition(' WHEN ')[0]} WHEN (false) EXECUTE {function}"
    sql(f"DROP TRIGGER {trigger} ON {table}; {never}")
    try:
        assert check_subjects(run) == [f"trigger {trigger} of {table}"]
    finally:
        sql(f"DROP TRIGGER {trigger} ON {table}; {definition}")
    assert run("ledger", "check") == (0, ["nothing differs"])


# They complete what a previous release writes, and guard nothing (migration 0012).
TRANSITIONAL = {
    ("payments", "received_payments_are_complete"),
    ("waqf_donations", "received_donations_are_complete"),
}


def test_the_fingerprints_are_those_of_the_migrated_database(sql):
    rows = sql(ENABLED_TRIGGERS)
    found = {
        (table, trigger): value
        for table, trigger, value in rows
        if not table.startswith("procrastinate_")  # of the queue, which guards nothing
    }
    assert {key: value for key, value in found.items() if key not in TRANSITIONAL} == {
        (table, trigger): value
        for table, names in GUARDS.items()
        for trigger, value in names.items()
    }


def test_every_trigger_of_the_migrations_is_checked(sql):
    rows = sql(
        "SELECT relname, tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid"
        " WHERE NOT tgisinternal AND NOT starts_with(relname, 'procrastinate_')"
    )
    assert set(rows) - TRANSITIONAL == {
        (table, name) for table, names in GUARDS.items() for name in names
    }
