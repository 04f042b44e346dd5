"""Keys by the examples of git-annex itself (differential tests are in tests/annex)."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.core import keys
from instep.core.keys import KeyParts, MalformedKey
from instep.core.types import Key

HI = Key(b"SHA256E-s2--8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4.txt")

_numbers = st.none() | st.integers(0, 2**60)
_parts = st.builds(
    KeyParts,
    st.from_regex(r"[A-Z0-9_]{1,12}", fullmatch=True),
    st.binary(min_size=1, max_size=80).filter(lambda name: b"\n" not in name and b"\0" not in name),
    _numbers,
    _numbers,
    st.none() | st.tuples(st.integers(0, 2**40), st.integers(0, 999)),
)


@given(_parts)
def test_a_key_taken_apart_and_put_together_is_the_same(parts: KeyParts) -> None:
    key = keys.format_key(parts)
    assert keys.parse_key(key) == parts
    assert keys.checked_key(key) == key


@given(_parts)
def test_a_keys_file_name_is_one_name_and_leads_back(parts: KeyParts) -> None:
    key = keys.format_key(parts)
    name = keys.key_file(key)
    assert b"/" not in name
    assert keys.file_key(name) == key


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"SHA256E",
        b"SHA256E-s2-",
        b"SHA256E-s2--",
        b"SHA256E-m2-s3--a",
        b"SHA256E-s02--a",
        b"SHA256E-s-2--a",
        b"SHA256E-s2-S3--a",
        b"X-1-s2--a",
        b"--a",
        b"../x--a",
        b"SHA256E-s2--a\nb",
        b"SHA256E-s2--a\0b",
        b"SHA256E-s" + b"9" * 30 + b"--a",
        b"SHA256E--" + b"a" * 5000,
    ],
)
def test_what_is_not_a_key_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedKey):
        keys.parse_key(text)
    with pytest.raises(MalformedKey):
        keys.checked_key(text)


def test_escaping_of_the_four_characters() -> None:
    assert keys.key_file(Key(b"VURL--http://127.0.0.1:9/x")) == b"VURL--http&c%%127.0.0.1&c9%x"
    assert keys.key_file(Key(b"X--a&b%c")) == b"X--a&ab&sc"
    with pytest.raises(MalformedKey):
        keys.file_key(b"no key")


def test_where_objects_and_logs_lie() -> None:
    assert keys.hash_lower(HI) == b"424/b65/"
    assert keys.hash_mixed(HI) == b"x2/Kf/"
    assert keys.object_path(HI, bare=False) == b"annex/objects/x2/Kf/" + HI + b"/" + HI
    assert keys.object_path(HI, bare=True) == b"annex/objects/424/b65/" + HI + b"/" + HI
    assert keys.log_path(HI) == b"424/b65/" + HI + b".log"


def test_a_chunk_lies_beside_the_key_it_is_a_piece_of() -> None:
    whole, chunk = Key(b"SHA256E-s9--abc-S1-C1--x"), Key(b"SHA256E-s9-S4-C12--abc-S1-C1--x")
    assert keys.hash_lower(chunk) == keys.hash_lower(whole)
    assert keys.hash_mixed(chunk) == keys.hash_mixed(whole)


def test_the_size_that_a_key_states() -> None:
    assert keys.size_of(HI) == 2
    assert keys.size_of(Key(b"VURL--x")) is None
    assert keys.size_of(Key(b"SHA256E-s9-S4-C1--x")) is None


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a.tar.gz", ".tar.gz"),
        ("a.TXT", ".TXT"),
        ("a.b.c.d", ".c.d"),
        ("x.jpegx", ""),
        ("a.longish.txt", ".txt"),
        ("a.txt.longish", ""),
        (".tar.gz", ".gz"),
        (".bashrc", ""),
        ("foo..tar..gz", ".gz"),
        ("a.txt.", ".txt"),
        ("v1.2.3", ".2.3"),
        ("a.c++", ""),
        ("a.t_x", ""),
        ("a.é", ".é"),
        ("a.日本", ""),
        ("d.ir/noext", ""),
        ("d.ir/a.png", ".png"),
        ("", ""),
    ],
)
def test_what_is_kept_of_a_name(name: str, kept: str) -> None:
    assert keys.extension(name.encode()) == kept.encode()


def test_settings_change_what_is_kept() -> None:
    assert keys.extension(b"x.jpegx", max_length=5) == b".jpegx"
    assert keys.extension(b"a.tar.gz", max_count=1) == b".gz"
    assert keys.extension(b"a.tar.gz", max_length=0) == b""
    assert keys.extension(b"a.tar.gz", max_count=0) == b""
    assert keys.extension(b"a.tar.gz", max_count=-1) == b""


def test_making_a_key_and_finding_its_hash_again() -> None:
    digest = hashlib.sha256(b"hi").hexdigest()
    assert keys.make_key("SHA256E", 2, digest, b"d/a.txt") == HI
    assert keys.make_key("SHA256", 2, digest, b"d/a.txt") == b"SHA256-s2--" + digest.encode()
    assert keys.hash_of(HI) == ("sha256", digest)
    assert keys.hash_of(Key(HI.removesuffix(b".txt"))) == ("sha256", digest)
    assert keys.hash_of(Key(b"SHA256-s2--" + digest.encode() + b".txt")) == ("sha256", digest + ".txt")


@pytest.mark.parametrize(
    "key", [b"WORM-s2-m1--x", b"XXH3E-s2--2a", b"SHA256E-s9-S4-C1--x", b"URL--x", b"E--x"]
)
def test_what_python_cannot_verify_has_no_hash(key: bytes) -> None:
    assert keys.hash_of(Key(key)) is None


@pytest.mark.parametrize(
    ("backend", "bits"),
    [("SHA3_512E", 512), ("BLAKE2B160", 160), ("BLAKE2B512E", 512), ("BLAKE2S224", 224), ("MD5", 128)],
)
def test_each_backend_has_a_hash_of_its_length(backend: str, bits: int) -> None:
    name = keys.hash_name(backend)
    assert name is not None
    hasher = keys.new_hash(name)
    hasher.update(b"x")
    assert len(hasher.hexdigest()) * 4 == bits
