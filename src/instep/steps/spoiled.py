"""Content that went bad on this disk: proven, taken out of the annex by git-annex itself, and had again.

Nobody reads everything all the time. It is found where somebody meets it: a peer that got it and asks again,
a file that is copied from it, a person's `git annex fsck`. What is bad moves to `.git/annex/bad`, and the
location log says that it is not here, both done by git-annex (I11, I12). Then the content comes again, from a
file of the work tree that still holds it, or from whoever has it.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import anyio.to_thread

from instep.annex.errors import AnnexError
from instep.annex.incoming import IncomingContent, TakenInElsewhere
from instep.annex.setup import run_annex
from instep.core.keys import checked_key, file_key, size_of
from instep.core.status import shown
from instep.core.tree import walk
from instep.core.types import Key, RelPath
from instep.steps.mailbox import Mailbox
from instep.steps.state import FolderState

NOTE = b"/restored"
"""Which of the bad ones were had again, `CTIME_NS FILE` a line: one that a person drops later stays away."""
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_CODE = "content-spoiled"


class SpoiledStep:
    """Finds what is bad and has it again. `want` asks the peers; `landed` hears of what a file still held."""

    def __init__(
        self,
        state: FolderState,
        want: Callable[[Mapping[Key, Iterable[RelPath]]], None],
        landed: Callable[[Key, set[RelPath]], None],
    ) -> None:
        self._state = state
        self._want = want
        self._landed = landed
        self._annex = state.repo.common_dir + b"/annex"
        self._note = state.repo.private + NOTE
        self._said: dict[Key, RelPath] = {}
        self.mailbox: Mailbox[set[Key]] = Mailbox(set[Key])

    def suspect(self, key: Key) -> None:
        """Somebody found this content wrong."""
        self.mailbox.content.add(key)
        self.mailbox.ring()

    def look(self) -> None:
        """git-annex, or a person, may have found something bad."""
        self.mailbox.ring()

    def came(self, key: Key) -> None:
        """It is here again, if it was that."""
        if (path := self._said.pop(key, None)) is not None:
            self._state.board.clear_condition(_CODE, shown(path))
            self.mailbox.ring()

    async def run(self) -> None:
        """Work until cancelled."""
        self.look()
        while True:
            suspects = await self.mailbox.take()
            for key in suspects:
                await anyio.to_thread.run_sync(self._take_out, key)
            for key, paths in (await anyio.to_thread.run_sync(self._lacking)).items():
                await self._have_again(key, paths)

    def _take_out(self, key: Key) -> None:
        """Has git-annex move it away and record that, if it is bad indeed."""
        path = self._state.store.find(key)
        if path is None or self._state.store.verify(key, path) is not False:
            return
        try:
            run_annex(self._state.repo, "fsck", "--quiet", b"--key=" + key)
        except AnnexError:  # so it ends when it found something
            if self._state.store.has(key):
                raise

    def _lacking(self) -> dict[Key, list[RelPath]]:
        """What was found bad, is not here again, and has a name in the branch; by key, the names."""
        bad = self._bad()
        if not bad:
            return {}
        done = self._restored()
        here = {line for line, key in bad.items() if self._state.store.has(key)}
        if here - done:
            self._write_restored(here | (done & bad.keys()))
        lacking = {key: list[RelPath]() for line, key in bad.items() if line not in here | done}
        for path, entry in walk(self._state.tree, self._state.repo.objects.tree) if lacking else ():
            key = self._state.key_of(entry)
            if key is not None and key in lacking:
                lacking[key].append(path)
        return {key: paths for key, paths in lacking.items() if paths}

    def _bad(self) -> dict[bytes, Key]:
        """What git-annex keeps as bad, by the lines that the note has of them."""
        found: dict[bytes, Key] = {}
        with suppress(FileNotFoundError), os.scandir(self._annex + b"/bad") as entries:
            for entry in entries:
                with suppress(ValueError, FileNotFoundError):
                    changed_ns = entry.stat(follow_symlinks=False).st_ctime_ns
                    found[b"%d %b" % (changed_ns, entry.name)] = checked_key(file_key(entry.name))
        return found

    def _restored(self) -> set[bytes]:
        with suppress(FileNotFoundError), open(self._note, "rb") as file:
            return set(file.read().split(b"\n"))
        return set()

    def _write_restored(self, lines: Iterable[bytes]) -> None:
        aside = self._note + b".new"
        with open(aside, "wb") as file:
            file.write(b"\n".join(sorted(lines)))
        os.rename(aside, self._note)

    async def _have_again(self, key: Key, paths: list[RelPath]) -> None:
        for path in paths:
            if await anyio.to_thread.run_sync(self._from_file, key, path):
                self._state.board.log("mended", f"The content of {shown(path)} was damaged; the file had it")
                self._landed(key, set(paths))
                self.look()
                return
        self._said.setdefault(key, paths[0])
        self._state.board.raise_condition(_CODE, shown(self._said[key]), shown(key))
        self._want({key: paths})

    def _from_file(self, key: Key, path: RelPath) -> bool:
        """Takes it from a file of the work tree, if that holds it."""
        try:
            fd = os.open(os.path.join(self._state.work_tree.root, path), _READ)
        except OSError:
            return False
        try:
            if os.fstat(fd).st_size != size_of(key):
                return False
            incoming = IncomingContent(self._annex, key)
            try:
                incoming.resume()
                incoming.copy_rest(fd)
                return incoming.finish() and self._state.store.put_file(key, incoming.path)
            finally:
                incoming.close()
        except TakenInElsewhere:
            return False
        finally:
            os.close(fd)
