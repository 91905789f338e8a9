"""Stored files are readable by the service's own user alone."""

import io
import os
import stat

import pytest

from app.integrations.storage import LocalStorage


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def umask(request):
    """Set the process's umask."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode_of(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_and_its_new_folder_are_private(umask, tmp_path):
    storage = LocalStorage(str(tmp_path / "uploads"))
    storage.write("a.pdf", io.BytesIO(b"a contract"))
    assert mode_of(tmp_path / "uploads") == 0o700
    assert mode_of(tmp_path / "uploads" / "a.pdf") == 0o600
    with storage.open("a.pdf") as file:
        assert file.read() == b"a contract"


def test_an_existing_folder_and_its_files_become_private(umask, tmp_path):
    folder = tmp_path / "uploads"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "old.pdf").touch()
    (folder / "old.pdf").chmod(0o644)
    LocalStorage(str(folder)).write("new.pdf", io.BytesIO())
    assert mode_of(folder) == 0o700
    assert [mode_of(folder / name) for name in ("old.pdf", "new.pdf")] == [0o600, 0o600]


def test_a_folder_of_another_user_is_used_as_it_is(tmp_path, monkeypatch, caplog):
    tmp_path.chmod(0o775)

    def refuse(*_):
        raise PermissionError("not the owner")

    monkeypatch.setattr("pathlib.Path.chmod", refuse)
    LocalStorage(str(tmp_path)).write("a.pdf", io.BytesIO())
    assert mode_of(tmp_path / "a.pdf") == 0o600
    assert "could not be restricted" in caplog.text
