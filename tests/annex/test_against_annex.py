"""What core/ knows of git-annex's formats, held against git-annex itself."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from instep.annex.launcher import find_launcher
from instep.core import keys, matching
from instep.core.keys import KeyParts
from instep.core.matching import MalformedExpression
from instep.core.pointers import key_of_pointer, link_target, pointer
from instep.core.types import Key, RelPath
from tests.conftest import GitRunner, run_git

SOAK = bool(os.environ.get("INSTEP_SOAK"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("oracle")
    run_git(folder, "init", "-q")
    run_git(folder, "annex", "init", "-q")
    return folder


def ask(folder: Path, *args: str, items: Iterable[bytes] = ()) -> list[bytes]:
    """The lines that a batch command answers."""
    lines = b"".join(item + b"\n" for item in items)
    return find_launcher().run(os.fsencode(folder), *args, input=lines).split(b"\n")[:-1]


_NAME_PARTS = [
    "a",
    "B",
    "7",
    ".",
    ".",
    ".",
    "_",
    "é",
    "日",
    " x",
    "-",
    "txt",
    "gz",
    "jpeg",
    "%",
    "&",
    "+",
    "~",
]
_names = st.lists(st.sampled_from(_NAME_PARTS), min_size=1, max_size=9).map("".join)


@settings(max_examples=50 if SOAK else 4)
@given(st.sets(_names.filter(lambda name: name not in (".", "..")), min_size=50, max_size=200))
def test_extensions(folder: Path, names: set[str]) -> None:
    for name in names:
        (folder / name).write_bytes(b"hi")
    digest = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"
    encoded = [name.encode() for name in sorted(names)]
    expected = [keys.make_key("SHA256E", 2, digest, name) for name in encoded]
    assert ask(folder, "calckey", "--backend=SHA256E", "--batch", items=encoded) == expected


@pytest.mark.parametrize(
    ("setting", "value"), [("annex.maxextensions", "1"), ("annex.maxextensionlength", "7")]
)
def test_settings_of_extensions(folder: Path, setting: str, value: str) -> None:
    length, count = (4, 1) if setting.endswith("s") else (7, 2)
    names = [b"a.tar.gz", b"a.jpegxyz.gz", b"a.gz.longlong", b"a.b.c.d"]
    for name in names:
        (folder / name.decode()).write_bytes(b"hi")
    changed = f"{setting}={value}"
    found = ask(folder, "calckey", "-c", changed, "--backend=SHA256E", "--batch", items=names)
    kept = [keys.extension(name, max_length=length, max_count=count) for name in names]
    assert [key.partition(b"b59b2dc327aa4")[2] for key in found] == kept


_BACKENDS = [
    "SHA256",
    "SHA512E",
    "SHA384",
    "SHA224",
    "SHA1E",
    "MD5",
    "SHA3_224",
    "SHA3_256",
    "SHA3_384E",
    "SHA3_512",
    "BLAKE2B160",
    "BLAKE2B224",
    "BLAKE2B256E",
    "BLAKE2B384",
    "BLAKE2B512",
    "BLAKE2S160",
    "BLAKE2S224",
    "BLAKE2S256",
]


def test_backends(folder: Path) -> None:
    (folder / "f.txt").write_bytes(b"content")
    for backend in _BACKENDS:
        name = keys.hash_name(backend)
        assert name is not None
        digest = keys.new_hash(name)
        digest.update(b"content")
        key = keys.make_key(backend, 7, digest.hexdigest(), b"f.txt")
        assert ask(folder, "calckey", f"--backend={backend}", "f.txt") == [key]
        assert keys.hash_of(key) == (name, digest.hexdigest())


_key_names = st.text("abcXYZ019./%&:-_é", min_size=1, max_size=30).map(str.encode)
_keys = st.builds(
    KeyParts,
    st.sampled_from(["SHA256E", "WORM", "VURL", "XXH3E"]),
    _key_names,
    st.none() | st.integers(0, 2**50),
    st.none() | st.integers(0, 2**33),
    st.none() | st.tuples(st.integers(1, 2**30), st.integers(1, 99)),
).map(keys.format_key)


@settings(max_examples=50 if SOAK else 3)
@given(st.lists(_keys, min_size=80, max_size=200))
def test_places_and_pointers_of_keys(folder: Path, some: list[Key]) -> None:
    form = "${hashdirmixed} ${hashdirlower} ${objectpath} ${objectpointer}"
    told = ask(folder, "examinekey", "--batch", f"--format={form}", items=some)
    for key, line in zip(some, told, strict=True):
        parts = (
            keys.hash_mixed(key),
            keys.hash_lower(key),
            link_target(key, RelPath(b"a")),
            pointer(key)[:-1],
        )
        assert line == b" ".join(parts)


_LINES = [
    b"/annex/objects/K",
    b".git/annex/objects/xx/yy/K",
    b"annex/objects/K",
    b"/annex/other",
    b"",
    b"text",
]
_pointers = st.lists(
    st.tuples(st.sampled_from(_LINES), st.sampled_from([b"\n", b"\n", b"\r\n", b"", b" x\n"])), max_size=3
).map(lambda lines: b"".join(line + end for line, end in lines))


@settings(max_examples=300 if SOAK else 8)
@given(st.lists(_pointers, min_size=5, max_size=10))
def test_what_is_a_pointer(folder: Path, git: GitRunner, blobs: list[bytes]) -> None:
    key = b"SHA256E-s2--8f43.txt"
    datas = [blob.replace(b"K", key) for blob in blobs]
    oids = [git(folder, "hash-object", "-w", "--stdin", input=data).strip() for data in datas]
    told = ask(folder, "lookupkey", "--ref", "--batch", items=oids)
    for data, answer in zip(datas, told, strict=True):
        ours = key_of_pointer(data)
        if ours is not None or data.count(b"\n") < 2:  # this command does not mind what comes after
            assert answer == (ours or b""), data


_SEVERAL_LINES = [b"%s/annex/more\n", b"%s/annex/unfinished", b"%s\n", b"%sappended\n", b"%s%s", b"first\n%s"]


@pytest.mark.parametrize("form", _SEVERAL_LINES)
def test_pointers_of_several_lines(folder: Path, form: bytes) -> None:
    data = form.replace(b"%s", pointer(Key(b"SHA256E-s2--8f43.txt")))
    (folder / "several").write_bytes(data)
    config = ("-c", "annex.largefiles=anything")
    cleaned = find_launcher().run(
        os.fsencode(folder), "smudge", *config, "--clean", "--", "several", input=data
    )
    passed_on = cleaned == data or cleaned == pointer(Key(b"SHA256E-s2--8f43.txt"))
    assert passed_on == (key_of_pointer(data) is not None)


_TERMS = [
    "anything",
    "nothing",
    "include=*",
    "include=*.txt",
    "include=d/*",
    "exclude=*/*",
    "include=?",
    "include=[a-c]*",
    "include=*[!x].*",
    "include=**/a*",
    "include=a?b",
    "largerthan=1k",
    "smallerthan=1kb",
    "largerthan=0.5KiB",
    "smallerthan=2.5",
    "largerthan=-1",
    "include=a\\b",
    "include=[^ab]",
    "include=a]",
]
_expressions = st.recursive(
    st.sampled_from(_TERMS),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" and ", " or ", " "]), inner).map("".join),
        inner.map("not {}".format),
        inner.map("({})".format),
        inner.map("not ({})".format),
    ),
    max_leaves=8,
)
_paths = st.sampled_from(["a", "a.txt", "d/a.txt", "d/e/b", "a/b", "x.c", "é.txt", ".a", "a\\b", "a]", "aéb"])
_sizes = st.sampled_from([0, 1, 2, 3, 511, 512, 513, 999, 1000, 1001])


@settings(max_examples=3000 if SOAK else 40)
@given(_expressions, _paths, _sizes)
def test_expressions(folder: Path, expression: str, path: str, size: int) -> None:
    check_expression(folder, expression, path, size)


_units = st.sampled_from(["", *"kmgtpezy", "kb", "MiB", "gi", "bytes", "kilobyte", "Mebibytes", "B", "byte"])
_numbers = st.sampled_from(["0", "1", "3", "0.5", "2.5", "0.001", "1.0005", "-2"])


@settings(max_examples=1000 if SOAK else 20)
@given(st.sampled_from(["larger", "smaller"]), _numbers, _units, st.sampled_from([-1, 0, 1]))
def test_sizes(folder: Path, which: str, number: str, unit: str, nearby: int) -> None:
    expression = f"{which}than={number}{unit}"
    limit = limit_of(number, unit)
    assume(0 <= limit + nearby < 1 << 53)  # the oracle's own sizes are floating point numbers
    check_expression(folder, expression, "a", limit + nearby)


def limit_of(number: str, unit: str) -> int:
    """The size in bytes, found by asking the matcher."""
    matcher = matching.parse(f"largerthan={number}{unit}")
    low, high = -10, 1 << 90
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if matcher.matches(RelPath(b"a"), middle) else (middle + 1, high)
    return low - 1


_glob_characters = st.text("ab*?[]!^-.é\\/$|{}+", max_size=8)


@settings(max_examples=3000 if SOAK else 30)
@given(_glob_characters, st.text("ab-.é\\/$|{}+]", min_size=1, max_size=4))
def test_globs(folder: Path, glob: str, path: str) -> None:
    check_expression(folder, f"include={glob}", path, 1)


def check_expression(folder: Path, expression: str, path: str, size: int) -> None:
    """Both agree, or instep says that it does not understand."""
    try:
        ours = matching.parse(expression).matches(RelPath(path.encode()), size)
    except MalformedExpression:
        return
    launcher = find_launcher()
    command = [launcher.binary, "matchexpression", "--largefiles", f"--file={path}", f"--size={size}"]
    done = subprocess.run(
        [*command, "--", expression], cwd=folder, env=launcher.environment(), capture_output=True, check=False
    )
    assert done.returncode == (0 if ours else 1), (expression, path, size, done.stderr)
