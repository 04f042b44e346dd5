"""Looking at one path: what it says, and what it refuses to take for an answer."""

import os

import pytest

from instep.core.pointers import link_target, pointer
from instep.core.types import MODE_EXEC, MODE_FILE, MODE_LINK, Entry, Oid
from instep.fs.durable import Batch
from instep.fs.read import StillOpen
from instep.steps.look import SMALL_BYTES, Look, root_is_whole
from instep.steps.sight import Sight
from tests.steps.side import Side, big, p


def look(side: Side, name: str, tracked: Entry | None = None, *, even_ignored: bool = False) -> Sight | None:
    with Batch(side.state.staging) as batch:
        return Look(side.state, batch, even_ignored).at(p(name), tracked)


def test_nothing_where_nothing_was_says_nothing(a: Side) -> None:
    assert look(a, "absent") is None
    assert look(a, "absent/below") is None


def test_absence_of_what_was_there_is_said(a: Side) -> None:  # I2
    assert look(a, "absent", Entry(MODE_FILE, Oid(bytes(20)))) == Sight(p("absent"), None)


def test_an_error_is_no_absence(a: Side) -> None:  # I2
    """A file that can't be reached may still be there."""
    with pytest.raises(OSError, match="name too long"):
        look(a, "x" * 300, Entry(MODE_FILE, Oid(bytes(20))))


def test_a_directory_is_no_file(a: Side) -> None:
    (a.folder / "d").mkdir()
    assert look(a, "d") is None
    assert look(a, "d", Entry(MODE_FILE, Oid(bytes(20)))) == Sight(p("d"), None)


def test_the_mode_is_that_of_git(a: Side) -> None:
    a.write("run", "x").chmod(0o700)
    sight = look(a, "run")
    assert sight is not None
    assert sight.entry == Entry(MODE_EXEC, a.state.repo.format.hash(b"blob", b"x"))


def test_a_file_that_is_known_is_not_read(a: Side) -> None:  # I4
    a.believe_times()
    a.save("one", "1")
    tracked = a.entry("one")
    with open(a.folder / "one", "ab"):  # reading it would say so
        assert look(a, "one", tracked) is None
        sight = look(a, "one", None)
        assert sight is not None
        assert sight.entry == tracked
        a.state.known.forget(p("one"))
        with pytest.raises(StillOpen):
            look(a, "one", tracked)


def test_an_ignored_file_is_looked_at_only_when_it_is_in_the_way(a: Side) -> None:  # I5 I22
    a.write(".gitignore", "*.log\n")
    a.state.ignore.forget()
    a.write("x.log", "x")
    assert look(a, "x.log") is None
    assert look(a, "x.log", even_ignored=True) is not None


def test_a_large_file_is_streamed_into_the_annex(a: Side) -> None:
    a.write("film.bin", b"x" * (SMALL_BYTES + 1))
    with Batch(a.state.staging) as batch:
        round_ = Look(a.state, batch)
        sight = round_.at(p("film.bin"), None)
        (content,) = round_.contents
    assert sight is not None
    assert sight.entry is not None
    assert round_.objects[sight.entry.oid].data == pointer(content.key)


def test_a_pointer_file_stays_one_and_awaits_its_content(a: Side) -> None:  # I7
    a.save("film.bin", big("film"))
    key = a.key("film.bin")
    a.write("again.bin", pointer(key))
    here = look(a, "again.bin")
    assert here is not None
    assert (here.entry, here.awaits) == (a.entry("film.bin"), key)
    elsewhere = pointer(key).replace(b"-s2", b"-s3")
    a.write("other.bin", elsewhere)
    there = look(a, "other.bin")
    assert there is not None
    assert there.awaits is not None


def test_an_annexed_link_is_written_for_the_place_where_it_is(a: Side) -> None:
    a.save("film.bin", big("film"))
    target = link_target(a.key("film.bin"), p("film.bin"))
    (a.folder / "d").mkdir()
    os.symlink(target, bytes(a.folder / "d/link"))
    sight = look(a, "d/link")
    assert sight is not None
    right = link_target(a.key("film.bin"), p("d/link"))
    assert sight.entry == Entry(MODE_LINK, a.state.repo.format.hash(b"blob", right))
    assert sight.awaits is None
    assert os.readlink(bytes(a.folder / "d/link")) == right, "as git annex fix does: the other led nowhere"
    assert (a.folder / "d/link").read_bytes() == big("film")


def test_a_link_that_is_written_anew_is_no_change_of_its_own(a: Side) -> None:  # I4 I28
    a.believe_times()
    a.save("film.bin", big("film"))
    (a.folder / "d/e").mkdir(parents=True)
    os.symlink(link_target(a.key("film.bin"), p("film.bin")), bytes(a.folder / "d/e/link"))
    assert a.commit("d/e/link").commit is not None
    assert a.state.is_echo(p("d/e/link"))
    assert a.commit().commit is None


def test_the_root_is_whole_while_its_name_leads_to_it(a: Side) -> None:  # I2
    root, fd = a.state.work_tree.root, a.state.work_tree.root_fd
    assert root_is_whole(root, fd)
    os.rename(root, root + b".away")
    assert not root_is_whole(root, fd)
    os.mkdir(root)
    assert not root_is_whole(root, fd)
    os.rmdir(root)
    os.rename(root + b".away", root)
    assert root_is_whole(root, fd)


def test_what_a_file_is_can_decide_where_it_goes(a: Side) -> None:
    a.leave_to_attributes()
    a.write(".gitattributes", "* annex.largefiles=mimeencoding=binary\n")
    a.state.settings.attributes.forget()
    a.write("text", "words\n")
    a.write("picture", b"\0" * 20)
    with Batch(a.state.staging) as batch:
        round_ = Look(a.state, batch)
        round_.at(p("text"), None)
        assert round_.contents == []
        round_.at(p("picture"), None)
        assert len(round_.contents) == 1
