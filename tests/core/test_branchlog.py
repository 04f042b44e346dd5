"""The git-annex branch's logs: what they say, how they change, how they unite."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.core import branchlog
from instep.core.branchlog import locations, set_location, set_locations, union
from instep.core.types import RemoteUuid

U, V, W = RemoteUuid("uuid-u"), RemoteUuid("uuid-v"), RemoteUuid("uuid-w")


def _line(when: int, status: bytes, uuid: bytes) -> bytes:
    return b"%ds %s %s" % (when, status, uuid)


_uuids = st.sampled_from([b"uuid-u", b"uuid-v", b"uuid-w"])
_usual = st.builds(_line, st.integers(0, 40), st.sampled_from([b"0", b"1", b"X"]), _uuids)
_odd = st.sampled_from([b"", b"garbage", b"5.5s 1 uuid-u", b"12.25s 0 uuid-v"])
_lines = st.lists(_usual | _odd)
_logs = _lines.map(b"\n".join)


@given(_logs, _logs, _logs)
def test_union_does_not_care_for_order(a: bytes, b: bytes, c: bytes) -> None:  # I14
    def lines(text: bytes) -> set[bytes]:
        return set(text.split(b"\n")) - {b""}

    assert union(a, b) == union(b, a)
    assert union(a, a) == a
    assert union(union(a, b), b) == union(a, b)
    assert lines(union(union(a, b), c)) == lines(union(a, union(b, c))) == lines(a) | lines(b) | lines(c)


def test_union_is_the_sorted_set_of_lines() -> None:
    ours, theirs = b"100s 1 U\n200s 1 V\n", b"150s 0 U\n200s 0 V\n\n300s 1 W"
    merged = union(ours, theirs)
    assert merged == b"100s 1 U\n150s 0 U\n200s 0 V\n200s 1 V\n300s 1 W\n"
    assert locations(merged) == {"U": False, "V": False, "W": True}
    assert union(b"", b"") == b""


def test_a_subject_that_would_be_another_one_once_it_is_written_is_none() -> None:
    """Found by fuzzing: of two carriage returns one was dropped at each reading."""
    odd = b"5s 1 U\r\r\n6s 1 V\r\n"
    assert locations(odd) == {RemoteUuid("V"): True}
    assert locations(branchlog.compact(odd)) == locations(odd)


def test_union_takes_a_version_that_holds_all_lines_as_it_is() -> None:
    by_uuid = b"9s 1 U\n5s 1 V\n"
    assert union(by_uuid, b"5s 1 V\n") == by_uuid
    assert union(b"", by_uuid) == by_uuid
    assert union(by_uuid, b"5s 1 V\n9s 1 U\n") == b"5s 1 V\n9s 1 U\n"


def test_the_newest_line_holds_and_of_equals_the_first() -> None:
    assert locations(b"6s 0 uuid-u\n5.999999999s 1 uuid-u\n") == {U: False}
    assert locations(b"5s 1 uuid-u\n5s 0 uuid-u\n") == {U: True}
    assert locations(b"5s X uuid-u\r\nnot a line\n7s 2 uuid-u\n\n8s 1 \n") == {U: False}
    assert locations(b"9" * 5000 + b"s 1 uuid-u\n") == {}


@given(_logs, st.sampled_from([U, V, W]), st.booleans(), st.integers(0, 60))
def test_a_fact_is_recorded_once_and_wins(log: bytes, uuid: RemoteUuid, present: bool, now: int) -> None:
    before = locations(log)
    after = set_location(log, uuid, present, now)
    if after is None:
        assert before[uuid] is present
        return
    assert locations(after) == before | {uuid: present}
    assert set_location(after, uuid, present, now) is None  # I13
    assert locations(union(log, after))[uuid] is present  # I20: newer than all it has seen


def test_a_log_is_written_as_git_annex_writes_it() -> None:
    assert set_location(b"", U, True, 1795340449) == b"1795340449s 1 uuid-u\n"
    assert set_location(b"9s 1 uuid-v\n8s 0 uuid-v\njunk\n", U, False, 5) == b"5s 0 uuid-u\n9s 1 uuid-v\n"
    many = set_locations(b"9s 1 uuid-v\n", {W: True, V: False, U: True}, 12)
    assert many == b"12s 1 uuid-u\n12s 0 uuid-v\n12s 1 uuid-w\n"


@given(_logs)
def test_compacting_keeps_what_holds(log: bytes) -> None:
    compacted = branchlog.compact(log)
    assert locations(compacted) == locations(log)
    assert branchlog.compact(compacted) == compacted
    assert compacted.count(b"\n") == len(locations(log))


def test_time_never_goes_back() -> None:  # I20
    assert set_location(b"100s 1 uuid-u\n", U, False, 7) == b"101s 0 uuid-u\n"
    assert set_location(b"100.25s 1 uuid-u\n", U, False, 7) == b"101.25s 0 uuid-u\n"
    assert set_location(b"100s 1 uuid-u\n", U, False, 100) == b"101s 0 uuid-u\n"


def test_restating_says_nothing() -> None:  # I13
    assert set_location(b"100s 1 uuid-u\n", U, True, 200) is None
    assert set_locations(b"100s 1 uuid-u\n", {U: True}, 200) is None
    assert set_locations(b"100s 1 uuid-u\n", {}, 200) is None


def test_unknown_is_not_absent() -> None:  # I11
    assert U not in locations(b"100s 1 uuid-v\n")
    assert set_location(b"100s 1 uuid-v\n", U, False, 200) == b"200s 0 uuid-u\n100s 1 uuid-v\n"


def test_config_log() -> None:
    log = (
        b"5s annex.largefiles largerthan=1kb\n7s annex.largefiles include=*.c or nothing\n9s a.b \n3s a.b x\n"
    )
    assert branchlog.config_value(log, "annex.largefiles") == "include=*.c or nothing"
    assert branchlog.config_value(log, "a.b") is None
    assert branchlog.config_value(log, "c.d") is None
    assert branchlog.config_values(log + b"nonsense\n") == {"annex.largefiles": "include=*.c or nothing"}


def test_logs_about_one_thing() -> None:
    assert branchlog.newest_value(b"5s 2\n7.5s 3\n6s 4\n") == "3"
    assert branchlog.newest_value(b"") is None


@pytest.mark.parametrize(
    ("log", "values"),
    [
        (b"uuid-u my  disk timestamp=5s\n", {"uuid-u": "my  disk"}),
        (b"uuid-u new timestamp=9.5s\nuuid-u old timestamp=5s\n", {"uuid-u": "new"}),
        (b"uuid-u  timestamp=9s\nuuid-u old timestamp=5s\n", {}),
        (b"uuid-u without time\nuuid-v\n", {"uuid-u": "without time"}),
        (b" \n", {}),
        (b"uuid-u \xff timestamp=1s\r\n", {"uuid-u": "\udcff"}),
    ],
)
def test_uuid_based_logs(log: bytes, values: dict[str, str]) -> None:
    assert branchlog.uuid_values(log) == values
