"""``flask prune`` removes stored files without a row, and reports rows without a file."""

import io
import os
from datetime import UTC, datetime, timedelta

import pytest

from app.system import jobs

from ..support.cli import run_command
from ..support.files import PNG, UPLOADS, fetch, send, upload

NAME = "invoice-0197c3a452b07c1e9a533f6d1a2b4c{:02x}.pdf"
DAY = 24 * 3600


class Folder:
    """A folder of uploads, to which a test adds files of any age."""

    def __init__(self, path):
        self.path, self.settings = path, {"upload_dir": str(path)}

    def add(self, name, age):
        (self.path / name).write_bytes(PNG)
        os.utime(self.path / name, (datetime.now(UTC).timestamp() - age,) * 2)

    def remove(self, name):
        (self.path / name).unlink()

    def names(self):
        return {file.name for file in self.path.iterdir()}


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture
def person(sign_in_to_new_app, folder):
    return sign_in_to_new_app(**folder.settings)


def prune(person):
    """Run the command and return its result."""
    return run_command(person.application, "prune")


def test_stored_files_without_a_row_are_removed_after_a_day(person, folder):
    own = upload(person)
    os.utime(folder.path / own, (0, 0))
    folder.add(NAME.format(1), DAY + 60)
    folder.add(NAME.format(2), DAY - 60)  # its transaction may not be committed yet
    result = prune(person)
    assert result.exit_code == 0, result.output
    assert "1 files without a row, 0 rows without a file\n" in result.output
    assert folder.names() == {own, NAME.format(2)}
    assert fetch(person, own).data == PNG


def test_files_that_the_service_has_not_named_stay(person, folder):
    others = {"backup.dump", "invoice.pdf", f"{NAME.format(1)}.bak", ".keep"}
    for name in others:
        folder.add(name, 90 * DAY)
    (folder.path / "folder").mkdir()
    assert "0 files without a row" in prune(person).output
    assert folder.names() == {*others, "folder"}


def test_rows_without_a_file_are_reported_after_all_work_is_done(person, folder, set_clock, sql):
    missing, young = upload(person), upload(person)
    for name in (missing, young):
        folder.remove(name)
    sql("UPDATE uploads SET created_at = now() - interval '25 hours' WHERE filename = %s", missing)
    folder.add(NAME.format(1), 2 * DAY)
    result = prune(person)
    assert result.exit_code == 1
    assert "nothing to seal\n" in result.output
    assert f"missing file: {missing}\n" in result.output
    assert "1 files without a row, 1 rows without a file\n" in result.output
    assert folder.names() == set()
    assert young not in result.output
    assert sql("SELECT count(*) FROM uploads") == [(2,)]


def test_nothing_is_removed_if_most_files_have_no_row(person, folder, monkeypatch):
    """The database is probably another one, or empty."""
    monkeypatch.setattr(jobs, "MANY_ORPHANS", 2)
    own = [upload(person) for _ in range(2)]
    orphans = [NAME.format(number) for number in range(3)]
    for name in orphans:
        folder.add(name, 2 * DAY)
    result = prune(person)
    assert result.exit_code == 1
    assert "3 stored files have no row, and only 2 have one. None was removed" in result.output
    assert folder.names() == {*own, *orphans}
    own.append(upload(person))
    assert prune(person).exit_code == 0
    assert folder.names() == set(own)


def test_a_missing_folder_has_no_files(sign_in_to_new_app, tmp_path):
    person = sign_in_to_new_app(upload_dir=str(tmp_path / "none"))
    assert "0 files without a row, 0 rows without a file\n" in prune(person).output


def test_a_bucket_is_pruned_like_a_folder(sign_in_with_bucket, bucket, set_clock, rows):
    person = sign_in_with_bucket(bucket.name)
    own = upload(person)
    others = {"backup.dump", f"other/{NAME.format(1)}"}
    for name in (*others, NAME.format(2)):
        bucket.client.upload_fileobj(io.BytesIO(PNG), bucket.name, name)
    assert "0 files without a row" in prune(person).output
    assert bucket.list_keys() == {own, *others, NAME.format(2)}
    later = datetime.now(UTC) + timedelta(days=2)
    set_clock(later.replace(tzinfo=None).isoformat())
    assert "1 files without a row, 0 rows without a file\n" in prune(person).output
    assert bucket.list_keys() == {own, *others}
    assert rows() == {own}


def test_an_unavailable_bucket_ends_the_command_with_an_error(
    sign_in_with_bucket, bucket, monkeypatch
):
    person = sign_in_with_bucket("no-such-bucket")
    result = prune(person)
    assert result.exit_code == 1
    assert "The file storage does not respond." in result.output


def test_a_failed_upload_leaves_an_orphan_only_until_the_next_run(person, folder, monkeypatch):
    """A process that dies between storing the bytes and the commit cannot remove them."""
    with monkeypatch.context() as patch:
        patch.setattr("app.integrations.storage._remove", lambda names: None)
        patch.setattr("app.http.idempotency._commit", lambda: 1 / 0)
        assert send(person).status_code == 500
    (orphan,) = folder.names()
    os.utime(folder.path / orphan, (0, 0))
    assert "1 files without a row" in prune(person).output
    assert folder.names() == set()
    assert person.get(UPLOADS).json["data"] == []
