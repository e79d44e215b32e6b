"""`aj remote audit` on a real S3 server: DVC says "up to date" in every one of these cases."""

from collections.abc import Callable
from pathlib import Path

import pytest
import s3fs

from aj.cli import main
from tests.remote.conftest import Place

Audit = Callable[..., tuple[int, str, str]]


@pytest.fixture
def audit(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Audit:
    """Push, then run the command in the repository: (exit status, stdout, stderr)."""
    assert place.repository.dvc("push", "-q").status == 0

    def run(*words: str) -> tuple[int, str, str]:
        import s3fs

        s3fs.S3FileSystem.clear_instance_cache()
        monkeypatch.chdir(place.repository.path)
        capsys.readouterr()
        status = main(["remote", "audit", *words])
        return status, *capsys.readouterr()

    return run


def key_of(place: Place, content: str) -> str:
    return next(key for key, file in place.objects().items() if file.read_text() == content)


def test_a_whole_remote_is_right(audit: Audit) -> None:
    status, out, err = audit()
    assert (status, err) == (0, "")
    assert out == "s3://bucket/aj/files/md5: 8 right, 0 corrupt, 0 missing, 0 unreadable, 0 strange\n"


def test_a_corrupt_object_is_found_where_dvc_finds_none_and_mended(place: Place, audit: Audit) -> None:
    key = key_of(place, "3\n" * 1000)
    place.objects()[key].write_text("4\n" * 1000)  # the same length
    assert place.repository.dvc("push").said.strip() == "Everything is up to date."
    assert "in sync" in place.repository.dvc("status", "-c").said
    status, out, err = audit()
    assert status == 1
    assert "7 right, 1 corrupt, 0 missing" in out
    assert f"corrupt    {key} folder/3.txt\n" in out
    assert err.count("\n") == 1
    assert audit("--delete")[0] == 1
    assert audit()[1].count("missing    ") == 1  # the listing; what it names is known again when it is there
    assert place.repository.dvc("push").said.strip() == "2 files pushed"
    assert audit()[0] == 0


def test_a_lost_file_of_a_folder_is_missing_where_dvc_trusts_the_listing(place: Place, audit: Audit) -> None:
    key = key_of(place, "3\n" * 1000)
    place.remove(key)
    assert place.repository.dvc("push").said.strip() == "Everything is up to date."
    status, out, _ = audit()
    assert status == 1
    assert "7 right, 0 corrupt, 1 missing" in out
    assert f"missing    {key} folder/3.txt\n" in out
    audit("--delete")
    assert place.repository.dvc("push").said.strip() == "2 files pushed"
    assert audit()[0] == 0


def test_a_corrupt_listing_is_found_where_pull_gives_an_empty_folder(place: Place, audit: Audit, tmp_path: Path) -> None:
    [key] = [key for key in place.objects() if key.endswith(".dir")]
    place.objects()[key].write_text("[]")
    second = place.repository.clone(tmp_path / "two")
    assert second.dvc("pull").status == 0
    assert list((second.path / "folder").iterdir()) == []
    status, out, _ = audit()
    assert status == 1
    assert f"corrupt    {key} folder\n" in out
    audit("--delete")
    assert place.repository.dvc("push").status == 0
    assert audit()[0] == 0


def test_an_object_that_cannot_be_read_is_not_right(place: Place, audit: Audit) -> None:
    assert audit()[0] == 0  # the server has listed its files now
    key = key_of(place, "one\n")
    place.objects()[key].unlink()  # behind its back: in the list, and no bytes come
    status, out, _ = audit()
    assert status == 1
    assert "7 right, 0 corrupt, 0 missing, 1 unreadable" in out
    assert f"unreadable {key} one.txt: " in out


def test_what_other_branches_need_is_looked_for_when_asked(place: Place, audit: Audit) -> None:
    repository = place.repository
    repository.git("switch", "-q", "-c", "other")
    repository.write(make__py=(repository.path / "make.py").read_text().replace('"one\\n"', '"two\\n"'))
    assert repository.dvc("repro", "-q").status == 0
    repository.commit()  # not pushed
    repository.git("switch", "-q", "main")
    assert repository.dvc("checkout", "-q").status == 0
    assert audit()[0] == 0
    status, out, _ = audit("--all")
    assert status == 1
    assert "8 right, 0 corrupt, 1 missing" in out
    assert "one.txt" in out


def test_a_file_that_is_no_object_is_named(place: Place, audit: Audit) -> None:
    s3fs.S3FileSystem().pipe_file("bucket/aj/files/md5/notes.txt", b"by hand")
    status, out, _ = audit()
    assert status == 0
    assert "strange    bucket/aj/files/md5/notes.txt" in out


def test_wrong_credentials_are_one_sentence(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret-of-test")
    status, out, err = audit()
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "refuses these credentials" in err
    assert "another-secret" not in err


@pytest.mark.parametrize(
    ("words", "said"), [(("--remote", "nowhere"), "nowhere"), (("--remote", "bare"), "s3://no-bucket/aj/files/md5 is not there")]
)
def test_a_remote_that_is_not_there_is_one_sentence(place: Place, audit: Audit, words: tuple[str, ...], said: str) -> None:
    place.repository.dvc("remote", "add", "bare", "s3://no-bucket/aj")
    status, out, err = audit(*words)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert said in err


def test_a_server_that_is_gone_is_one_sentence(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    status, out, err = audit()
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "cannot be reached" in err
