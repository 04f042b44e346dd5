"""git-annex keys: their text, their file names, and where objects and logs of them lie.

The format (see `docs/` of git-annex, "key format", and "backends"): `BACKEND[-s<size>][-m<mtime>][-S<chunk
size>-C<chunk number>]--NAME`, fields in exactly that order. Names that git-annex would take but never
writes (`-s02`, a lone `-S`) are malformed here: a file that merely looks like a pointer stays a file.
"""

import hashlib
import re
from collections.abc import Callable
from typing import NamedTuple, Protocol

from instep.core.types import Key, RelPath


class Hasher(Protocol):
    """What hashlib's objects have in common."""

    def update(self, data: "bytes | memoryview", /) -> None: ...
    def hexdigest(self) -> str: ...


class MalformedKey(ValueError):
    """The text is not a git-annex key."""

    def __init__(self, text: bytes) -> None:
        super().__init__(f"{text[:200]!r} is not a git-annex key.")
        self.text = text


class KeyParts(NamedTuple):
    """A key taken apart. Sizes in bytes, mtime in whole seconds."""

    backend: str
    name: bytes
    size: int | None = None
    mtime: int | None = None
    chunk: tuple[int, int] | None = None
    """Chunk size in bytes and chunk number, of a key that is a piece of another key's content."""


_NUMBER = rb"(0|[1-9][0-9]{0,18})"
_KEY = re.compile(
    rb"([A-Za-z0-9_]+)(?:-s" + _NUMBER + rb")?(?:-m" + _NUMBER + rb")?"
    rb"(?:-S" + _NUMBER + rb"-C" + _NUMBER + rb")?--([^\n\0]+)"
)
_CHUNK = re.compile(rb"-S[0-9]+-C[0-9]+$")
_MAX_KEY_BYTES = 4096


def parse_key(text: bytes) -> KeyParts:
    """Takes a key's text apart. Raises MalformedKey."""
    found = _KEY.fullmatch(text) if len(text) <= _MAX_KEY_BYTES else None
    if found is None:
        raise MalformedKey(text)
    backend, size, mtime, chunk_size, chunk_number, name = found.groups()
    return KeyParts(
        backend.decode(),
        name,
        None if size is None else int(size),
        None if mtime is None else int(mtime),
        None if chunk_size is None else (int(chunk_size), int(chunk_number)),
    )


def format_key(parts: KeyParts) -> Key:
    """The inverse of `parse_key`."""
    text = parts.backend.encode()
    if parts.size is not None:
        text += b"-s%d" % parts.size
    if parts.mtime is not None:
        text += b"-m%d" % parts.mtime
    if parts.chunk is not None:
        text += b"-S%d-C%d" % parts.chunk
    return Key(text + b"--" + parts.name)


def checked_key(text: bytes) -> Key:
    """The text as a key, once it is known to be one. Raises MalformedKey."""
    if len(text) > _MAX_KEY_BYTES or _KEY.fullmatch(text) is None:
        raise MalformedKey(text)
    return Key(text)


def size_of(key: Key) -> int | None:
    """The content's size in bytes that the key states; None when it states none. A chunk key states the
    size of the whole, so it has none here."""
    parts = parse_key(key)
    return parts.size if parts.chunk is None else None


# --- file names and places ---------------------------------------------------------------------------


def key_file(key: Key) -> bytes:
    """The key as a file name: object directory, object, pointer text, log names, transfer files."""
    if b"/" not in key and b"%" not in key and b"&" not in key and b":" not in key:
        return key
    return key.replace(b"&", b"&a").replace(b"%", b"&s").replace(b":", b"&c").replace(b"/", b"%")


def file_key(name: bytes) -> Key:
    """The inverse of `key_file`. Raises MalformedKey."""
    text = name.replace(b"%", b"/").replace(b"&c", b":").replace(b"&s", b"%").replace(b"&a", b"&")
    return checked_key(text)


_MIXED_ALPHABET = b"0123456789zqjxkmvwgpfZQJXKMVWGPF"


def _without_chunk(key: Key) -> bytes:
    """Chunks lie beside the key that they are a piece of."""
    fields, dashes, name = key.partition(b"--")
    return _CHUNK.sub(b"", fields) + dashes + name


def _md5(key: Key) -> bytes:
    return hashlib.md5(_without_chunk(key), usedforsecurity=False).digest()


def hash_lower(key: Key) -> bytes:
    """The hash directory of bare repositories and of the git-annex branch: `424/b65/`."""
    digest = _md5(key)[:3].hex().encode()
    return digest[:3] + b"/" + digest[3:] + b"/"


def hash_mixed(key: Key) -> bytes:
    """The hash directory of repositories with a work tree: `x2/Kf/`."""
    word = int.from_bytes(_md5(key)[:4], "little")
    c = [_MIXED_ALPHABET[(word >> shift) & 31] for shift in (0, 6, 12, 18)]
    return b"%c%c/%c%c/" % (c[1], c[0], c[3], c[2])


def object_path(key: Key, bare: bool) -> bytes:
    """Where the content lies, from the git directory."""
    name = key_file(key)
    return b"annex/objects/" + (hash_lower(key) if bare else hash_mixed(key)) + name + b"/" + name


def log_path(key: Key) -> RelPath:
    """The location log's path in the git-annex branch."""
    return RelPath(hash_lower(key) + key_file(key) + b".log")


# --- making and verifying keys -----------------------------------------------------------------------

_HASHES: dict[str, Callable[[], Hasher]] = {  # by git-annex's backend name
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
    "SHA224": hashlib.sha224,
    "SHA384": hashlib.sha384,
    "SHA3_256": hashlib.sha3_256,
    "SHA3_512": hashlib.sha3_512,
    "SHA3_224": hashlib.sha3_224,
    "SHA3_384": hashlib.sha3_384,
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "MD5": lambda: hashlib.md5(usedforsecurity=False),
    **{
        f"BLAKE2B{bits}": lambda size=bits // 8: hashlib.blake2b(digest_size=size)
        for bits in (160, 224, 256, 384, 512)
    },
    **{
        f"BLAKE2S{bits}": lambda size=bits // 8: hashlib.blake2s(digest_size=size) for bits in (160, 224, 256)
    },
}
DEFAULT_BACKEND = "SHA256E"


_HASH_NAMES = {backend: backend.lower().replace("2b512", "2b").replace("2s256", "2s") for backend in _HASHES}
_BY_NAME = {name: _HASHES[backend] for backend, name in _HASH_NAMES.items()}


def hash_name(backend: str) -> str | None:
    """The hash of a backend (`sha256` for `SHA256` and `SHA256E`), by hashlib's name where it has one; None
    when Python's hashlib can't make it (`WORM`, `URL`, `XXH3E`, `BLAKE3_256`, …)."""
    return _HASH_NAMES.get(backend.removesuffix("E"))


def new_hash(name: str) -> Hasher:
    """A fresh hash by the name that `hash_name` and `hash_of` give."""
    return _BY_NAME[name]()


def hash_of(key: Key) -> tuple[str, str] | None:
    """What a content of this key must hash to: the hash's name (for `new_hash`) and the hex digest. None
    when this can't be said natively: another backend, or a chunk, whose key names the whole's hash."""
    parts = parse_key(key)
    name = hash_name(parts.backend)
    if name is None or parts.chunk is not None:
        return None
    digest = parts.name.partition(b".")[0] if parts.backend.endswith("E") else parts.name
    return name, digest.decode(errors="replace")


def extension(path: bytes, max_length: int = 4, max_count: int = 2) -> bytes:
    """What an `E` backend keeps of a file's name, dots included: `a.tar.gz` gives `.tar.gz`.

    `max_length` in bytes is `annex.maxextensionlength`, `max_count` is `annex.maxextensions`. The walk goes
    from the last part to the first and ends at one that is too long; a part with a byte that is neither
    ASCII letter or digit nor above 127 is passed over; an empty part uses up a place but adds nothing.
    """
    kept: list[bytes] = []
    for part in reversed(path.rpartition(b"/")[2].lstrip(b".").split(b".")[1:]):
        if len(part) > max_length:
            break
        if all(byte > 127 or chr(byte).isalnum() for byte in part):
            kept.append(part)
    return b"".join(b"." + part for part in reversed(kept[: max(max_count, 0)]) if part)


def make_key(
    backend: str, size: int, hexdigest: str, path: bytes = b"", *, max_length: int = 4, max_count: int = 2
) -> Key:
    """The key of a content with this size in bytes and digest, found at this path."""
    kept = extension(path, max_length, max_count) if backend.endswith("E") else b""
    return Key(b"%s-s%d--%s%s" % (backend.encode(), size, hexdigest.encode(), kept))
