"""Large files that are being read into the annex, by path: the list that the looks and `adding` share."""

from collections.abc import Iterable

from instep.annex.store import StagedContent
from instep.core.types import RelPath
from instep.fs.durable import Batch
from instep.fs.identity import Identity
from instep.fs.read import StillOpen


class Addition:
    """One large file: being read, or read, or what kept it from being read."""

    def __init__(self, identity: Identity, insist: bool) -> None:
        self.identity = identity
        """Of the file that was asked for."""
        self.insist = insist
        """Whether it is taken as it is, though it may be changing. # I9"""
        self.content: StagedContent | None = None
        self.batch: Batch | None = None
        self.error: Exception | None = None

    @property
    def is_over(self) -> bool:
        return self.content is not None or self.error is not None

    def close(self) -> None:
        """Removes what was not put in place. Blocking, short."""
        if self.batch is not None:
            self.batch.close()


class Additions:
    """What is being added. `content` is called in the writer's thread, the rest in the event loop."""

    def __init__(self) -> None:
        self.enabled = False
        """Whether somebody carries them out: else a look reads large files itself."""
        self._all: dict[RelPath, Addition] = {}

    @property
    def busy(self) -> bool:
        return bool(self._all)

    def content(self, path: RelPath, identity: Identity) -> StagedContent | None:
        """The content of the file that is there now, staged and durable; None: it is still to be read. Raises
        what kept it from being read."""
        addition = self._all.get(path)
        if addition is None or not addition.is_over or isinstance(addition.error, StillOpen):
            return None
        if addition.identity != identity and not (addition.insist and addition.content is not None):
            return None
        if addition.error is not None:
            raise addition.error
        return addition.content

    def put(self, path: RelPath, identity: Identity, *, insist: bool = False) -> Addition | None:
        """It is to be read; None if that is under way, for this file or for the one that it was."""
        old = self._all.get(path)
        if old is not None:
            return None
        addition = self._all[path] = Addition(identity, insist)
        return addition

    def reset(self) -> None:
        """Forget everything: the paths are looked at again."""
        for addition in self._all.values():
            addition.close()
        self._all.clear()

    def settle(self, paths: Iterable[RelPath]) -> None:
        """These were looked at: what was read for them is in place, or of no use. Short."""
        for path in paths:
            addition = self._all.get(path)
            if addition is not None and addition.is_over:
                del self._all[path]
                addition.close()
