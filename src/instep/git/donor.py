"""Objects that are missing or spoiled, had again from where they are still: a remote, or the work tree.

git finds what is damaged (`git fsck`, which reads everything: this is for the day when something is known to
be wrong). Remotes give what they have through a repository of its own beside ours, by a plain fetch, for ours
would say that it has the objects already. What no one has leaves its branch where it last stood whole.
"""

import os
import re
import shutil
from collections.abc import Iterable, Sequence

from instep.core.faults import all_behind
from instep.core.types import Object, Oid
from instep.git.errors import GitError, MissingObject
from instep.git.mend import Mender
from instep.git.process import Git
from instep.git.repository import Repository

_ROUNDS = 8
"""An object that came can name others that are missing too."""
_BAD_LINE = re.compile(rb"^(error|missing|broken|fatal|bad|\s+to\s|dangling)", re.MULTILINE)
_NAMED = re.compile(rb"objects/([0-9a-f]{2})/([0-9a-f]{38,62})|\b([0-9a-f]{40}(?:[0-9a-f]{24})?)\b")
_DAMAGE = re.compile("bad object|corrupt|missing|is empty|unable to (read|unpack)|not a valid object|broken")
"""In git's words."""
_PACK = re.compile(rb"objects/pack/(pack-[0-9a-f]+)\.")


def mend_objects(repo: Repository, urls: Iterable[str]) -> list[str]:
    """Gets back what can be had; says in words what was done. Raises GitError, OSError. Blocking, slow."""
    mender = Mender(repo.git_dir)
    donor = _Donor(repo)
    try:
        found = 0
        for _ in range(_ROUNDS):
            said = _fsck(repo)
            if _salvage_packs(repo, mender, said):
                said = _fsck(repo)  # what could not be read of them is missing now
            bad = [oid for oid in _named(said) if not _is_whole(repo, oid)]
            if not bad:
                break
            _set_aside(repo, mender, bad)
            objects = _from_work_tree(repo, bad)
            if len(objects) < len(bad):
                donor.fetch(urls)
                objects |= donor.give([oid for oid in bad if oid not in objects])
            repo.objects.write(objects)
            found += len(objects)
            if not objects:
                break
        if found:
            mender.mended.append(f"{found} objects were missing or damaged, and were had again")
        _move_back(repo, mender, donor)
    finally:
        donor.close()
        repo.idle()
    return mender.mended


def damage_in(error: BaseException) -> GitError | None:
    """The error, behind this one or in its group, that says that objects are missing or spoiled."""
    for one in all_behind(error):
        if isinstance(one, MissingObject) or (isinstance(one, GitError) and _DAMAGE.search(one.text)):
            return one
    return None


def _fsck(repo: Repository) -> bytes:
    done = repo.git.result("fsck", "--no-dangling", "--no-progress", "--no-reflogs")
    return done.stdout + done.stderr


def _named(said: bytes) -> list[Oid]:
    """The objects that lines of complaint name."""
    found: dict[Oid, None] = {}
    for line in said.splitlines():
        if _BAD_LINE.match(line):
            for first, rest, whole in _NAMED.findall(line):
                found[Oid(bytes.fromhex((whole or first + rest).decode()))] = None
    return list(found)


def _is_whole(repo: Repository, oid: Oid) -> bool:
    return repo.git.result("cat-file", "-p", oid.hex()).returncode == 0


def _set_aside(repo: Repository, mender: Mender, bad: Iterable[Oid]) -> None:
    for oid in bad:
        name = oid.hex().encode()
        path = b"/objects/%b/%b" % (name[:2], name[2:])
        if os.path.exists(repo.common_dir + path):
            mender.set_aside(path, "was damaged")


def _salvage_packs(repo: Repository, mender: Mender, said: bytes) -> bool:
    """What can be read of a spoiled pack, as single objects; the pack goes aside. Whether there was one."""
    found = False
    for name in sorted(set(_PACK.findall(said))):
        base = b"/objects/pack/" + name
        pack = repo.common_dir + base + b".pack"
        if not os.path.exists(pack) or repo.git.result("verify-pack", pack).returncode == 0:
            continue
        aside = mender.set_aside(base + b".pack", "was damaged")
        for ending in (b".idx", b".rev", b".bitmap", b".mtimes"):
            if os.path.exists(repo.common_dir + base + ending):
                mender.set_aside(base + ending, "belongs to a damaged pack")
        with open(aside, "rb") as file:
            repo.git.result("unpack-objects", "-r", "-q", input=file.read())
        found = True
    return found


def _from_work_tree(repo: Repository, bad: Sequence[Oid]) -> dict[Oid, Object]:
    """Blobs whose file is still what it was."""
    wanted, found = set(bad), dict[Oid, Object]()
    for line in repo.git.result("ls-files", "-s", "-z").stdout.split(b"\0")[:-1]:
        words, _, path = line.partition(b"\t")
        oid = Oid(bytes.fromhex(words.split(b" ")[1].decode()))
        if oid in wanted and oid not in found:
            data = _content(os.path.join(repo.root, path))
            if data is not None and repo.format.hash(b"blob", data) == oid:
                found[oid] = Object(b"blob", data)
    return found


def _content(path: bytes) -> bytes | None:
    try:
        if os.path.islink(path):
            return os.readlink(path)
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _move_back(repo: Repository, mender: Mender, donor: "_Donor") -> None:
    """A branch whose history is not whole goes back to where it was; what is newer is in the work tree.

    One that is not checked out may go to where a remote has it. The checked-out one may not: what the remote
    has more would look like deleted here. # I2
    """
    ours = f"refs/heads/{repo.refs.head_branch()}"
    for name in sorted(_branches(repo)):
        stood = repo.git.result("rev-parse", "--verify", "-q", name).stdout.strip()
        if stood and _is_complete(repo, stood):
            continue
        ways = [*mender.stood_at(b"/" + os.fsencode(name)), *(donor.heads(name) if name != ours else ())]
        back = next((oid for oid in ways if _is_complete(repo, oid) or donor.pour(oid)), None)
        if back is not None:
            repo.git.run("update-ref", "--no-deref", "-m", "instep: mend", name, back)
            mender.mended.append(f"{name} is where it last stood whole: {back.decode()}")


def _branches(repo: Repository) -> set[str]:
    listing = repo.git.result("for-each-ref", "--format=%(refname)", "refs/heads").stdout
    names = {os.fsdecode(line) for line in listing.splitlines()}
    branch = repo.refs.head_branch()
    return names | ({f"refs/heads/{branch}"} if branch else set())


def _is_complete(repo: Repository, oid: bytes) -> bool:
    return repo.git.result("rev-list", "--objects", "--quiet", oid).returncode == 0


class _Donor:
    """A repository beside ours, filled from the remotes when it is first needed."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._dir = repo.private + b"/mend"
        self._git: Git | None = None

    def fetch(self, urls: Iterable[str]) -> None:
        if self._git is not None:
            return
        shutil.rmtree(self._dir, ignore_errors=True)
        os.makedirs(self._dir, mode=0o700)
        self._git = git = Git(self._dir, self._dir, bare=True)
        git.run("init", "-q", "--bare", f"--object-format={self._repo.format.name}", self._dir)
        for number, url in enumerate(urls):
            refs = f"+refs/heads/*:refs/donor/{number}/*"
            git.result("fetch", "-q", "--no-tags", "--no-write-fetch-head", url, refs)

    def give(self, oids: Sequence[Oid]) -> dict[Oid, Object]:
        """Those of the objects that a remote had."""
        found: dict[Oid, Object] = {}
        for oid in oids if self._git is not None else ():
            kind = self._run("cat-file", "-t", oid.hex())
            data = self._run("cat-file", kind.decode().strip(), oid.hex()) if kind else None
            if kind and data is not None and self._repo.format.hash(kind.strip(), data) == oid:
                found[oid] = Object(kind.strip(), data)
        return found

    def heads(self, name: str) -> list[bytes]:
        """Where the remotes have this branch; hex."""
        if self._git is None:
            return []
        short = name.removeprefix("refs/heads/")
        listing = self._run("for-each-ref", "--format=%(objectname)", f"refs/donor/*/{short}") or b""
        return listing.split()

    def pour(self, oid: bytes) -> bool:
        """Takes the whole history of a commit over, if a remote has it: for a branch of which nothing is
        left here, not even where it stood."""
        if self._git is None or self._run("rev-list", "--objects", "--quiet", oid.decode()) is None:
            return False
        base = self._dir + b"/pack"
        name = self._run("pack-objects", "--revs", "-q", base, input=oid + b"\n")
        if name is None:
            return False
        target = self._repo.common_dir + b"/objects/pack/pack-"
        for ending in (b".pack", b".idx"):
            os.rename(b"%b-%b%b" % (base, name.strip(), ending), target + name.strip() + ending)
        return True

    def _run(self, *args: str | bytes, input: bytes = b"") -> bytes | None:
        assert self._git is not None
        done = self._git.result(*args, input=input)
        return done.stdout if done.returncode == 0 else None

    def close(self) -> None:
        shutil.rmtree(self._dir, ignore_errors=True)
