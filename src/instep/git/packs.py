"""Packs that travel: made by `git pack-objects`, taken in by `git index-pack`, which checks every object.

For a few fresh commits the link sends raw objects instead; a pack is for catching up.
"""

import contextlib
import os
import secrets
import subprocess
import tempfile
from collections.abc import Generator, Iterable
from typing import NoReturn

from instep.core.types import Oid
from instep.fs.crash import Point, passed
from instep.fs.durable import make_directory
from instep.git.errors import GitError, sentence
from instep.git.process import Complaints
from instep.git.repository import Repository

_CHUNK_BYTES = 256 << 10
_ENDINGS = (b".pack", b".rev", b".idx")

OLD_SINS = "zeroPaddedFilemode missingEmail missingNameBeforeEmail missingSpaceBeforeDate badTimezone badDate"
"""What old tools wrote into histories that are otherwise sound. Harmless, so a warning; paths stay errors."""

_STRICT = "--strict=" + ",".join(f"{name}=warn" for name in OLD_SINS.split())


def pack_between(repo: Repository, want: Iterable[Oid], have: Iterable[Oid]) -> Generator[bytes, None, None]:
    """A thin pack of everything that `want` holds and `have` does not, piece by piece.

    What of `have` is not here is left out. Raises GitError, in the worst case after some pieces: then the
    receiver refuses what it got, because a pack ends with its checksum.
    """
    lines = [oid.hex() for oid in want]
    lines += ["^" + oid.hex() for oid in have if repo.objects.has(oid)]
    complaints = Complaints()
    with tempfile.TemporaryFile() as revisions:
        revisions.write("".join(line + "\n" for line in lines).encode())
        revisions.seek(0)
        process = repo.git.start(
            *("pack-objects", "--revs", "--thin", "--stdout", "--delta-base-offset", "-q"),
            stdin=revisions,
            stderr=complaints.fd,
        )
    assert process.stdout is not None
    try:
        while chunk := process.stdout.read(_CHUNK_BYTES):
            yield chunk
        if process.wait() != 0:
            raise GitError(sentence(complaints.read(), "git pack-objects failed"), status=process.returncode)
    finally:
        _end(process)
        complaints.close()


class PackReceiver:
    """Takes one pack stream in. After `finish` its objects are durable (I10) and whole, as git's fsck sees
    them.

    Until then nobody sees any of it. One thread at a time. A receiver that is not finished is to be
    `abort`ed.
    """

    def __init__(self, repo: Repository) -> None:
        self._sharing = repo.sharing
        self._kept = repo.objects.kept
        self._packs_dir = repo.common_dir + b"/objects/pack"
        make_directory(repo.staging)
        self._aside = b"%b/incoming-%b" % (repo.staging, secrets.token_hex(8).encode())
        self._complaints = Complaints()
        self._process = repo.git.start(
            *("index-pack", "--stdin", "--fix-thin", _STRICT, self._aside + b".pack"),
            stdin=subprocess.PIPE,
            stderr=self._complaints.fd,
        )

    def feed(self, data: bytes) -> None:
        """More of the stream. Raises GitError as soon as git has refused it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
        except BrokenPipeError:
            self._refuse()

    def finish(self) -> None:
        """The stream is complete. Raises GitError if it was not, or if any object in it is wrong."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
            said = self._process.stdout.read()
        except BrokenPipeError:
            self._refuse()
        if self._process.wait() != 0:
            self._refuse()
        passed(Point.PACK_CHECKED)
        self._place(said.split()[-1])
        self.abort()

    def abort(self) -> None:
        """Gives up what was fed. Idempotent, also after `finish`."""
        _end(self._process)
        self._complaints.close()
        for ending in _ENDINGS:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._aside + ending)

    def _place(self, checksum: bytes) -> None:
        """Gives the files their names: the index last, because that is what git looks for."""
        self._kept.hold(b"pack-" + checksum)
        for ending in _ENDINGS:
            with contextlib.suppress(FileNotFoundError):  # older gits make no `.rev`
                if self._sharing.is_shared:
                    os.chmod(self._aside + ending, self._sharing.file_mode(0o444))
                os.rename(self._aside + ending, b"%b/pack-%b%b" % (self._packs_dir, checksum, ending))
        fd = os.open(self._packs_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)  # I10
        finally:
            os.close(fd)

    def _refuse(self) -> NoReturn:
        status = self._process.wait()
        text = sentence(self._complaints.read(), "git index-pack failed")
        self.abort()
        raise GitError(f"The pack was refused: {text}", status=status) from None


def check_connected(repo: Repository, tips: Iterable[Oid]) -> bool:
    """Whether everything that the tips hold is here, as `git receive-pack` makes sure before it moves a ref.

    What the repository's own refs hold is taken for granted, so the cost is that of the new part.
    """
    lines = "".join(oid.hex() + "\n" for oid in tips)
    done = repo.git.result(
        *("rev-list", "--objects", "--stdin", "--not", "--all", "--quiet", "--alternate-refs"),
        input=lines.encode(),
    )
    return done.returncode == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that is no longer wanted."""
    if process.poll() is None:
        process.terminate()
    for stream in (process.stdin, process.stdout):
        try:
            if stream is not None:
                stream.close()
        except OSError:
            pass  # what was still to be written is of no interest any more
    process.wait()
