"""I8: an unclean stop of the machine is told from a clean end and from a kill."""

from pathlib import Path

from instep.fs.running import RunningMark


def test_only_another_boot_means_that_the_machine_stopped(tmp_path: Path) -> None:
    file = tmp_path / "running"
    first = RunningMark(bytes(file))
    assert not first.machine_stopped
    first.begin()
    assert not RunningMark(bytes(file)).machine_stopped  # killed
    for other_boot in ("7a3c\n", ""):  # the mark itself may have lost its content
        file.write_text(other_boot)
        assert RunningMark(bytes(file)).machine_stopped
    first.end()
    assert not RunningMark(bytes(file)).machine_stopped
    first.end()


def test_a_process_that_never_began_leaves_the_mark_as_it_was(tmp_path: Path) -> None:  # I8
    file = bytes(tmp_path / "running")
    (tmp_path / "running").write_text("another boot")
    RunningMark(file).end()
    assert RunningMark(file).machine_stopped
