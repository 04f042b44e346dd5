"""The tests are tested: with a safeguard taken out of a copy of instep, the test that guards it must fail.

Each bug is a piece of source and what stands there without the safeguard. The piece must be found exactly
once: whoever rewrites that place is told here, and plants the bug anew.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import instep

ROOT = Path(__file__).parent.parent


class Bug(NamedTuple):
    """In `file` (below src/instep), `found` becomes `planted`; each of the `caught_by` tests must fail."""

    file: str
    found: str
    planted: str
    caught_by: tuple[str, ...]


BUGS = {
    "no rescan after an overflow": Bug(  # I21
        "fs/watcher.py",
        "        if overflow:\n            self._overflow(observed)\n",
        "",
        (
            "fs/test_watcher.py::test_a_real_overflow_means_look_everywhere",
            "system/test_overflow.py::test_a_change_that_the_kernel_forgot_to_tell_arrives",
        ),
    ),
    "what was displaced is not looked at": Bug(  # I1 I5
        "fs/install.py",
        "        displaced = self._displaced\n        return _examine(",
        "        displaced = self._displaced\n"
        "        return Identity.of(os.stat(aside, dir_fd=displaced.fd, follow_symlinks=False))\n"
        "        return _examine(",
        (
            "fs/test_install.py::test_an_edit_that_falls_in_between_comes_back[edit_in_place]",
            "fs/test_install.py::test_an_edit_that_falls_in_between_comes_back[save_atomically]",
        ),
    ),
    "what was displaced is not looked at once more": Bug(  # I1
        "fs/displaced.py",
        "        if not now_there.same_content_as(kept.identity):\n",
        "        if not now_there:\n",
        ("fs/test_install.py::test_a_late_writer_of_the_displaced_file_is_rescued",),
    ),
    "times are believed where they are coarse": Bug(  # I4 I5
        "steps/known.py",
        "_FACTS.pack(*_signed(identity), guess, entry.mode)",
        "_FACTS.pack(*_signed(identity), False, entry.mode)",
        ("steps/test_recognise.py", "steps/test_known.py::test_a_guess_is_told_as_a_guess"),
    ),
    "what a killed process took in is an edit": Bug(  # I17
        "steps/merger.py",
        "            self._underway.note(arrival.head, target.tree)\n",
        "",
        ("steps/test_underway.py",),
    ),
    "what an attempt puts in place of a lagging file is an edit": Bug(  # I4 I13
        "steps/placed.py",
        "                self._state.lag.brought(path, new)\n",
        "",
        ("steps/test_placed.py::test_what_an_attempt_brings_to_a_lagging_file_is_no_edit",),
    ),
    "a file that both sides moved is edited by what stands in its place": Bug(  # I1
        "core/renames.py",
        " or body(mine) in self._sides.new[1 - side])",
        ")",
        ("core/test_merge.py::test_cases[rename to two names, each of which the other added]",),
    ),
    "what the ancestors dispute is new": Bug(  # I17
        "steps/meeting.py",
        "                disputed[path].update(versions)\n",
        "                pass\n",
        ("steps/test_meeting.py::test_what_all_removed_does_not_come_back",),
    ),
    "a pointer that gets another mode is known as it is": Bug(  # I7 I16
        "steps/install.py",
        "            case Replace(path, old, entry) if old.oid == entry.oid and old.mode != entry.mode:\n"
        "                pass\n",
        "",
        ("steps/test_install.py::test_a_pointer_that_git_wrote_again_and_that_gets_another_mode",),
    ),
    "a directory is written as a file": Bug(  # I1 I3
        "core/tree.py",
        "    return None if entry is not None and entry.is_tree else entry\n",
        "    return entry\n",
        ("steps/test_merger.py::test_a_busy_file_in_the_place_of_a_directory_goes_when_it_is_closed",),
    ),
    "any error counts as absence": Bug(  # I2
        "steps/look.py",
        "        except Gone:  # proven",
        "        except (Gone, OSError):  # proven",
        ("steps/test_look.py::test_an_error_is_no_absence",),
    ),
    "the root may be another directory": Bug(  # I2
        "steps/committer.py",
        "            if deletes and not root_is_whole(",
        "            if False and not root_is_whole(",
        (
            "steps/test_committer.py::test_no_deletion_once_the_folder_is_another_directory",
            "steps/test_committer.py::test_no_deletion_of_a_lagging_path_either_once_the_folder_is_another_one",
        ),
    ),
    "an edit beside the branch is not waited for": Bug(  # I1 I5
        "steps/committer.py",
        "            state.forks.add(done.forks)\n",
        "",
        (
            "steps/test_merge.py::test_an_edit_met_on_the_way_while_somebody_moves_the_branch",
            "steps/test_merge.py::test_a_fork_of_the_process_before_is_merged",
        ),
    ),
    "a merge's parents stand as they came": Bug(  # I14
        "core/commit.py",
        "tuple(sorted(by_oid))",
        "tuple(by_oid)",
        (
            "core/test_commit.py::test_a_merge_is_the_same_on_every_node",
            "steps/test_merger.py::test_both_sides_make_the_same_commit",
        ),
    ),
    "a merge dates itself by this machine's side": Bug(  # I14 I20
        "core/commit.py",
        "    when = max((commit.committer.when for commit in by_oid.values()), default=0)\n",
        "    when = heads[0][1].committer.when\n",
        ("core/test_commit.py::test_a_merge_is_the_same_on_every_node",),
    ),
    "the sides of two versions stand as they came": Bug(  # I14
        "core/versions.py",
        "    one, two = sorted((one, two))\n",
        "",
        ("core/test_versions.py",),
    ),
    "merges never give way": Bug(  # I13
        "steps/merger.py",
        "        return None if arrival.peer_joins is None else stands_for_both(repo, ours, head)\n",
        "        return None\n",
        ("steps/test_merger.py::test_a_merge_gives_way_to_one_that_holds_more",),
    ),
    "merges give way to stock git's too": Bug(  # I30
        "steps/merger.py",
        "        return None if arrival.peer_joins is None else stands_for_both(repo, ours, head)\n",
        "        return stands_for_both(repo, ours, head)\n",
        ("steps/test_merger.py::test_no_merge_gives_way_to_a_fetched_one",),
    ),
    "merges of locations never give way": Bug(  # I13
        "annex/unite.py",
        "    if may_leave_merges:\n",
        "    if False and may_leave_merges:\n",
        ("annex/test_branch.py::test_a_merge_gives_way_to_one_that_holds_the_same",),
    ),
    "each side keeps its own of two merges": Bug(  # I13 I14
        "git/supersede.py",
        "        return min((-len(of_one), one), (-len(of_two), two))[1]\n",
        "        return one\n",
        ("git/test_supersede.py::test_of_merges_of_the_same_edits_all_choose_the_same",),
    ),
    "a person's merge gives way": Bug(  # I1
        "git/supersede.py",
        "    return commit == merge_commit(commit.tree, heads, commit.message)\n",
        "    return True\n",
        ("git/test_supersede.py::test_what_a_person_merged_is_an_edit",),
    ),
    "a dead link is never given up": Bug(  # I25
        "remotes/liveness.py",
        "        if self._waits and silent_s >= self._limit_s:\n            return GiveUp()\n",
        "",
        (
            "remotes/test_liveness.py::test_silence_after_our_words_is_death",
            "remotes/test_liveness.py::test_doubt_shortens_the_patience_until_a_word_is_heard",
        ),
    ),
    "whoever is idle is given up": Bug(  # I28
        "remotes/liveness.py",
        "        if self._waits and silent_s",
        "        if silent_s",
        (
            "remotes/test_liveness.py::test_nobody_answers_an_answer",
            "remotes/test_liveness.py::test_silence_of_who_was_told_nothing_is_none",
        ),
    ),
    "the journal is not locked": Bug(  # I11
        "annex/journal.py",
        "                fcntl.lockf(fd, fcntl.LOCK_EX)\n",
        "",
        (
            "annex/test_journal.py::test_other_processes_see_the_lock",
            "annex/test_journal.py::test_the_lock_waits_for_another_process",
        ),
    ),
}


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str, tmp_path: Path) -> None:
    bug = BUGS[name]
    build = tmp_path / "src"
    shutil.copytree(Path(instep.__file__).parent, build / "instep", ignore=shutil.ignore_patterns("*.pyc"))
    place = build / "instep" / bug.file
    source = place.read_text()
    assert source.count(bug.found) == 1, f"{bug.file} has changed: plant '{name}' anew"
    place.write_text(source.replace(bug.found, bug.planted))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", tmp_path / "t"]
        + [f"tests/{test}" for test in bug.caught_by],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(build), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    missed = [test for test in bug.caught_by if f"FAILED tests/{test}" not in done.stdout]
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert missed == [], done.stdout
