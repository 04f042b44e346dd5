"""The oracle of the random users is itself to be trusted: it finds what is lost, and only that."""

from tests.conftest import RepositoryMaker, run_git

from .ledger import Ledger, lost
from .worktree import write


def test_what_a_user_supersedes_need_not_last() -> None:  # I1
    ledger = Ledger()
    ledger.wrote(b"d/kept", b"kept")
    ledger.wrote(b"d/overwritten", b"old")
    ledger.wrote(b"d/overwritten", b"new")
    ledger.wrote(b"d/deleted", b"deleted")
    ledger.removed(b"d/deleted")
    ledger.wrote(b"victim", b"replaced by a rename")
    ledger.renamed(b"d/kept", b"victim")
    ledger.renamed(b"d", b"e")
    ledger.keep()
    assert ledger.kept == {b"kept": b"victim", b"new": b"e/overwritten"}


def test_lost_looks_into_the_tree_the_history_and_the_annex(annexed: RepositoryMaker) -> None:  # I1
    folder, other = annexed("one"), annexed("other")
    ledger = Ledger()
    for name in ("history", "annex", "tree", "nowhere"):
        ledger.wrote(name.encode(), f"{name}'s content\n".encode())
    ledger.keep()
    write(folder, "history", b"history's content\n")
    run_git(folder, "-c", "annex.largefiles=nothing", "add", "history")
    write(other, "annex", b"annex's content\n")
    run_git(other, "annex", "add", "-q", "--force-large", "annex")
    for repository in (folder, other):
        run_git(repository, "commit", "-q", "-m", "both")
    write(folder, "history", b"another\n")
    write(folder, "tree", b"tree's content\n")
    assert lost([ledger], [folder, other]) == ["b'nowhere': b\"nowhere's content\\n\" (18 bytes)"]
