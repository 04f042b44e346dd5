"""The object store: reading natively what is loose or recent, through git what is packed; writing natively.

Written objects are durable before anybody can name them (I10). An object that this process wrote lately,
and whose file is still there, is not written again; any other one is, even if it exists: who wrote it may
not have synced it, and a rewritten file is young, which keeps `git prune` away from it until a ref names
it.
"""

import contextlib
import os
from collections.abc import Generator, Iterable
from typing import IO, NamedTuple

from instep.core.commit import Commit
from instep.core.tree import parse_tree
from instep.core.types import Object, ObjectFormat, Objects, Oid, Tree
from instep.fs.crash import Point, passed
from instep.fs.durable import Batch, Staged
from instep.git.cache import Cache
from instep.git.errors import GitError, MissingObject, WrongKind, sentence
from instep.git.kept_packs import KeptPacks
from instep.git.loose import BrokenObject, LooseObjects
from instep.git.pack_writer import make_packs
from instep.git.process import Git, Pipe, PipeBroken
from instep.git.sharing import Sharing

MOST_LOOSE = 40
"""More new objects than this at once go into one pack."""

_RECENT_BYTES = 16 << 20
_TREE_BYTES = 4 << 20
_COMMITS = 4096
_WRITTEN = 1 << 16


class Pending:
    """Objects that are staged; `place` after the batch was synced makes them part of the store."""

    def __init__(self, store: "ObjectStore", objects: Objects, batch: Batch) -> None:
        self._store = store
        self._objects = objects
        self._batch = batch
        self.loose: list[tuple[Staged, bytes]] = []
        self.packs: list[tuple[Staged, bytes]] = []

    def place(self) -> None:
        """Renames the files into place: of a pack the index last, because that is what git looks for.

        When this returns, a ref that names the objects may be written.  # I10
        """
        self._store.loose.place(self.loose)
        for _, target in self.packs:
            if target.endswith(b".pack"):
                self._store.kept.hold(os.path.basename(target).removesuffix(b".pack"))
        for staged, target in self.packs:
            staged.place(target)
            passed(Point.PACK_PLACED)
        if not self._batch.ordered:
            self._batch.sync_names()
        passed(Point.OBJECTS_PLACED)
        self._store.written(self._objects)


class Header(NamedTuple):
    """What git says of an object without its content."""

    oid: Oid
    kind: bytes
    size: int


class ObjectStore:
    """One repository's objects. Safe to use from several threads."""

    def __init__(
        self, git: Git, objects_dir: bytes, staging_dir: bytes, fmt: ObjectFormat, sharing: Sharing
    ) -> None:
        self.format = fmt
        self.loose = LooseObjects(objects_dir, sharing)
        self._packs_dir = objects_dir + b"/pack"
        self.kept = KeptPacks(self._packs_dir)
        self._staging_dir = staging_dir
        self._sharing = sharing
        self._cat_file = Pipe(git, "cat-file", "--batch-command")
        self._recent: Cache[Oid, Object] = Cache(_RECENT_BYTES, lambda item: len(item.data) + 200)
        self._trees: Cache[Oid, Tree] = Cache(_TREE_BYTES, lambda tree: 40 * len(tree) + 40)
        self._commits: Cache[Oid, Commit] = Cache(_COMMITS, lambda _: 1)
        self._written: Cache[Oid, bool] = Cache(_WRITTEN, lambda _: 1)

    def read(self, oid: Oid) -> Object:
        """The object. Raises MissingObject; GitError if it is there but broken."""
        if (item := self._recent.get(oid)) is not None:
            return item
        with contextlib.suppress(BrokenObject):  # git may know a good copy, and says what is wrong if not
            if (item := self.loose.read(oid)) is not None:
                return item
        found = self._ask(b"contents " + oid.hex().encode())
        if found is None:
            if oid == self.format.empty_tree:
                return Object(b"tree", b"")
            raise MissingObject(oid)
        header, data = found
        return Object(header.kind, data)

    def tree(self, oid: Oid) -> Tree:
        """A directory: name to entry. The mapping is shared: don't change it.

        Raises MissingObject, MalformedTree; GitError if the object is something else.
        """
        if (tree := self._trees.get(oid)) is None:
            tree = parse_tree(self._read_kind(oid, b"tree"), self.format.oid_bytes)
            self._trees.put(oid, tree)
        return tree

    def commit(self, oid: Oid) -> Commit:
        """A commit. Raises MissingObject, MalformedCommit; GitError if the object is something else."""
        if (commit := self._commits.get(oid)) is None:
            commit = Commit.parse(self._read_kind(oid, b"commit"), self.format.oid_bytes)
            self._commits.put(oid, commit)
        return commit

    def small(self, oid: Oid, most_bytes: int) -> bytes | None:
        """A blob's content if it is at most `most_bytes`, else None; a large one is not read for that.

        Raises MissingObject; GitError if the object is something else.
        """
        if (item := self._recent.get(oid)) is None:
            if self._size(oid) > most_bytes:
                return None
            item = self.read(oid)
            self.remember({oid: item})
        if item.kind != b"blob":
            raise WrongKind(f"The object {oid.hex()} is a {item.kind.decode()}, not a blob.")
        return item.data if len(item.data) <= most_bytes else None

    def has(self, oid: Oid) -> bool:
        """Whether the object is in the store: loose, in a pack, or in a store that this one borrows from."""
        return self.loose.has(oid) or self._ask(b"info " + oid.hex().encode()) is not None

    def header(self, expression: str | Oid) -> Header | None:
        """Kind and size of an object, or of what git understands as one; None if there is no such thing."""
        text = (
            expression.encode("utf-8", "surrogateescape")
            if isinstance(expression, str)
            else expression.hex().encode()
        )
        if not text or b"\n" in text or b"\0" in text:
            return None
        found = self._ask(b"info " + text)
        return found[0] if found else None

    def resolve(self, expression: str) -> Oid | None:
        """The object that a revision expression names (`HEAD^{tree}`); None if it names none."""
        header = self.header(expression)
        return header.oid if header else None

    def write(self, objects: Objects, batch: Batch | None = None) -> None:
        """Makes the objects durable parts of the store.  # I10

        Everything else that was written to `batch` is synced by the way, but not placed.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.writing(objects))
            if batch is None:
                batch = Batch(self._staging_dir)
                stack.callback(batch.close)
            pending = self.stage(objects, batch)
            batch.sync()
            pending.place()

    def stage(self, objects: Objects, batch: Batch) -> Pending:
        """Writes the objects aside. The caller calls `batch.sync()`, then `place()` on what this gives.

        They can be read from now on by this process, and only by it.
        """
        self.remember(objects)
        fresh = [
            (oid, item)
            for oid, item in objects.items()
            if oid not in self._written or not self.loose.has(oid)
        ]
        pending = Pending(self, objects, batch)
        if len(fresh) <= MOST_LOOSE:
            pending.loose = self.loose.stage(fresh, batch)
            return pending
        for pack in make_packs(fresh, self.format):
            target = b"%b/%b" % (self._packs_dir, pack.name)
            for data, ending in ((pack.data, b".pack"), (pack.index_data, b".idx")):
                pending.packs.append((self._sharing.stage_object(data, batch), target + ending))
        return pending

    def remember(self, objects: Objects) -> None:
        """Keeps objects at hand that are not (yet) in the store, or will be read again soon (16 MiB)."""
        for oid, item in objects.items():
            self._recent.put(oid, item)

    @contextlib.contextmanager
    def writing(self, objects: Objects) -> Generator[None]:
        """While these objects (more may be added in the block) are on their way into the store. If they don't
        get there, they are forgotten: nobody may build on what is in memory only.  # I10
        """
        try:
            yield
        except BaseException:
            self.forget(objects)
            raise

    def forget(self, oids: Iterable[Oid]) -> None:
        """Undoes `remember`: what is not in the store can't be read any more."""
        for oid in oids:
            for cache in (self._recent, self._trees, self._commits):
                cache.discard(oid)

    def written(self, oids: Iterable[Oid]) -> None:
        """Notes that these are durably in the store (for `Pending`)."""
        for oid in oids:
            self._written.put(oid, True)

    def idle(self) -> None:
        """Ends the lasting git process; it starts again when needed."""
        self._cat_file.close()

    def _size(self, oid: Oid) -> int:
        with contextlib.suppress(BrokenObject):
            if (found := self.loose.head(oid)) is not None:
                return found[1]
        if (header := self.header(oid)) is None:
            raise MissingObject(oid)
        return header.size

    def _read_kind(self, oid: Oid, kind: bytes) -> bytes:
        item = self.read(oid)
        if item.kind != kind:
            raise WrongKind(f"The object {oid.hex()} is a {item.kind.decode()}, not a {kind.decode()}.")
        return item.data

    def _ask(self, request: bytes) -> tuple[Header, bytes] | None:
        with_content = request.startswith(b"contents ")
        try:
            return self._cat_file.ask(request + b"\n", lambda stream: _answer(stream, with_content))
        except PipeBroken as broken:
            text = sentence(broken.stderr, "git cat-file ended without a word")
            raise GitError(text, "git fsck says more.", status=broken.status) from None


def _answer(stream: IO[bytes], with_content: bool) -> tuple[Header, bytes] | None:
    """Reads `OID KIND SIZE`, with content and a newline if asked; `… missing` or `… ambiguous` is None."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    words = line.split()
    if len(words) != 3 or not words[2].isdigit():
        return None
    header = Header(Oid(bytes.fromhex(words[0].decode())), words[1], int(words[2]))
    data = b""
    if with_content:
        data = stream.read(header.size)
        if len(data) != header.size or stream.read(1) != b"\n":
            raise EOFError
    return header, data
