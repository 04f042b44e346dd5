"""Folders that meet on a server without instep: in a bare repository over ssh, or with a clone there."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PERSON, run_git

from .chance import SOAK
from .far_stock import FarStock, annexed, key_of
from .harness import eventually
from .silence import assert_silence, assert_whole
from .sshd import HOST, LIMITED
from .stock import assistant_in
from .worktree import read, write

LARGE = os.urandom(300_000)


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarStock]:
    """A and B, in step through a hub that `up` made; each test leaves them so."""
    with FarStock(tmp_path_factory.mktemp("met")) as stock:
        write(stock.a, "from-the-start", b"whole\n")
        yield stock.up()


def test_two_folders_meet_in_a_bare_repository_over_ssh(met: FarStock) -> None:  # I13 I16 I30
    write(met.a, "note.txt", b"one\n")
    write(met.a, "deep/large.bin", LARGE)
    met.settle()
    assert read(met.b, "deep/large.bin") == LARGE
    write(met.b, "note.txt", b"one\ntwo\n")
    write(met.b, "other.bin", b"other" + LARGE)
    met.settle()
    assert read(met.a, "note.txt") == b"one\ntwo\n"
    assert read(met.a, "other.bin") == b"other" + LARGE
    assert annexed(met.hub) == {key_of(met.a, "deep/large.bin"), key_of(met.a, "other.bin")}
    assert met.conditions(met.a) == []
    assert_silence(met.hub, met.a, met.b)
    assert_whole(met.hub)
    run_git(met.hub, *PERSON, "annex", "fsck", "--all", "--quiet")


def test_no_fact_about_copies_is_lost_when_git_annex_works_there_too(met: FarStock) -> None:  # I11
    """A journal that a server holds is laid over what was pushed to its git-annex branch meanwhile."""
    for n in range(3):
        write(met.a, f"facts/{n}.bin", b"%d" % n + LARGE)
        eventually(lambda: key_of(met.a, f"facts/{n}.bin") in annexed(met.hub), "the content")  # noqa: B023
        run_git(met.hub, *PERSON, "annex", "whereis", "--all")
    for place in (met.a, met.b, met.hub):
        eventually(lambda: knows_three_copies(place), f"what {place} knows of copies")  # noqa: B023
    met.settle()


def knows_three_copies(place: Path) -> bool:
    """Of each of the files of that test."""
    keys = [key_of(place, f"facts/{n}.bin") for n in range(3)]
    words = [run_git(place, *PERSON, "annex", "whereis", f"--key={key}", check=False) for key in keys]
    return all(keys) and all(b"(3 copies)" in said for said in words)


def test_a_persons_push_is_heard_at_once(met: FarStock, tmp_path: Path) -> None:
    run_git(tmp_path, "clone", "-q", "-b", "main", str(met.hub), "person")
    write(tmp_path / "person", "theirs.txt", b"by hand\n")
    run_git(tmp_path / "person", "add", "theirs.txt")
    run_git(tmp_path / "person", *PERSON, "commit", "-q", "-m", "by hand")
    run_git(tmp_path / "person", "push", "-q", "origin", "main")
    eventually(lambda: read(met.b, "theirs.txt") == b"by hand\n", "the push of a person", 20)
    met.settle()


def test_a_connection_that_dies_is_made_again(met: FarStock) -> None:  # I25
    masters = met.masters()
    assert len(masters) == 2
    met.cut()
    write(met.a, "after.txt", b"after\n")
    eventually(lambda: read(met.b, "after.txt") == b"after\n", "over new connections")
    met.settle()
    assert not set(masters) & set(met.masters())


def test_a_server_that_is_down_is_named_and_taken_up_again(met: FarStock) -> None:  # I25 I29
    met.far.stop()
    met.cut()
    write(met.a, "meanwhile.bin", b"meanwhile" + LARGE)
    eventually(lambda: "refused" in str(met.remote(met.a)["reason"]), "the reason in ssh's words")
    assert not met.status(met.a)["in_step"]
    assert met.conditions(met.a) == []
    met.far.start()
    eventually(lambda: read(met.b, "meanwhile.bin") == b"meanwhile" + LARGE, "what was made meanwhile", 120)
    met.settle()


def test_a_process_that_was_killed_leaves_no_connection(met: FarStock) -> None:  # I27
    masters = met.masters()
    met.signal_one(met.daemon(met.a), signal.SIGKILL)
    eventually(lambda: len(met.masters()) < len(masters), "its connection is gone")
    met.instep("up", met.a)
    met.settle()


def test_limits_of_bandwidth_and_the_number_of_jobs_hold(met: FarStock) -> None:  # I22
    """Up, with two at a time; and down."""
    size, limit = 9_000_000, 2_000_000
    run_git(met.a, "config", "annex.jobs", "2")
    for folder, name in ((met.a, f"remote.{HOST}.annex-bwlimit"), (met.b, "annex.bwlimit-download")):
        run_git(folder, "config", name, "a lot")
        eventually(lambda: met.conditions(folder) != [], "that it was read is seen by its being wrong")  # noqa: B023
        run_git(folder, "config", name, f"{limit / 1e6} MB")
        eventually(lambda: met.conditions(folder) == [], "it is right")  # noqa: B023
    began_s = time.monotonic()
    for name in ("one.film", "two.film"):
        write(met.a, name, os.urandom(size))
    eventually(lambda: len(list((met.hub / "annex/tmp").glob("SHA256E-*"))) == 2, "both are on their way")
    keys = {key_of(met.a, name) for name in ("one.film", "two.film")}
    eventually(lambda: keys <= annexed(met.hub), "both are there")
    up_s = time.monotonic()
    assert up_s - began_s > 0.8 * 2 * size / limit
    met.settle()
    assert time.monotonic() - up_s > 0.5 * size / limit, "the second came no faster"
    for folder, name in ((met.a, "annex.jobs"), (met.b, "annex.bwlimit-download")):
        run_git(folder, "config", "--unset", name)
    run_git(met.a, "config", "--unset", f"remote.{HOST}.annex-bwlimit")


def test_what_went_bad_there_is_not_taken(met: FarStock) -> None:  # I11
    met.instep("down", met.b)
    write(met.a, "bad.bin", b"good" + LARGE)
    met.wait(met.a)
    [found] = met.hub.glob(f"annex/objects/*/*/*/{key_of(met.a, 'bad.bin')}")
    good = found.read_bytes()
    found.chmod(0o644)
    found.write_bytes(b"evil" + good[4:])
    met.instep("up", met.b)
    eventually(lambda: "content-corrupt" in met.conditions(met.b), "that is said")
    assert read(met.b, "bad.bin") != b"evil" + LARGE
    found.write_bytes(good)
    met.instep("down", met.b)
    met.instep("up", met.b)
    met.settle()
    assert read(met.b, "bad.bin") == b"good" + LARGE


def test_a_key_for_git_annex_shell_in_one_repository(met: FarStock, tmp_path: Path) -> None:
    forced = f'GIT_ANNEX_SHELL_DIRECTORY={met.hub} git-annex-shell -c "$SSH_ORIGINAL_COMMAND"'
    met.far.let_in(only_for=forced)
    run_git(met.far.home, "init", "-q", "--bare", "secret.git")
    c = tmp_path / "c"
    met.folders.append(c)
    try:
        refused = met.instep("up", c, f"{LIMITED}:secret.git", check=False)
        assert (refused.code, c.exists()) == (2, False), refused
        met.instep("up", c, f"{LIMITED}:hub.git")
        met.wait(c)
        assert read(c, "from-the-start") == b"whole\n"
        write(c, "from-c.bin", b"c" + LARGE)
        eventually(lambda: read(met.a, "from-c.bin") == b"c" + LARGE, "content through the hub")
        write(met.a, "to-c.bin", b"a" + LARGE)
        eventually(lambda: read(c, "to-c.bin") == b"a" + LARGE, "content from the hub")
        assert met.conditions(c) == []
    finally:
        met.instep("down", c)
        met.folders.remove(c)
        met.far.let_in()


def test_up_says_what_can_not_be_made_without_instep(met: FarStock) -> None:
    refused = met.instep("up", met.a, f"{HOST}:Docs", check=False)
    assert refused.code == 2
    assert "pip install instep" in refused.err
    assert f"{HOST}:Docs.git" in refused.err
    write(met.far.home, "files/x", b"somebody's\n")
    refused = met.instep("up", met.a, f"{HOST}:files", check=False)
    assert refused.code == 2
    assert "is no repository" in refused.err
    assert os.listdir(met.far.home / "files") == ["x"]


def test_a_clone_that_the_assistant_keeps_over_ssh(tmp_path: Path) -> None:  # I13 I30
    with FarStock(tmp_path) as stock:
        clone = stock.far.home / "clone"
        run_git(stock.far.home, "init", "-q", "-b", "main", "clone")
        run_git(clone, "annex", "init", "-q", "clone")
        write(clone, "theirs.txt", b"theirs\n")
        run_git(clone, "add", ".")
        run_git(clone, "commit", "-q", "-m", "theirs")
        stock.folders.remove(stock.b)
        with assistant_in(clone):
            stock.instep("up", stock.a, f"{HOST}:clone")
            eventually(lambda: read(stock.a, "theirs.txt") == b"theirs\n", "their file")
            write(stock.a, "ours.bin", LARGE)
            eventually(lambda: read(clone, "ours.bin") == LARGE, "our file, with its content")
            write(clone, "more.bin", b"more" + LARGE)
            eventually(lambda: read(stock.a, "more.bin") == b"more" + LARGE, "their content")
            eventually(lambda: stock.status(stock.a)["in_step"], "in step")
            assert stock.conditions(stock.a) == []


def test_a_clone_that_nobody_keeps_is_not_changed_under_its_person(tmp_path: Path) -> None:
    with FarStock(tmp_path) as stock:
        clone = stock.far.home / "clone"
        run_git(stock.far.home, "init", "-q", "-b", "main", "clone")
        write(clone, "theirs.txt", b"theirs\n")
        run_git(clone, "add", ".")
        run_git(clone, "commit", "-q", "-m", "theirs")
        run_git(clone, "config", "receive.denyCurrentBranch", "ignore")  # git itself would not stop us
        before = run_git(clone, "rev-parse", "main")
        stock.folders.remove(stock.b)
        stock.instep("up", stock.a, f"{HOST}:clone")
        write(stock.a, "ours.bin", LARGE)
        stock.wait(stock.a)
        assert run_git(clone, "rev-parse", "main") == before
        assert run_git(clone, "status", "--porcelain") == b""
        run_git(clone, *PERSON, "annex", "sync", "-q", "--no-content")
        assert read(clone, "ours.bin") == LARGE


def test_a_server_with_git_only(tmp_path: Path) -> None:  # I29
    """What git keeps goes through it, heard of by looking now and then (awaited in the soak only: who comes
    back looks at once); content is said to be impossible."""
    with FarStock(tmp_path, annex=False) as stock:
        stock.instep("up", stock.a, f"{HOST}:hub.git")
        stock.instep("up", stock.b, f"{HOST}:hub.git")
        write(stock.a, "small.txt", b"small\n")
        write(stock.a, "large.bin", LARGE)
        if not SOAK:
            stock.wait(stock.a)
            stock.cut()
        eventually(lambda: read(stock.b, "small.txt") == b"small\n", "what git keeps", 120)
        eventually(lambda: stock.status(stock.a)["in_step"], "in step, as far as it can be")
        assert stock.conditions(stock.a) == ["remote-without-annex-shell"]
        run_git(stock.a, "config", f"remote.{HOST}.annex-ignore", "true")
        eventually(lambda: stock.conditions(stock.a) == [], "nobody minds")
        stock.install("git-annex", "git-annex-shell")  # now it can be one
        run_git(stock.a, "config", f"remote.{HOST}.annex-ignore", "false")
        stock.instep("up", stock.a, f"{HOST}:hub.git")
        stock.cut()
        eventually(lambda: read(stock.b, "large.bin") == LARGE, "the content", 120)


def test_git_goes_on_where_git_annex_refuses(tmp_path: Path) -> None:  # I25 I29
    """A server that lets nobody speak the P2P protocol: status says so, what git keeps goes through, and the
    content follows when it is let."""
    with FarStock(tmp_path) as stock:
        stock.wrap_annex_shell(
            'if [ -e refuse ] && [ "$1" = p2pstdio ]; then echo "not today" >&2; exit 1; fi\n'
            'exec $real "$@"\n'
        )
        refuse = stock.far.home / "refuse"
        refuse.touch()
        stock.instep("up", stock.a, f"{HOST}:hub.git")
        stock.instep("up", stock.b, f"{HOST}:hub.git")
        write(stock.a, "large.bin", LARGE)
        for number in range(3):
            write(stock.a, f"small-{number}.txt", b"small\n")
            eventually(lambda n=number: read(stock.b, f"small-{n}.txt") == b"small\n", "what git keeps")
        (remote,) = stock.status(stock.a)["remotes"]
        assert remote["reachable"]
        assert not remote["in_step"]
        assert any("not today" in text for text in remote["outstanding"])
        refuse.unlink()
        eventually(lambda: read(stock.b, "large.bin") == LARGE, "the content")
        stock.settle()


def test_transfers_that_were_cut_go_on_where_they_were(tmp_path: Path) -> None:
    """The far end hands over three megabytes of the first put and of the first get, and then hangs up. What
    was on the way then may be lost; the rest is not sent again."""
    content = os.urandom(12_000_000)
    with FarStock(tmp_path) as stock:
        some = "dd bs=65536 count=3000000 iflag=count_bytes status=none"
        stock.wrap_annex_shell(
            'if [ "$1" != p2pstdio ]; then exec $real "$@"; fi\n'
            f'if [ -e put ]; then rm put; {some} | $real "$@"; exit; fi\n'
            f'if [ -e get ]; then rm get; $real "$@" | {{ {some}; kill $$; }}; exit; fi\n'
            'tee -a sent | $real "$@" | tee -a given\n'
        )
        (stock.far.home / "put").touch()
        stock.instep("up", stock.a, f"{HOST}:hub.git")
        write(stock.a, "large.bin", content)
        eventually(lambda: key_of(stock.a, "large.bin") in annexed(stock.hub), "all of it is there", 120)
        assert not (stock.far.home / "put").exists()
        assert 0 < (stock.far.home / "sent").stat().st_size < len(content)
        stock.wait(stock.a)
        stock.instep("down", stock.a)
        (stock.far.home / "get").touch()
        (stock.far.home / "given").unlink()
        stock.instep("up", stock.b, f"{HOST}:hub.git")
        eventually(lambda: read(stock.b, "large.bin") == content, "all of it is here", 120)
        assert not (stock.far.home / "get").exists()
        assert 0 < (stock.far.home / "given").stat().st_size < len(content)


def test_a_server_that_hangs_delays_nobody_else(tmp_path: Path) -> None:  # I25
    with FarStock(tmp_path) as stock:
        stock.instep("up", stock.a, f"{HOST}:hub.git")
        stock.wait(stock.a)
        stock.instep("up", stock.a, stock.b)
        stock.wait(stock.b)
        held = [pid for pid in stock.processes() if _command(pid).startswith("git-annex")]
        held += stock.masters()
        for pid in held:
            stock.signal_one(pid, signal.SIGSTOP)
        write(stock.a, "big.bin", LARGE)
        eventually(lambda: read(stock.b, "big.bin") == LARGE, "the other remote has it")
        stock.instep("wait", "--remote", "b", "--timeout", "60", stock.a)
        assert not stock.status(stock.a)["in_step"]
        for pid in held:
            stock.signal_one(pid, signal.SIGCONT)
        eventually(lambda: key_of(stock.a, "big.bin") in annexed(stock.hub), "then it goes on", 120)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


def test_another_repository_at_the_same_place_is_not_taken_for_it(tmp_path: Path) -> None:
    """And with instep on the server, a bare repository there is one still."""
    with FarStock(tmp_path) as stock:
        stock.install("instep")
        run_git(stock.far.home, "init", "-q", "--bare", "hub.git")
        write(stock.a, "large.bin", LARGE)
        stock.instep("up", stock.a, f"{HOST}:hub.git")
        stock.wait(stock.a)
        assert annexed(stock.hub) == {key_of(stock.a, "large.bin")}
        assert stock.conditions(stock.a) == []
        stock.hub.rename(stock.hub.with_name("old.git"))
        run_git(stock.far.home, "init", "-q", "--bare", "hub.git")
        run_git(stock.hub, "annex", "init", "-q", "another")
        stock.cut()
        eventually(lambda: "remote-refused" in stock.conditions(stock.a), "that is said")
        assert b"main" not in run_git(stock.hub, "for-each-ref")
