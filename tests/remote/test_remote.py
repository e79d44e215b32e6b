"""push, pull, gc and a shared cache against a real S3 server: what a second clone gets, and what goes wrong."""

import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.dvc_repository import Repository
from tests.remote.conftest import Place

SECRETS = ("AWS_SECRET_ACCESS_KEY", "another-secret-of-test"), ("AWS_ACCESS_KEY_ID", "another-access-key-of-test")


def start(repository: Repository, *words: str) -> subprocess.Popen[str]:
    """DVC in a process of its own."""
    command = [sys.executable, "-m", "dvc", *words]
    return subprocess.Popen(command, cwd=repository.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_a_second_clone_gets_everything_and_has_nothing_to_run(place: Place, tmp_path: Path) -> None:
    assert place.repository.dvc("push").said.strip() == "8 files pushed"
    second = place.repository.clone(tmp_path / "two")
    assert not (second.path / "one.txt").exists()
    assert second.dvc("pull").status == 0
    assert (second.path / "folder/5.txt").read_text() == "5\n" * 1000
    assert second.dvc("repro").said.strip().splitlines()[-1] == "Data and pipelines are up to date."
    assert second.dvc("push").said.strip() == "Everything is up to date."
    assert second.git("status", "--porcelain") == ""


@pytest.mark.parametrize(("name", "value"), SECRETS)
def test_wrong_credentials_are_one_sentence_and_nothing_is_sent(
    place: Place, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    done = place.repository.dvc("push")
    assert done.status != 0
    [line] = [line for line in done.said.splitlines() if line.startswith("ERROR")]
    assert "403" in line
    assert place.objects() == {}


def test_a_push_killed_in_the_middle_leaves_nothing_half_and_goes_on(place: Place) -> None:
    data = place.repository.path / "many"
    data.mkdir()
    for number in range(40):
        (data / f"{number}.bin").write_bytes(hashlib.sha256(str(number).encode()).digest() * 8192)  # 256 KiB
    assert place.repository.dvc("add", "-q", "many").status == 0
    push = start(place.repository, "push", "-j", "1")
    try:
        while len(place.objects()) < 3 and push.poll() is None:
            time.sleep(0.005)
    finally:
        push.send_signal(signal.SIGKILL)
        push.communicate()
    assert push.returncode == -signal.SIGKILL
    halfway = place.objects()
    assert 3 <= len(halfway) < 49
    assert not [key for key, file in halfway.items() if hashlib.md5(file.read_bytes()).hexdigest() != key.removesuffix(".dir")]
    assert place.repository.dvc("push").status == 0
    assert len(place.objects()) == 49


def test_two_pushes_at_once_from_two_clones_both_arrive(place: Place, tmp_path: Path) -> None:
    second = place.repository.clone(tmp_path / "two")
    assert place.repository.dvc("push", "-q").status == 0
    assert second.dvc("pull", "-q").status == 0
    for number, repository in enumerate((place.repository, second)):
        (repository.path / "own").mkdir()
        for shared in range(10):
            (repository.path / f"own/{shared}.txt").write_text(f"{shared}\n" * 10000)  # the same in both
        (repository.path / "own/mine.txt").write_text(f"{number}\n")
        assert repository.dvc("add", "-q", "own").status == 0
    other = start(second, "push", "-j", "1")
    while len(place.objects()) == 8 and other.poll() is None:
        time.sleep(0.005)
    assert place.repository.dvc("push").status == 0  # while the other is at it
    said, _ = other.communicate()
    assert other.returncode == 0, said
    found = place.objects()
    assert len(found) == 8 + 10 + 2 + 2
    assert not [key for key, file in found.items() if hashlib.md5(file.read_bytes()).hexdigest() != key.removesuffix(".dir")]


def test_gc_as_the_page_says_it_keeps_what_other_branches_and_tags_need(place: Place, tmp_path: Path) -> None:
    repository = place.repository
    assert repository.dvc("push", "-q").status == 0
    repository.git("tag", "v1")
    for branch in ("other", "gone"):
        repository.git("switch", "-q", "-c", branch, "main")
        repository.write(make__py=(repository.path / "make.py").read_text().replace('"one\\n"', f'"{branch}\\n"'))
        assert repository.dvc("repro", "-q").status == 0
        repository.commit()
        assert repository.dvc("push", "-q").status == 0
    repository.git("switch", "-q", "main")
    repository.git("branch", "-q", "-D", "gone")
    assert repository.dvc("checkout", "-q").status == 0
    before = set(place.objects())
    words = ("gc", "--all-branches", "--all-tags", "--all-experiments", "--cloud")
    assert "1 objects" in repository.dvc(*words, "--dry", "-f").said
    assert set(place.objects()) == before
    assert repository.dvc(*words, "-f").status == 0
    assert before - set(place.objects()) == {hashlib.md5(b"gone\n").hexdigest()}


def test_a_shared_cache_gives_a_second_clone_its_data_without_the_remote(place: Place, tmp_path: Path) -> None:
    second = place.repository.clone(tmp_path / "two")
    for repository in (place.repository, second):
        assert repository.dvc("cache", "dir", "--local", str(tmp_path / "shared")).status == 0
        assert repository.dvc("config", "--local", "cache.type", "reflink,copy").status == 0
    assert place.repository.dvc("commit", "-q", "-f").status == 0  # into the cache that is now its own
    assert second.dvc("checkout", "-q").status == 0
    assert (second.path / "one.txt").read_text() == "one\n"
    assert list(place.bucket.iterdir()) == []
