"""The journal's files and its lock."""

import os
import subprocess
import sys
import threading

from hypothesis import given
from hypothesis import strategies as st

from instep.annex import journal
from instep.annex.journal import Journal
from instep.core.types import RelPath
from instep.fs.durable import Batch
from instep.git.repository import Repository

_TRY = """
import fcntl, sys
with open(sys.argv[1], "r+") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("held")
    else:
        print("free")
"""

_HOLD = """
import fcntl, sys
with open(sys.argv[1], "r+") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print(flush=True)
    input()
"""

_names = st.lists(st.text("ab_.", min_size=1, max_size=6), min_size=1, max_size=3).map("/".join)


@given(_names.filter(lambda name: "/_" not in name))  # git-annex can't tell these from `_/`
def test_a_journal_files_name_leads_back(name: str) -> None:
    path = RelPath(name.encode())
    assert journal.path_of(journal.file_name(path)) == path


def test_names_as_git_annex_makes_them() -> None:
    assert journal.file_name(RelPath(b"9c5/06e/SHA256E-s2--a_b.log")) == b"9c5_06e_SHA256E-s2--a__b.log"


def test_other_processes_see_the_lock(repo: Repository) -> None:
    ours = Journal(repo.git_dir + b"/annex", repo.sharing)
    lock_file = os.fsdecode(repo.git_dir) + "/annex/journal.lck"

    def others_find() -> bytes:
        return subprocess.run([sys.executable, "-c", _TRY, lock_file], capture_output=True, check=True).stdout

    with ours.locked():
        assert others_find() == b"held\n"
    assert others_find() == b"free\n"


def test_threads_take_turns_even_by_different_journals(repo: Repository) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        mine = Journal(repo.git_dir + b"/annex", repo.sharing)
        for _ in range(20):
            with mine.locked():
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1


def test_the_lock_waits_for_another_process(repo: Repository) -> None:
    ours = Journal(repo.git_dir + b"/annex", repo.sharing)
    entered = threading.Event()
    command = [sys.executable, "-c", _HOLD, os.fsdecode(repo.git_dir) + "/annex/journal.lck"]

    def enter() -> None:
        with ours.locked():
            entered.set()

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        thread = threading.Thread(target=enter)
        thread.start()
        assert not entered.wait(0.05)
        other.stdin.write(b"\n")
        other.stdin.close()
        thread.join()
    assert entered.is_set()


def test_reading_writing_and_removing(repo: Repository) -> None:
    ours = Journal(repo.git_dir + b"/annex", repo.sharing)
    path = RelPath(b"uuid.log")
    os.makedirs(repo.git_dir + b"/annex/journal", exist_ok=True)
    with ours.locked(), Batch(repo.staging) as batch:
        staged, target = ours.stage(path, b"text\n", batch)
        assert ours.read(path) is None
        batch.sync()
        staged.place(target)
    assert ours.read(path) == b"text\n"
    assert ours.paths() == {path}
    ours.remove([path])
    assert ours.paths() == frozenset()
