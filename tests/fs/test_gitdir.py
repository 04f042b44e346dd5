import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from instep.fs import inotify
from instep.fs.watcher import TreeWatcher

from .follower import grain_of, skip_ignored


@pytest.fixture
def repository(tmp_path: Path) -> Callable[..., None]:
    def git(*args: str) -> None:
        person = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
        subprocess.run(["git", "-C", tmp_path, *person, *args], check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    (tmp_path / "tracked").touch()
    git("add", "tracked")
    git("commit", "-q", "-m", "first")
    return git


@pytest.mark.parametrize("ears", [inotify.open_ears, inotify.Deaf])
def test_git_s_own_changes_are_named(  # I22
    tmp_path: Path, repository: Callable[..., None], ears: Callable[[], inotify.Ears]
) -> None:
    git_dir = tmp_path / ".git"
    watcher = TreeWatcher(bytes(tmp_path), skip_ignored, grain_of(git_dir), ears())
    watcher.start()
    watcher.watch_git(bytes(git_dir))
    said: list[set[str]] = []
    for args in (
        ["commit", "-q", "--allow-empty", "-m", "second"],
        ["branch", "deep/er/branch"],
        ["update-ref", "refs/heads/deep/er/branch", "HEAD~1"],
        ["symbolic-ref", "HEAD", "refs/heads/deep/er/branch"],
        ["pack-refs", "--all"],
        ["config", "a.b", "c"],
        ["hash-object", "-w", ".git/HEAD"],
        ["rm", "-q", "tracked"],
    ):
        repository(*args)
        said.append(watcher.read().extra | watcher.look_at_git())
    (git_dir / "info" / "exclude").write_text("*.tmp\n")
    said.append(watcher.read().extra | watcher.look_at_git())
    assert said == [{"refs"}] * 5 + [{"config"}, set(), {"index"}, {"exclude"}]
    assert watcher.read().extra | watcher.look_at_git() == set()
    watcher.close()


def test_a_linked_work_tree_has_two(tmp_path: Path, repository: Callable[..., None]) -> None:
    repository("worktree", "add", "-q", "linked")
    watcher = TreeWatcher(bytes(tmp_path / "linked"), skip_ignored, grain_of(tmp_path / "linked"))
    watcher.start()
    watcher.watch_git(bytes(tmp_path / ".git" / "worktrees" / "linked"))
    repository("config", "a.b", "c")
    assert watcher.read().extra == {"config"}
    repository("-C", "linked", "checkout", "-q", "-b", "other")
    assert watcher.read().extra == {"refs", "index"}
    watcher.close()
