"""In whose name commits are made."""

import os

from instep.git.identity import identity
from instep.git.repository import Repository
from tests.conftest import RepositoryMaker


def test_without_a_name_it_is_instep(plain_repository: RepositoryMaker) -> None:
    repo = Repository.open(plain_repository())
    assert identity(repo.config) == (b"instep", b"instep@" + os.fsencode(os.uname().nodename))


def test_the_configured_name_without_what_a_commit_can_not_hold(plain_repository: RepositoryMaker) -> None:
    repo = Repository.open(plain_repository())
    repo.run("config", "user.name", " Zoë <z>\n, ")
    repo.run("config", "user.email", "zoe@example.org")
    repo.config.reload()
    assert identity(repo.config) == ("Zoë z".encode(), b"zoe@example.org")
    repo.run("config", "user.name", "<>")
    repo.config.reload()
    assert identity(repo.config)[0] == b"instep"
