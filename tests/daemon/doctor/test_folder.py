"""Each check of a folder finds nothing wrong where nothing is, and its own trouble where that is."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from instep.daemon.doctor import FOLDER, examine_all
from instep.daemon.doctor import folder as checks
from instep.daemon.doctor.finding import Finding
from instep.daemon.lock import assistant
from tests.conftest import RepositoryMaker, run_git
from tests.system.harness import eventually

Check = Callable[[Path], Iterator[Finding]]


def codes(check: Check, root: Path) -> list[str]:
    return [finding.code for finding in check(root)]


@pytest.fixture
def folder(annexed: RepositoryMaker) -> Path:
    root = annexed("folder")
    (root / "directory").mkdir()
    (root / "directory/file").write_text("1")
    run_git(root, "add", ".")
    run_git(root, "commit", "-qm", "one")
    return root


def test_a_sound_folder(folder: Path) -> None:
    wrong = {check.__name__: codes(check, folder) for check in FOLDER}
    assert wrong.pop("process") == ["not-running"]
    assert wrong.pop("remotes") == []
    assert set(map(tuple, wrong.values())) == {("",)}


def test_no_repository(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    [finding] = checks.kind(tmp_path / "file")
    assert finding.code == "repository-unsupported"
    assert "is a file" in finding.text


def test_a_check_that_fails_is_a_finding_and_ends_no_other(tmp_path: Path) -> None:
    found = list(examine_all(tmp_path / "nothing"))
    assert any(finding.code == "check-failed" for finding in found)
    assert {finding.severity for finding in found} >= {"good", "attention"}


def test_an_assistant_at_work(folder: Path) -> None:
    run_git(folder, "annex", "assistant")
    try:
        # it takes its lock only after it has gone to the background
        eventually(lambda: assistant(folder / ".git") is not None, "the assistant holds its lock")
        assert codes(checks.others, folder) == ["assistant-runs"]
    finally:
        run_git(folder, "annex", "assistant", "--stop")
    # and has it still when `--stop`, which only sends it a signal, returns
    eventually(lambda: assistant(folder / ".git") is None, "the assistant has ended")
    (folder / ".git/annex/daemon.pid").write_text(f"{os.getpid()}\n")
    assert codes(checks.others, folder) == [""]


def test_a_commit_of_the_future(folder: Path) -> None:  # I20
    run_git(folder, "-c", "user.name=x", "commit", "-q", "--allow-empty", "-m", "late")
    environment = os.environ | {"GIT_COMMITTER_DATE": "2090-01-01T00:00:00Z"}
    command = [
        "git",
        "-c",
        "user.name=x",
        "-c",
        "user.email=x",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "late",
    ]
    subprocess.run(command, cwd=folder, env=environment, check=True)
    assert codes(checks.clock, folder) == ["clock-behind"]


def test_names_that_can_not_be_read(folder: Path) -> None:
    (folder / "directory/file").chmod(0)
    (folder / "locked").mkdir()
    (folder / "locked").chmod(0o500)
    program = (
        "import sys; from pathlib import Path; from instep.daemon.doctor.folder import permissions\n"
        "for finding in permissions(Path(sys.argv[1])): print(finding.subject)"
    )
    command = [sys.executable, "-c", program, str(folder)]
    if os.geteuid() == 0:  # or it could read everything
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    (folder / "locked").chmod(0o755)
    assert sorted(done.stdout.split()) == ["directory/file", "locked"]


def test_the_lock_of_a_killed_git(folder: Path) -> None:  # I27
    lock = folder / ".git/index.lock"
    lock.touch()
    os.utime(lock, (1, 1))
    [finding] = checks.locks(folder)
    assert (finding.code, finding.subject) == ("stale-lock", str(lock))


def test_a_history_with_a_hole(folder: Path) -> None:
    tree = run_git(folder, "rev-parse", "HEAD^{tree}").decode().strip()
    (folder / ".git/objects" / tree[:2] / tree[2:]).unlink()
    [finding] = checks.objects(folder)
    assert finding.code == "repository-broken"
    assert tree in finding.text


def test_remotes_that_can_not_be(folder: Path, tmp_path: Path) -> None:
    run_git(folder, "remote", "add", "odd", "ext::sh -c x")
    run_git(folder, "remote", "add", "absent", str(tmp_path / "absent"))
    run_git(folder, "remote", "add", "there", str(tmp_path))
    found = {finding.subject: finding.code for finding in checks.remotes(folder)}
    assert found == {"odd": "remote-refused", "absent": "remote-absent", "": ""}


def test_little_space(folder: Path) -> None:
    mount = f'mount -t tmpfs -o size=1m tmpfs "{folder}" && exec "$@"'
    with_little = subprocess.run(
        ["unshare", "-m", "sh", "-c", mount, "sh", sys.executable, "-c", _SPACE, str(folder)],
        capture_output=True,
        check=True,
        text=True,
    )
    assert with_little.stdout == "space-low\n"


_SPACE = (
    "import sys; from pathlib import Path; from instep.daemon.doctor.folder import space\n"
    "for finding in space(Path(sys.argv[1])): print(finding.code)"
)
