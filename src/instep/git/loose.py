"""Loose objects: one zlib-packed file each, `objects/xx/yyyy…`, as gitformat-loose describes them."""

import contextlib
import os
import threading
import zlib
from collections.abc import Iterable

from instep.core.types import Object, Oid
from instep.fs.crash import Point, passed
from instep.fs.durable import Batch, Staged
from instep.git.deflate import deflated
from instep.git.sharing import Sharing

_HEAD_BYTES = 64  # more than kind and size take, packed or not


class BrokenObject(Exception):
    """A loose file that is no object. git may still have a good copy in a pack."""


class LooseObjects:
    """The loose objects of one store. Safe to use from several threads."""

    def __init__(self, objects_dir: bytes, sharing: Sharing) -> None:
        self._directory = objects_dir
        self._sharing = sharing
        self._fans: set[bytes] = set()
        self._lock = threading.Lock()

    def path(self, oid: Oid) -> bytes:
        name = oid.hex().encode()
        return b"%b/%b/%b" % (self._directory, name[:2], name[2:])

    def has(self, oid: Oid) -> bool:
        return os.access(self.path(oid), os.F_OK)

    def read(self, oid: Oid) -> Object | None:
        """The object, or None if no loose file holds it. Raises BrokenObject."""
        try:
            with open(self.path(oid), "rb", buffering=0) as file:
                packed = file.read()
        except FileNotFoundError:
            return None
        try:
            head, nul, data = zlib.decompress(packed).partition(b"\0")
            kind, _, size = head.partition(b" ")
            if not nul or int(size) != len(data):
                raise BrokenObject(oid.hex())
        except (zlib.error, ValueError) as error:
            raise BrokenObject(oid.hex()) from error
        return Object(kind, data)

    def head(self, oid: Oid) -> tuple[bytes, int] | None:
        """Kind and size, or None if no loose file holds the object. Raises BrokenObject."""
        try:
            with open(self.path(oid), "rb", buffering=0) as file:
                packed = file.read(_HEAD_BYTES)
        except FileNotFoundError:
            return None
        try:
            kind, size = zlib.decompressobj().decompress(packed, _HEAD_BYTES).partition(b"\0")[0].split(b" ")
            return kind, int(size)
        except (zlib.error, ValueError) as error:
            raise BrokenObject(oid.hex()) from error

    def stage(self, objects: Iterable[tuple[Oid, Object]], batch: Batch) -> list[tuple[Staged, bytes]]:
        """Writes the objects aside; gives what has to be placed where once the batch is synced."""
        staged: list[tuple[Staged, bytes]] = []
        for oid, (kind, data) in objects:
            content = deflated(b"%b %d\0%b" % (kind, len(data), data))
            staged.append((self._sharing.stage_object(content, batch), self.path(oid)))
        return staged

    def place(self, staged: Iterable[tuple[Staged, bytes]]) -> None:
        """Renames synced files to their names; one that is there already holds the same, and goes."""
        for file, target in staged:
            fan = os.path.dirname(target)
            self._make_fan(fan)
            try:
                file.place(target)
            except FileNotFoundError:  # `git gc` removes empty directories
                self._make_fan(fan, known=False)
                file.place(target)
            passed(Point.LOOSE_PLACED)

    def _make_fan(self, fan: bytes, *, known: bool = True) -> None:
        with self._lock:
            if known and fan in self._fans:
                return
            with contextlib.suppress(FileExistsError):
                os.mkdir(fan)
                if self._sharing.is_shared:
                    os.chmod(fan, self._sharing.directory_mode())
            self._fans.add(fan)
