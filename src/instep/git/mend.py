"""What a power cut or a failing disk leaves of a repository's own files, mended before git is asked.

Only what can be had again without a guess: HEAD and refs from reflogs and from one another, the index from
the branch, a pack's index from the pack, the configuration from the copy that was kept when it was last good.
What is replaced is put aside, never deleted. Cheap where nothing is wrong: it is done at every start.
"""

import hashlib
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress

from instep.git.process import git_environment

ASIDE = b"/instep/broken"
"""Where in the repository the damaged files are put."""
NOTE = b"/instep/mended"
BACKUP = b"/instep/config"
_OID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_HEADER_BYTES = 12
_OWN = (b"git-annex", b"synced/", b"adjusted/", b"views/")


class Mender:
    """One repository that nobody works in now; `mended` tells in words what was done. Blocking."""

    def __init__(self, git_dir: bytes) -> None:
        self._dir = git_dir
        self.mended: list[str] = []

    def mend(self) -> list[str]:
        """Looks at everything; gives what was mended. Raises OSError."""
        self._config()
        for name in self._broken_refs():
            self._ref(name)
        self._head()
        self._lost_branch()
        for name in (b"/index", b"/annex/index"):
            self._index(name)
        self._pack_indexes()
        return self.mended

    def mend_and_note(self) -> None:
        """Does it, and writes down what was mended for the process that is about to start."""
        if self.mend():
            text = "".join(f"{line}\n" for line in self.mended).encode("utf-8", "surrogateescape")
            with open(self._dir + NOTE, "ab") as file:
                file.write(text)

    def noted(self) -> list[str]:
        """What was written down, and is not any more."""
        text = self._read(NOTE)
        if text is None:
            return []
        os.unlink(self._dir + NOTE)
        return text.decode("utf-8", "backslashreplace").splitlines()

    def set_aside(self, name: bytes, why: str) -> bytes:
        """Takes a damaged file out of the way; gives where it is. `name` begins with a slash, below the
        repository."""
        os.makedirs(self._dir + ASIDE, mode=0o700, exist_ok=True)
        target = b"%b%b/%d-%b" % (self._dir, ASIDE, time.time_ns(), name[1:].replace(b"/", b"~"))
        os.rename(self._dir + name, target)
        self.mended.append(f"{os.fsdecode(name[1:])} {why}; what it was is kept in {os.fsdecode(target)}")
        return target

    # -- configuration --------------------------------------------------------------------------------

    def _config(self) -> None:
        kept = self._read(BACKUP)
        if kept is None or self._is_good_config():
            return
        if self._read(b"/config") is not None:
            self.set_aside(b"/config", "was damaged, and is as it last was")
        self._write(b"/config", kept)

    def _is_good_config(self) -> bool:
        """Whether git can read it, and it is one of a git-annex repository still."""
        text = self._read(b"/config")
        if text is None or b"uuid" not in text:
            return False
        path = self._dir + b"/config"
        command = [b"git", b"config", b"--file", path, b"--get", b"annex.uuid"]
        return (
            subprocess.run(command, capture_output=True, check=False, env=git_environment()).returncode == 0
        )

    # -- refs -----------------------------------------------------------------------------------------

    def _broken_refs(self) -> Iterator[bytes]:
        """Branches whose file holds no object id."""
        for top, _, names in os.walk(self._dir + b"/refs/heads"):
            for name in names:
                path = os.path.join(top, name)[len(self._dir) :]
                text = (self._read(path) or b"").strip()
                if not name.endswith(b".lock") and not _OID.fullmatch(text) and not text.startswith(b"ref:"):
                    yield path

    def _ref(self, name: bytes) -> None:
        value = next(self.stood_at(name), None)
        self.set_aside(name, "was damaged, and is as it last was" if value else "was damaged, and is gone")
        if value:
            self._write(name, value + b"\n")

    def stood_at(self, name: bytes) -> Iterator[bytes]:
        """Where a ref once stood, the latest first, by its reflog; hex."""
        for line in reversed((self._read(b"/logs" + name) or b"").splitlines()):
            words = line.split(b" ", 2)
            if len(words) == 3 and _OID.fullmatch(words[1]) and words[1].strip(b"0"):
                yield words[1]

    def _head(self) -> None:
        text = (self._read(b"/HEAD") or b"").strip()
        if text.startswith(b"ref: refs/") or _OID.fullmatch(text):
            return
        branch = self._last_branch()
        if branch is None:
            return  # git says it
        if os.path.exists(self._dir + b"/HEAD"):
            self.set_aside(b"/HEAD", "was damaged, and is as it last was")
        self._write(b"/HEAD", b"ref: refs/heads/" + branch + b"\n")

    def _lost_branch(self) -> None:
        """A branch that is checked out and gone, but not by git, which forgets the reflog with it."""
        text = (self._read(b"/HEAD") or b"").strip()
        name = b"/" + text.removeprefix(b"ref: ")
        branch = name.removeprefix(b"/refs/heads/")
        if name == b"/" + branch or self._read(name) is not None or branch in self._packed():
            return
        if (value := next(self.stood_at(name), None)) is not None:
            self._write(name, value + b"\n")
            self.mended.append(f"{os.fsdecode(branch)} was gone, and is as it last was")

    def _packed(self) -> set[bytes]:
        return set(_packed_branches(self._read(b"/packed-refs") or b""))

    def _last_branch(self) -> bytes | None:
        """The branch that was checked out last: by HEAD's reflog, or the only one that there is."""
        for line in reversed((self._read(b"/logs/HEAD") or b"").splitlines()):
            found = re.search(rb"checkout: moving from \S+ to (\S+)$", line)
            if found and self._read(b"/refs/heads/" + found[1]) is not None:
                return found[1]
        top = self._dir + b"/refs/heads"
        names = {os.path.relpath(os.path.join(at, name), top) for at, _, n in os.walk(top) for name in n}
        theirs = [name for name in names | self._packed() if not name.startswith(_OWN)]
        return theirs[0] if len(theirs) == 1 else None

    # -- what is made of something else ---------------------------------------------------------------

    def _index(self, name: bytes) -> None:
        """git makes it anew from the branch; a split one is left to git."""
        with suppress(FileNotFoundError):
            if not _is_index(self._dir + name):
                self.set_aside(name, "was damaged, and is made anew")

    def _pack_indexes(self) -> None:
        """A pack without its index is nothing to git."""
        directory = self._dir + b"/objects/pack/"
        with suppress(FileNotFoundError):
            names = set(os.listdir(directory))
            for pack in sorted(
                name for name in names if name.endswith(b".pack") and name.startswith(b"pack-")
            ):
                if pack[:-5] + b".idx" not in names:
                    self._index_pack(directory + pack)

    def _index_pack(self, pack: bytes) -> None:
        command = [b"git", b"index-pack", pack]
        done = subprocess.run(command, capture_output=True, check=False, env=git_environment())
        if done.returncode == 0:
            self.mended.append(f"{os.fsdecode(pack)} had lost its index")

    # -- files ----------------------------------------------------------------------------------------

    def keep_config(self) -> None:
        """Keeps a copy of the configuration as it is; it is good, for a folder was just opened with it."""
        text = self._read(b"/config")
        if text and text != self._read(BACKUP):
            self._write(BACKUP, text)

    def _read(self, name: bytes) -> bytes | None:
        try:
            with open(self._dir + name, "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def _write(self, name: bytes, data: bytes) -> None:
        """Aside, synced, in place."""
        path = self._dir + name
        aside = path + b".instep"
        with open(aside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(aside, path)


def _packed_branches(text: bytes) -> Iterator[bytes]:
    for line in text.splitlines():
        _, _, name = line.partition(b" refs/heads/")
        if name:
            yield name


def _is_index(path: bytes) -> bool:
    """Whether a file is a whole index: its checksum says so, where there is one."""
    with open(path, "rb") as file:
        data = file.read()
    if len(data) < _HEADER_BYTES + 20 or data[:4] != b"DIRC":
        return False
    if not data[-20:].strip(b"\0"):  # index.skipHash
        return True
    sha1 = hashlib.sha1(memoryview(data)[:-20], usedforsecurity=False).digest() == data[-20:]
    return sha1 or hashlib.sha256(memoryview(data)[:-32]).digest() == data[-32:]
