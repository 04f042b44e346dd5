"""git's configuration."""

import os

import pytest

from instep.git.errors import GitError
from instep.git.repository import Repository
from tests.conftest import GitRunner

SETTINGS = rb"""
[a]
	novalue
	Yes = Yes
	no =
	big = 2k
	word = x y\x20
	many = 1
	many = 2
	min = -1
[remote "Na.s"]
	url = work:x
	url = other
	annex-uuid = u
[remote "pushonly"]
	pushurl = p
[url "ssh://host/"]
	insteadOf = work:
[url "bad"]
	insteadOf = w
[b]
	path = ~/x
	lines = "one\ntwo=3"
"""


@pytest.fixture
def configured(repo: Repository) -> Repository:
    with open(repo.git_dir + b"/config", "ab") as file:
        file.write(SETTINGS.replace(b"\\x20", b" "))
    repo.config.reload()
    return repo


def test_reading(configured: Repository) -> None:
    config = configured.config
    assert config.get("a.novalue") == "true"
    assert config.get("A.Word") == "x y"
    assert config.get("a.nothing") is None
    assert config.get("b.lines") == "one\ntwo=3"
    assert config.get_all("a.many") == ["1", "2"]
    assert config.get("a.many") == "2"
    assert config.get("Remote.Na.s.Annex-UUID") == "u"
    assert config.get("remote.na.s.annex-uuid") is None
    assert config.get_path("b.path") == os.path.expanduser("~/x")
    assert config.get_path("b.absent") is None


def test_booleans_and_numbers(configured: Repository) -> None:
    config = configured.config
    assert [config.get_bool(f"a.{name}") for name in ("novalue", "yes", "no", "big", "absent")] == [
        *(True, True, False, True, False)
    ]
    assert config.get_bool("a.absent", True)
    assert (config.get_int("a.big"), config.get_int("a.min"), config.get_int("a.absent", 7)) == (2048, -1, 7)
    with pytest.raises(GitError, match=r"a\.word is 'x y'"):
        config.get_bool("a.word")


def test_remotes(configured: Repository) -> None:
    assert configured.config.remotes() == {"Na.s": "ssh://host/x"}


def test_reload_and_a_broken_file(configured: Repository, git: GitRunner) -> None:
    git(configured.root.decode(), "config", "a.new", "1")
    assert configured.config.get("a.new") is None
    configured.config.reload()
    assert configured.config.get("a.new") == "1"
    with open(configured.git_dir + b"/config", "ab") as file:
        file.write(b"[[[")
    with pytest.raises(GitError, match="bad config"):
        configured.config.reload()
    assert configured.config.get("a.new") == "1"
