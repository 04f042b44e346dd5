"""A commit is what the files are, made from proofs only: no echo, no guessed deletion, nothing torn."""

import os
import shutil
from collections import deque
from pathlib import Path

import pytest

from instep.annex.settings import read_settings
from instep.core.pointers import key_of_pointer, pointer
from instep.core.types import MODE_EXEC, MODE_FILE, MODE_LINK, RelPath
from instep.git.refs import RefMoved
from instep.steps.lag import Cause, Lag
from tests.steps.side import Side, SideMaker, big, p


def test_a_new_file_a_program_and_a_link(a: Side) -> None:  # I1
    a.write("notes/one.txt", "one")
    a.write("run.sh", "#!/bin/sh").chmod(0o755)
    (a.folder / "link").symlink_to("notes/one.txt")
    done = a.commit()
    assert done.commit == a.head
    assert {name: entry.mode for name in a.names() if (entry := a.entry(name))} == {
        "link": MODE_LINK,
        "notes/one.txt": MODE_FILE,
        "run.sh": MODE_EXEC,
    }
    assert a.git("show", "HEAD:notes/one.txt") == "one"
    a.fsck()


def test_a_large_file_goes_into_the_annex_and_stays_an_ordinary_file(a: Side) -> None:  # I1 I11
    done = a.save("film.bin", big("film"))
    key = a.key("film.bin")
    assert a.git("show", "HEAD:film.bin") == pointer(key).decode()
    assert a.read("film.bin") == big("film")
    with a.state.store.open(key) as stored:
        assert stored.read() == big("film")
    assert done.stored == [key]
    a.fsck()


def test_content_that_is_in_the_annex_already_is_named_once_more(a: Side) -> None:  # I11 I27
    first = a.save("one.bin", big("same"))
    second = a.save("two.bin", big("same"))
    assert second.stored == first.stored, "who died before it was recorded must be able to record it"


def test_what_was_committed_is_no_change(a: Side) -> None:  # I4 I13
    a.save("one", "1")
    a.save("film.bin", big("film"))
    head = a.head
    again = a.commit()
    assert (again.commit, again.changes) == (None, [])
    a.state.known.forget(p("one"))
    a.state.known.forget(p("film.bin"))
    read_again = a.commit()
    assert read_again.commit is None
    assert a.head == head


def test_a_file_that_was_only_touched_is_no_change(a: Side) -> None:  # I4
    a.save("one", "1")
    os.utime(a.folder / "one", (1, 1))
    assert a.commit("one").commit is None


def test_a_deletion_is_committed_where_it_is_proven(a: Side) -> None:  # I2
    a.save("d/one", "1")
    a.save("d/two", "2")
    (a.folder / "d/one").unlink()
    assert a.commit("d/one").commit is not None
    assert a.names() == ["d/two"]


def test_a_directory_that_is_gone_takes_its_files_along(a: Side) -> None:
    for name in ("d/one", "d/e/two", "kept"):
        a.save(name, name)
    shutil.rmtree(a.folder / "d")
    a.commit("d")
    assert a.names() == ["kept"]


def become_another(side: Side) -> None:
    """Another directory stands where the folder was, with its repository."""
    elsewhere = side.folder.parent / "elsewhere"
    side.folder.rename(elsewhere)
    side.folder.mkdir()
    (elsewhere / ".git").rename(side.folder / ".git")


def test_no_deletion_once_the_folder_is_another_directory(a: Side) -> None:  # I2 I8
    a.save("one", "1")
    a.save("d/two", "2")
    head = a.head
    for name in ("one", "d"):
        os.rename(a.folder / name, a.folder.parent / name)
    become_another(a)
    for paths in (["one"], ["d"], ["d/two"], ["one", "d/two"]):
        with pytest.raises(OSError, match="not the directory"):
            a.commit(*paths)
    assert a.state.head == head
    assert a.state.repo.refs.read("refs/heads/main") in (head, None)


def test_no_deletion_of_a_lagging_path_either_once_the_folder_is_another_one(a: Side) -> None:  # I2
    a.save("one", "1")
    a.state.lag.add(p("one"), Lag(a.entry("one"), a.head, Cause.BUSY))
    os.rename(a.folder / "one", a.folder.parent / "one")
    become_another(a)
    with pytest.raises(OSError, match="not the directory"):
        a.commit("one")


def test_a_name_below_a_link_is_gone_from_there(a: Side) -> None:
    """As git sees it: the link is the file, and nothing lies below it."""
    a.save("d/one", "1")
    shutil.move(a.folder / "d", a.folder.parent / "d")
    (a.folder / "d").symlink_to("../d")
    a.commit("d", "d/one")
    assert a.names() == ["d"]
    entry = a.entry("d")
    assert entry is not None
    assert entry.mode == MODE_LINK


def test_a_file_that_some_program_writes_waits(a: Side) -> None:  # I9
    a.save("one", "1")
    with open(a.folder / "one", "ab") as file:
        file.write(b"half")
        file.flush()
        done = a.commit("one")
        assert done.commit is None
        assert done.still_open == {p("one")}
        file.write(b" whole")
    assert a.commit("one").commit is not None
    assert a.git("show", "HEAD:one") == "1half whole"


def test_odd_files_are_named_and_left_alone(a: Side) -> None:  # I23
    os.mkfifo(a.folder / "pipe")
    done = a.commit("pipe")
    assert (done.commit, done.odd) == (None, {p("pipe")})


def test_ignored_files_are_not_committed_and_tracked_ones_are_not_deleted(a: Side) -> None:  # I22
    a.save("one.log", "1")
    a.write(".gitignore", "*.log\n")
    a.state.ignore.forget()
    a.write("two.log", "2")
    a.commit()
    assert a.names() == [".gitignore", "one.log"]
    a.save("one.log", "changed")
    assert a.git("show", "HEAD:one.log") == "changed"


def test_private_names_and_repositories_inside_never_enter(a: Side) -> None:  # I23
    a.write("inner/.git/config", "[core]\n")
    a.write("inner/file", "theirs")
    a.write(".git/instep/thing", "ours")
    a.write("mine", "1")
    a.commit()
    assert a.names() == ["mine"]


def test_a_submodule_is_left_alone_whether_it_is_there_or_not(a: Side) -> None:  # I2 I23
    a.save("mine", "1")
    (a.folder / "sub").mkdir()
    a.git("reset", "-q")
    a.git("update-index", "--add", "--cacheinfo", f"160000,{a.head.hex()},sub")
    a.git("commit", "-q", "-m", "a submodule")
    assert a.committer.follow_branch() == {p("sub")}
    assert a.commit("sub").commit is None, "it is there"
    (a.folder / "sub").rmdir()
    assert a.commit("sub").commit is None, "it is not checked out"
    assert "sub" in a.names()


def test_a_pointer_whose_content_is_elsewhere_is_wanted(a: Side, b: Side) -> None:  # I7
    a.save("film.bin", big("film"))
    key = a.key("film.bin")
    done = b.save("copy.bin", pointer(key))
    assert b.key("copy.bin") == key
    assert done.wanted == {key: {p("copy.bin")}}
    assert key_of_pointer(b.read("copy.bin") or b"") == key


def test_many_changes_are_committed_in_turns(a: Side) -> None:
    for number in range(520):
        a.write(f"d/{number:03}", str(number))
    paths = a.committer.expand([p("d")])
    assert len(a.committer.commit(paths).changes) == 512
    assert len(a.committer.commit(paths).changes) == 8
    assert (len(a.names()), len(paths)) == (520, 0)


def test_the_branch_that_somebody_else_moved_is_followed(a: Side) -> None:  # I27
    a.save("one", "1")
    a.git("commit", "-q", "--allow-empty", "-m", "by hand, and with an index that knows nothing of the file")
    a.write("two", "2")
    with pytest.raises(RefMoved):
        a.commit("two")
    assert a.committer.follow_branch() == {p("one")}
    a.commit("one", "two")
    assert (len(a.history()), a.names()) == (3, ["one", "two"])
    a.fsck()


def test_paths_that_another_branch_has_otherwise_are_looked_at(a: Side) -> None:
    a.save("one", "1")
    a.git("reset", "-q")
    a.git("switch", "-q", "-c", "other")
    a.write("one", "other")
    a.git("commit", "-qam", "by hand")
    assert a.committer.follow_branch() == {p("one")}
    assert a.state.branch == "other"
    assert a.commit("one").commit is None


def test_an_edit_of_a_lagging_file_rests_on_what_it_was_made_of(a: Side) -> None:  # I5
    a.save("one", "old")
    ground, have = a.head, a.entry("one")
    a.save("one", "new")
    a.state.lag.add(p("one"), Lag(have, ground, Cause.CONTENT))
    done = a.save("one", "mine")
    assert done.commit is None
    (fork,) = done.forks
    assert a.state.repo.objects.commit(fork).parents == (ground,)
    assert a.git("show", f"{fork.hex()}:one") == "mine"
    lag = a.state.lag.get(p("one"))
    assert lag is not None
    assert lag.since == fork


def test_a_file_that_was_written_again_as_it_was_is_told_to_the_index(a: Side) -> None:  # I30
    a.save("one", "1")
    assert not a.commit("one").rewritten
    (a.folder / "one").unlink()
    done = a.save("one", "1")
    assert (done.commit, done.rewritten.keys()) == (None, {p("one")})


def test_a_pointer_that_git_wrote_again_is_wanted_though_the_branch_moved(a: Side, b: Side) -> None:  # I7 I27
    a.save("film.bin", big("film"))
    b.merge(a, contents=False)
    (b.folder / "film.bin").unlink()
    b.write("film.bin", pointer(a.key("film.bin")))
    b.write("one", "1")
    b.git("commit", "-q", "--allow-empty", "-m", "a person's")
    with pytest.raises(RefMoved):
        b.commit("film.bin", "one")
    b.committer.follow_branch()
    assert b.commit("film.bin", "one").wanted == {a.key("film.bin"): {p("film.bin")}}


def test_a_pointer_that_a_person_s_commit_left_out_is_wanted(a: Side, b: Side) -> None:  # I7 I27
    """Their index lacked it, as it is written late; the file is as it was put there."""
    a.save("film.bin", big("film"))
    b.merge(a, contents=False)
    b.git("read-tree", "--empty")
    b.git("commit", "-q", "-m", "a person's")
    b.committer.follow_branch()
    done = b.commit("film.bin")
    assert b.names() == ["film.bin"]
    assert done.wanted == {a.key("film.bin"): {p("film.bin")}}


def test_a_pointer_that_was_moved_away_and_back_is_wanted(a: Side, b: Side) -> None:  # I7
    a.save("d/film.bin", big("film"))
    b.merge(a, contents=False)
    for source, target in (("d", "elsewhere"), ("elsewhere", "d")):
        (b.folder / source).rename(b.folder / target)
        done = b.commit(source, f"{target}/film.bin")
        assert done.wanted == {a.key("d/film.bin"): {p(f"{target}/film.bin")}}


def test_a_lagging_name_that_was_never_there_is_not_deleted(a: Side) -> None:  # I3
    a.save("d/one", "1")
    a.save("d/two", "2")
    a.state.lag.add(p("d/two"), Lag(None, a.head, Cause.BLOCKED))
    shutil.rmtree(a.folder / "d")
    done = a.commit("d", "d/one", "d/two")
    assert done.unchanged_lag == {p("d/two")}
    assert a.names() == ["d/two"]


def test_killed_before_the_branch_moved_the_next_start_commits_the_same(side: SideMaker) -> None:  # I27
    a = side("a")
    a.save("one", "1")
    a.write("film.bin", big("film"))
    a.write("one", "2")
    before = a.head
    a.git(
        "commit", "-q", "--allow-empty", "-m", "in between"
    )  # the move of the branch fails; the rest is done
    with pytest.raises(RefMoved):
        a.commit("film.bin", "one")
    a.git("update-ref", "refs/heads/main", before.hex())
    a = side("a")
    assert {p("film.bin"), p("one")} <= a.opened.dirty
    done = a.committer.commit(deque(sorted(a.opened.dirty)))
    assert done.stored == [a.key("film.bin")], "its location was not recorded yet"  # I11
    assert a.names() == ["film.bin", "one"]
    a.fsck()


def test_bytes_of_any_kind_are_names(a: Side) -> None:
    name = RelPath(b"-dash \n\xff\xfe.txt")
    with open(os.path.join(os.fsencode(a.folder), name), "wb") as file:
        file.write(b"odd")
    a.commit()
    assert a.names() == [os.fsdecode(name)]


def thin(side: Side, name: str) -> None:
    """As git-annex leaves a file where annex.thin is set: a hard link of its object."""
    file, key_path = side.folder / name, Path(os.fsdecode(side.state.store.path(side.key(name))))
    file.unlink()
    os.link(key_path, file)
    file.chmod(0o644)
    assert side.commit(name).commit is None


def test_an_object_that_was_overwritten_in_place_is_not_counted_any_more(a: Side) -> None:  # I11
    a.save("film", big("old"))
    thin(a, "film")
    key = a.key("film")
    with (a.folder / "film").open("r+b") as file:
        file.write(b"NEW")
    done = a.commit("film")
    assert done.lost == [key]
    assert not a.state.store.has(key)
    with a.state.store.open(a.key("film")) as file:
        assert file.read() == a.read("film")
    assert not a.folder.joinpath("film").samefile(os.fsdecode(a.state.store.path(a.key("film"))))


def test_an_object_that_was_replaced_in_the_work_tree_stays(a: Side) -> None:  # I12
    a.save("film", big("old"))
    thin(a, "film")
    key = a.key("film")
    a.write("new", big("new")).rename(a.folder / "film")
    assert a.commit("film").lost == []
    assert a.state.store.verify(key, a.state.store.path(key))


def test_an_object_whose_content_went_into_git_stays(a: Side) -> None:  # I12
    a.save("film", big("old"))
    thin(a, "film")
    key = a.key("film")
    a.git("config", "annex.largefiles", "nothing")
    a.state.repo.config.reload()
    a.state.settings = read_settings(a.state.repo, a.opened.annex_branch)
    a.state.known.forget(p("film"))
    done = a.commit("film")
    assert done.commit is not None
    assert done.lost == []
    assert a.state.store.has(key)


def test_attributes_decide_where_a_file_goes(a: Side) -> None:
    a.leave_to_attributes()
    a.write(".gitattributes", "* annex.largefiles=largerthan=1kb\n*.bin annex.backend=MD5E\n")
    a.write("d/.gitattributes", "*.txt annex.largefiles=anything\n")
    a.state.settings.attributes.forget()
    a.write("d/small.txt", "s")
    a.write("small.txt", "s")
    a.write("film.bin", big("x"))
    a.commit("d/small.txt", "small.txt", "film.bin")
    assert a.key("d/small.txt").startswith(b"SHA256E-s1-")
    assert a.key("film.bin").startswith(b"MD5E-")
    small = a.entry("small.txt")
    assert small is not None
    assert a.state.key_of(small) is None


def test_what_an_attribute_does_not_decide_clearly_is_left_and_named(a: Side) -> None:  # I22
    """The others go on, and so does this one as soon as the attribute is understood."""
    a.leave_to_attributes()
    a.write(".gitattributes", "*.odd annex.largefiles=lots\n")
    a.state.settings.attributes.forget()
    a.write("one.odd", "1")
    a.write("one", "1")
    done = a.commit("one.odd", "one")
    assert [change.path for change in done.changes] == [p("one")]
    assert done.undecided[p("one.odd")].setting == "annex.largefiles in .gitattributes"
    a.write(".gitattributes", "*.odd annex.largefiles=nothing\n")
    a.state.settings.attributes.forget()
    assert [change.path for change in a.commit("one.odd").changes] == [p("one.odd")]
