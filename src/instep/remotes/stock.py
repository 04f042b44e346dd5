"""The port to a remote where no instep answers: a repository that only git and git-annex speak to.

A bare repository, one that stock git-annex keeps, a server. What differs between a local path and another
transport is behind this; what is pushed, merged and wanted is decided by those who use it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from instep.annex.incoming import IncomingContent
from instep.core.types import Key, Oid, RelPath, RemoteUuid
from instep.git.travel import Pushed

Progress = Callable[[int], None]
"""Told bytes done so far, often; may raise to end the transfer."""


class StockRemote(Protocol):
    """One such repository, open. Every method but `changed` and `cut` blocks, perhaps for ever (I25), and
    is called in threads; several at once. OSError and InstepError (GitError, AnnexError) where it can't be
    used now: it is opened anew later."""

    @property
    def uuid(self) -> RemoteUuid | None:
        """Its annex's id; None: it has no annex, and takes and gives no content."""
        ...

    @property
    def is_bare(self) -> bool:
        """Whether it has no work tree, so that every branch of it may be pushed to."""
        ...

    @property
    def follows(self) -> bool:
        """Whether somebody there merges at once what is pushed to `synced/BRANCH`."""
        ...

    @property
    def runs_annex(self) -> bool:
        """Whether git-annex processes write there, and nothing unites branches on a push: its `git-annex`
        branch is left to them. A journal that was begun before we moved it would be laid over it later."""
        ...

    @property
    def lacks(self) -> str:
        """The health condition that says why it takes no content; "" if it takes some."""
        ...

    def refs(self) -> dict[str, Oid]:
        """Its branches (`refs/heads/…`) and `refs/synced/…`, as they are now."""
        ...

    def fetch(self, refs: Iterable[str]) -> None:
        """Bring what these refs hold into our repository, checked and durable."""
        ...

    def push(self, moves: Mapping[str, Oid], forced: Collection[str] = ()) -> dict[str, Pushed]:
        """Move refs there, each by itself, with all that they need; durable when they have moved (I10)."""
        ...

    def has(self, key: Key) -> bool:
        """Whether it has the content. An error is never taken for "no" (I11)."""
        ...

    def get(self, incoming: IncomingContent, progress: Progress) -> bool:
        """Append the rest of a content to what is here of it. False: it is not there."""
        ...

    def put(self, key: Key, path: RelPath, source: Path, progress: Progress) -> bool:
        """Give it the content, which is the file `source` and belongs to `path` in the work tree; True once
        it is verified and durable there (I10, I11). False: the file does not hold the key's content.
        `progress` is told first how much of it was there already."""
        ...

    def rest(self) -> None:
        """There is nothing more to put for now: end what was started for it."""
        ...

    def check(self) -> None:
        """Raises RemoteGone when it is not there any more, or somebody else keeps it now."""
        ...

    async def changed(self) -> None:
        """Return when its refs may have changed since the last call. Raises RemoteGone."""
        ...

    def cut(self) -> None:
        """End what calls may hang in, after `close` or instead of it. Does not block: from the event loop."""
        ...

    def close(self) -> None:
        """Let go of it; nothing there is held open, so that it can be unmounted. Idempotent."""
        ...
