"""The git-annex branch, shared with git-annex itself."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instep.annex.branch import BRANCH, CONFIG_LOG, AnnexBranch
from instep.annex.errors import MergeRefused, NotAnnexed
from instep.annex.journal import Journal
from instep.annex.setup import set_config, uuid_of
from instep.core.branchlog import locations
from instep.core.keys import log_path
from instep.core.types import Key, Oid, RelPath, RemoteUuid
from instep.fs.durable import Batch
from instep.git.refs import RefUpdate
from instep.git.repository import Repository
from tests.annex.conftest import AnnexRunner, show
from tests.conftest import GitRunner, RepositoryMaker

KEY = Key(b"SHA256E-s2--8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4.txt")
LOG = log_path(KEY)
U, V, W = (RemoteUuid(letter * 8 + "-1111-1111-1111-111111111111") for letter in "abc")


def folder_of(repo: Repository) -> Path:
    return Path(os.fsdecode(repo.root))


def many_keys(count: int) -> list[Key]:
    return [Key(b"SHA256E-s%d--%064x.bin" % (size, size)) for size in range(count)]


def journal_of(repo: Repository) -> Journal:
    return Journal(repo.git_dir + b"/annex", repo.sharing)


def put_into_journal(repo: Repository, path: RelPath, data: bytes) -> None:
    os.makedirs(repo.git_dir + b"/annex/journal", exist_ok=True)
    with Batch(repo.staging) as batch:
        staged, target = journal_of(repo).stage(path, data, batch)
        staged.place(target)


# --- recording ---------------------------------------------------------------------------------------


def test_git_annex_sees_what_is_recorded(repo: Repository, annex: AnnexRunner, git: GitRunner) -> None:  # I30
    folder = folder_of(repo)
    (folder / "f.txt").write_bytes(b"hi")
    annex(folder, "add", "f.txt")
    git(folder, "commit", "-q", "-m", "f")
    branch = AnnexBranch(repo, lambda: 1_800_000_000)
    before = branch.head()
    new = branch.record([(KEY, V, True), (KEY, W, False)])
    assert new == branch.head()
    assert branch.locations(KEY) == {uuid_of(repo): True, V: True, W: False}
    assert V.encode() in annex(folder, "whereis", "f.txt")
    assert annex(folder, "fsck", "--fast", "--quiet") == b""
    assert git(folder, "fsck", "--strict", "--no-dangling") == b""
    annex(folder, "sync")
    assert repo.run("merge-base", "--is-ancestor", new.hex() if new else "", BRANCH) == b""
    assert repo.objects.commit(new or Oid(b"")).parents == (before,)
    assert V.encode() in annex(folder, "whereis", "f.txt")


def test_the_log_has_the_bytes_that_git_annex_writes(repo: Repository, annex: AnnexRunner) -> None:
    branch = AnnexBranch(repo, lambda: 1_700_000_000)
    branch.record([(KEY, V, True), (KEY, U, True)])
    ours = b"1700000000s 1 %s\n1700000000s 1 %s\n" % (U.encode(), V.encode())
    assert show(repo, f"{BRANCH}:{LOG.decode()}") == ours
    annex(folder_of(repo), "setpresentkey", KEY, W, "0")
    annex(folder_of(repo), "merge")
    assert branch.read(LOG).startswith(ours)
    assert branch.record([(KEY, W, True)]) is not None
    assert branch.locations(KEY) == {U: True, V: True, W: True}  # newer than a fact of the future (I20)


def test_restating_commits_nothing(repo: Repository) -> None:  # I13
    branch = AnnexBranch(repo)
    assert branch.record([]) is None
    assert branch.record([(KEY, U, True)]) is not None
    assert branch.record([(KEY, U, True), (KEY, U, True)]) is None
    assert branch.record([(KEY, U, False)]) is not None
    assert branch.record([(KEY, U, False)]) is None


def test_thousands_of_facts_are_one_commit(repo: Repository) -> None:
    branch = AnnexBranch(repo)
    before = branch.head()
    new = branch.record([(key, U, True) for key in many_keys(2000)])
    assert new is not None
    assert repo.objects.commit(new).parents == (before,)
    fresh = AnnexBranch(Repository.open(folder_of(repo)))
    assert all(fresh.locations(key) == {U: True} for key in many_keys(2000)[::97])


def test_what_is_in_the_journal_is_not_lost(repo: Repository, annex: AnnexRunner) -> None:
    folder, branch = folder_of(repo), AnnexBranch(repo)
    annex(folder, "setpresentkey", KEY, U, "1")  # stays in the journal
    assert journal_of(repo).paths() == {LOG}
    assert branch.locations(KEY) == {U: True}
    assert branch.record([(KEY, V, True)]) is not None
    assert journal_of(repo).paths() == frozenset()
    annex(folder, "merge")
    assert locations(show(repo, f"{BRANCH}:{LOG.decode()}")) == {U: True, V: True}


def test_a_journal_file_that_others_overtook_takes_nothing_back(repo: Repository, annex: AnnexRunner) -> None:
    branch = AnnexBranch(repo)
    branch.record([(KEY, U, True)])
    old = branch.read(LOG)
    branch.record([(KEY, V, True)])
    put_into_journal(repo, LOG, old)
    assert branch.record([(KEY, W, True)]) is not None
    annex(folder_of(repo), "merge")
    assert branch.locations(KEY) == {U: True, V: True, W: True}


def test_the_journal_can_be_committed_as_it_is(repo: Repository, annex: AnnexRunner) -> None:
    folder, branch = folder_of(repo), AnnexBranch(repo)
    assert branch.commit_journal() is None
    annex(folder, "setpresentkey", KEY, U, "1")
    assert branch.commit_journal() == branch.head()
    assert locations(show(repo, f"{BRANCH}:{LOG.decode()}")) == {U: True}
    put_into_journal(repo, LOG, branch.read(LOG))
    assert branch.commit_journal() is None  # I13
    assert journal_of(repo).paths() == frozenset()
    assert branch.record([(KEY, U, True)]) is None


def test_a_repository_without_the_branch(plain_repository: RepositoryMaker) -> None:
    branch = AnnexBranch(Repository.open(plain_repository()))
    assert branch.head() is None
    assert branch.read(LOG) == b""
    assert branch.merge([]) is None
    with pytest.raises(NotAnnexed):
        branch.record([(KEY, U, True)])


def test_all_at_once_on_one_key_lose_no_line(repo: Repository, annex: AnnexRunner) -> None:
    folder = folder_of(repo)
    uuids = [RemoteUuid(f"{number:08d}-1111-1111-1111-111111111111") for number in range(12)]
    branches = [AnnexBranch(repo), AnnexBranch(Repository.open(folder))]

    def natively(number: int) -> None:
        branches[number % 2].record([(KEY, uuids[number], True)])

    def by_git_annex(number: int) -> None:
        annex(folder, "setpresentkey", KEY, uuids[number], "1")
        annex(folder, "merge")

    threads = [
        threading.Thread(target=by_git_annex if number % 3 == 0 else natively, args=[number])
        for number in range(len(uuids))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    annex(folder, "merge")
    assert locations(show(repo, f"{BRANCH}:{LOG.decode()}")) == dict.fromkeys(uuids, True)


# --- uniting -----------------------------------------------------------------------------------------


@pytest.fixture
def pair(
    repo: Repository, tmp_path: Path, git: GitRunner, annex: AnnexRunner
) -> tuple[Repository, Repository]:
    """Two repositories with a common beginning of their git-annex branches."""
    folder = folder_of(repo)
    git(folder, "commit", "-q", "--allow-empty", "-m", "start")
    git(tmp_path, "clone", "-q", str(folder), "theirs")
    annex(tmp_path / "theirs", "init", "-q", "theirs")
    return repo, Repository.open(tmp_path / "theirs")


def fetch(into: Repository, source: Repository) -> Oid:
    """Fetches the other's branch; gives its head."""
    into.run("fetch", "-q", source.root, f"+{BRANCH}:refs/instep/fetched")
    return into.refs.read("refs/instep/fetched") or Oid(b"")


_facts = st.lists(
    st.tuples(st.sampled_from(many_keys(6)), st.sampled_from([U, V, W]), st.booleans()), max_size=8
)


@settings(max_examples=4)
@given(_facts, _facts)
def test_the_merged_tree_is_git_annexs_own(
    pair: tuple[Repository, Repository],
    annex: AnnexRunner,
    ours: list[tuple[Key, RemoteUuid, bool]],
    theirs: list[tuple[Key, RemoteUuid, bool]],
) -> None:
    one, other = pair
    branches = AnnexBranch(one, lambda: 1_700_000_000), AnnexBranch(other, lambda: 1_700_000_001)
    branches[0].record([*ours, (KEY, U, not branches[0].locations(KEY).get(U, False))])
    branches[1].record([*theirs, (KEY, V, not branches[1].locations(KEY).get(V, False))])
    start = branches[0].head()
    head = fetch(one, other)
    merged = branches[0].merge([head])
    assert merged is not None
    one.refs.update([RefUpdate(BRANCH, start)], "back")
    one.run("update-ref", "refs/remotes/origin/git-annex", head.hex())
    for stale in ("index", "index.lck"):  # it would bring back lines that `record` has replaced since
        (folder_of(one) / ".git/annex" / stale).unlink()
    annex(folder_of(one), "merge")
    theirs_own = one.refs.read(BRANCH) or Oid(b"")
    assert one.objects.commit(theirs_own).tree == one.objects.commit(merged).tree
    one.run("update-ref", "-d", "refs/remotes/origin/git-annex")


def test_both_sides_make_the_same_commit(
    pair: tuple[Repository, Repository], annex: AnnexRunner
) -> None:  # I14
    one, other = pair
    AnnexBranch(one, lambda: 1_700_000_000).record([(KEY, U, True)])
    AnnexBranch(other, lambda: 1_600_000_000).record([(KEY, V, True), (many_keys(1)[0], W, True)])
    heads = fetch(one, other), fetch(other, one)
    merged = AnnexBranch(one).merge([heads[0]])
    assert merged is not None
    assert AnnexBranch(other).merge([heads[1]]) == merged
    for repo, head in zip(pair, heads, strict=True):
        assert AnnexBranch(repo).merge([head, merged]) is None  # I13
        assert AnnexBranch(repo).locations(KEY) == {U: True, V: True}
        annex(folder_of(repo), "merge")
        annex(folder_of(repo), "sync", "--no-pull", "--no-push")
        assert repo.refs.read(BRANCH) == merged  # I30: git-annex has nothing to add
        assert annex(folder_of(repo), "fsck", "--fast", "--quiet") == b""


def test_who_only_lags_moves_forward(pair: tuple[Repository, Repository]) -> None:
    one, other = pair
    AnnexBranch(other).merge([fetch(other, one)])
    new = AnnexBranch(other).record([(KEY, V, True)])
    assert AnnexBranch(one).merge([fetch(one, other)]) == new
    assert AnnexBranch(one).head() == new
    assert AnnexBranch(other).merge([fetch(other, one)]) is None


def test_a_push_in_between_loses_nothing(pair: tuple[Repository, Repository]) -> None:
    """A push moves the branch without taking the journal lock."""
    one, other = pair
    AnnexBranch(other).merge([fetch(other, one)])
    AnnexBranch(other).record([(KEY, W, True)])
    put_into_journal(one, LOG, b"5s 1 %s\n" % U.encode())
    asked: list[Oid | None] = []

    def clock() -> float:
        asked.append(one.refs.read(BRANCH))
        if len(asked) == 2:  # the commit is being made
            one.run("fetch", "-q", other.root, f"{BRANCH}:{BRANCH}")
        return 1_700_000_000

    branch = AnnexBranch(one, clock)
    assert branch.record([(KEY, V, True)]) == branch.head()
    assert asked[1] != asked[2]
    assert branch.locations(KEY) == {U: True, V: True, W: True}
    assert journal_of(one).paths() == frozenset()


def test_several_heads_are_united_at_once(pair: tuple[Repository, Repository]) -> None:
    one, other = pair
    branch = AnnexBranch(other)
    first = branch.record([(KEY, U, True)])
    newest = branch.record([(KEY, V, True)])
    fetch(one, other)
    AnnexBranch(one).record([(KEY, W, True)])
    before = AnnexBranch(one).head()
    assert first is not None
    assert newest is not None
    merged = AnnexBranch(one).merge([newest, first, newest])
    assert merged is not None
    assert before is not None
    assert one.objects.commit(merged).parents == tuple(sorted([before, newest]))


def test_a_merge_gives_way_to_one_that_holds_the_same(pair: tuple[Repository, Repository]) -> None:  # I13
    """Two sides merged the same three branches, in different order: neither merges the merges."""
    one, other = pair
    AnnexBranch(other).merge([fetch(other, one)])
    fetch(one, other)
    start = one.refs.read(BRANCH)
    branch, edits = AnnexBranch(one), list[Oid]()
    for key, uuid in zip(many_keys(3), (U, V, W), strict=True):
        one.refs.update([RefUpdate(BRANCH, start or Oid(b""))], "begin")
        edits.append(branch.record([(key, uuid, True)]) or Oid(b""))
    heads: list[Oid] = []
    for order in (edits, edits[::-1]):
        one.refs.update([RefUpdate(BRANCH, order[0])], "begin")
        for edit in order[1:]:
            branch.merge([edit])
        heads.append(branch.head() or Oid(b""))
    assert heads[0] != heads[1]
    kept: list[Oid | None] = []
    for ours, theirs in (heads, heads[::-1]):
        one.refs.update([RefUpdate(BRANCH, ours)], "begin")
        branch.merge([theirs], may_leave_merges=True)
        kept.append(branch.head())
    assert kept == [min(heads)] * 2


def test_a_journal_file_does_not_hide_what_a_merge_brings(
    pair: tuple[Repository, Repository], annex: AnnexRunner
) -> None:
    one, other = pair
    AnnexBranch(other).record([(KEY, V, True)])
    head = fetch(one, other)
    annex(folder_of(one), "setpresentkey", KEY, U, "1")
    branch = AnnexBranch(one)
    assert branch.merge([head]) is not None
    assert branch.locations(KEY) == {U: True, V: True}
    annex(folder_of(one), "merge")
    assert locations(show(one, f"{BRANCH}:{LOG.decode()}")) == {U: True, V: True}
    assert journal_of(one).paths() == frozenset()


def test_a_rewritten_history_is_left_to_git_annex(
    pair: tuple[Repository, Repository], annex: AnnexRunner
) -> None:
    one, other = pair
    annex(folder_of(other), "forget", "--force")
    head, before = fetch(one, other), AnnexBranch(one).head()
    with pytest.raises(MergeRefused, match=r"transitions\.log"):
        AnnexBranch(one).merge([head])
    assert AnnexBranch(one).head() == before


def test_in_a_sha256_repository(plain_repository: RepositoryMaker, annex: AnnexRunner) -> None:
    folder = plain_repository(object_format="sha256")
    annex(folder, "init", "-q")
    branch = AnnexBranch(Repository.open(folder))
    assert branch.record([(KEY, U, True)]) == branch.head()
    assert U.encode() in annex(folder, "whereis", b"--key=" + KEY)


# --- reading -----------------------------------------------------------------------------------------


def test_settings_and_descriptions(repo: Repository, annex: AnnexRunner) -> None:
    branch = AnnexBranch(repo)
    assert branch.config("annex.largefiles") is None
    set_config(repo, "annex.largefiles", "largerthan=64kb and not include=*.c")
    annex(folder_of(repo), "describe", "here", "my  disk")
    annex(folder_of(repo), "wanted", "here", "include=*.mp3 or present")
    assert branch.config("annex.largefiles") == "largerthan=64kb and not include=*.c"
    assert branch.descriptions() == {uuid_of(repo): "my  disk"}
    assert branch.preferred_content(uuid_of(repo)) == "include=*.mp3 or present"
    assert branch.preferred_content(U) is None
    assert branch.read(CONFIG_LOG).endswith(b"largerthan=64kb and not include=*.c\n")
