"""The first words over ssh: found behind any noise, in whatever pieces; nothing endless, nothing strange."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.remotes.errors import FarRefused, Incompatible, LinkError, ProtocolError, Stopped
from instep.remotes.reception import (
    GREETING,
    MAX_LINE_BYTES,
    MAX_NOISE_BYTES,
    Opening,
    branch_of,
    decode_line,
    encode_line,
    text_of,
    uuid_of,
)

NOISE = st.binary(max_size=200).filter(lambda noise: b"instep-link" not in noise)


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(NOISE, st.integers(1, 50), st.binary(max_size=100))
def test_the_answer_is_found_behind_noise_and_what_follows_is_kept(
    noise: bytes, size: int, link: bytes
) -> None:
    opening, found = Opening(), None
    for piece in in_pieces(noise + GREETING + encode_line({"busy": True}) + encode_line({"ok": {}}), size):
        assert found is None
        opening.feed(piece)
        found = opening.answer()
    assert found == {}
    opening.feed(link)
    assert opening.rest == link


def test_a_greeting_in_the_middle_of_a_line_is_noise() -> None:
    opening = Opening()
    opening.feed(b"I say instep-link 1\nand mean nothing\n")
    assert not opening.is_greeted
    assert opening.answer() is None
    opening.feed(b"> " + GREETING.replace(b"\n", b"\r\n") + b'{"ok": {"x": 1}}\r\n')
    assert opening.answer() == {"x": 1}


def test_another_version_is_said() -> None:
    with pytest.raises(Incompatible, match="2"):
        Opening().feed(b"instep-link 2\n")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"text": "No.", "fix": "Go."}, FarRefused),
        ({"text": "No.", "fix": "Go.", "kind": "stopped"}, Stopped),
    ],
)
def test_errors_come_with_their_way_out(error: dict[str, str], kind: type[LinkError]) -> None:
    opening = Opening()
    opening.feed(GREETING + encode_line({"error": error}))
    with pytest.raises(kind, match=r"No\.") as caught:
        opening.answer()
    assert caught.value.fix == "Go."


def test_nothing_is_endless() -> None:
    noisy, talkative = Opening(), Opening()
    for _ in range(MAX_NOISE_BYTES // 2):
        noisy.feed(b"y\n")
    with pytest.raises(ProtocolError, match="far shell"):
        noisy.feed(b"y\n")
    talkative.feed(GREETING + b"x" * MAX_LINE_BYTES)
    assert talkative.answer() is None
    talkative.feed(b"x")
    with pytest.raises(ProtocolError, match="endless"):
        talkative.answer()


@given(
    st.binary(max_size=60) | st.sampled_from([b"[" * 100_000, b'{"error": 1}', b'{"error": {"text": [1]}}'])
)
def test_strange_answers_are_refused(line: bytes) -> None:
    opening = Opening()
    opening.feed(GREETING + line + b"\n")
    with suppress(LinkError):
        assert opening.answer() is None or isinstance(json.loads(line)["ok"], dict)


@given(st.binary())
def test_odd_bytes_survive(name: bytes) -> None:
    text = name.decode("utf-8", "surrogateescape")
    message = decode_line(encode_line({"name": text}))
    assert text_of(message, "name").encode("utf-8", "surrogateescape") == name
    with pytest.raises(ProtocolError, match="other"):
        text_of(message, "other")


def test_text_that_is_none_is_refused() -> None:
    """Half of a surrogate pair, which no name of a file is read as."""
    with pytest.raises(ProtocolError, match="name"):
        text_of(decode_line(b'{"name": "\\ud800"}'), "name")


@pytest.mark.parametrize("branch", ["-c", "--template=x", "a..b", "a b", "a.lock", "x\n"])
def test_a_branch_that_git_would_refuse_is_refused(branch: str) -> None:
    with pytest.raises(ProtocolError, match="branch"):
        branch_of({"branch": branch})
    assert branch_of({"branch": "feature/ü"}) == "feature/ü"
    assert branch_of({"branch": ""}) == ""


def test_an_id_that_is_none_is_refused() -> None:
    for uuid in ("--unset", "", "a\nb", 7, "x" * 65):
        with pytest.raises(ProtocolError):
            uuid_of({"uuid": uuid})
    assert uuid_of({"uuid": "11111111-aaaa"}) == "11111111-aaaa"
    assert uuid_of({}) is None
