"""The commits that are made in the person's own name."""

import time

from instep.core.commit import Commit, Signature
from instep.core.types import Object, Oid
from instep.git.identity import identity
from instep.git.repository import Repository


def own_commit(
    repo: Repository, tree: Oid, parents: tuple[Oid, ...], message: bytes, now_s: float
) -> tuple[Oid, Object]:
    """A commit by whoever uses this repository, of this moment."""
    name, email = identity(repo.config)
    zone = time.strftime("%z", time.localtime(now_s)).encode()
    who = Signature(name, email, int(now_s), zone)
    data = Commit(tree, parents, who, who, message).encode()
    return repo.format.hash(b"commit", data), Object(b"commit", data)
