"""Merging two edits of one text by line, with git's own `merge-file`; only clean results count.

The result is a function of the three contents alone (I14): the sides are put in the order of their ids, so
it is the same whoever merges, and there are never labels or markers in it.
"""

import contextlib
import os
import tempfile
from collections import OrderedDict

from instep.core.types import Object, Oid
from instep.git.errors import GitError
from instep.git.repository import Repository

REMEMBERED = 4096
"""Merges whose result is known. Two sides that go on while they merge have the older merges of each other's
commits behind every new one, and all but the newest were made before."""
MOST_BYTES = 4 << 20
"""Larger files are not compared by line: what takes minutes is no help to anybody."""

_LOOKED_AT = 8000  # where git looks for a NUL to tell binary from text


class TextMerger:
    """`merger(base, ours, theirs)`: the blob that holds both edits, or None if they can't be merged by line.

    New blobs are collected in `objects`; the caller writes them with the trees that name them. They can be
    read through the repository's object store at once. Without a base nothing can be merged. Raises
    MissingObject.
    """

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._made: OrderedDict[tuple[Oid, Oid, Oid], Oid | None] = OrderedDict()

    def __call__(self, base: Oid | None, ours: Oid, theirs: Oid) -> Oid | None:
        if base is None:
            return None
        if theirs in (ours, base):
            return ours
        if ours == base:
            return theirs
        first, second = sorted((ours, theirs))
        asked = (first, second, base)
        known = self._made.get(asked)
        if asked not in self._made or (known is not None and not self._repo.objects.has(known)):
            known = self._merge_blobs(first, second, base)
            self._made[asked] = known
        self._made.move_to_end(asked)
        if len(self._made) > REMEMBERED:
            self._made.popitem(last=False)
        return known

    def _merge_blobs(self, first: Oid, second: Oid, base: Oid) -> Oid | None:
        texts = [self._text(oid) for oid in (first, base, second)]
        merged = self._merge([text for text in texts if text is not None]) if None not in texts else None
        if merged is None:
            return None
        oid = self._repo.format.hash(b"blob", merged)
        self._repo.objects.write({oid: Object(b"blob", merged)})
        return oid

    def _text(self, oid: Oid) -> bytes | None:
        data = self._repo.objects.read(oid).data
        return None if len(data) > MOST_BYTES or b"\0" in data[:_LOOKED_AT] else data

    def _merge(self, texts: list[bytes]) -> bytes | None:
        """Both edits of the middle text, or None where they meet."""
        with contextlib.ExitStack() as stack:
            names: list[str] = []
            for text in texts:
                file = stack.enter_context(tempfile.NamedTemporaryFile(dir=os.fsdecode(self._repo.private)))
                file.write(text)
                file.flush()
                names.append(file.name)
            done = self._repo.git.result("merge-file", "-p", "-q", *names)
        if done.returncode < 0 or done.returncode == 128:
            raise GitError("git merge-file failed.", status=done.returncode)
        return done.stdout if done.returncode == 0 else None


def text_merger(repo: Repository) -> TextMerger:
    """A merger for `core.merge`."""
    return TextMerger(repo)
