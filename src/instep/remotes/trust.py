"""Which refs another repository may move here. Pure.

A peer is trusted with the history of this folder and with nothing else: no tags, no other branches, no
remote-tracking refs, and no name that git itself would refuse.
"""

import re

_BAD = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|\Z)|\.\Z|/\Z")


def may_move(ref: str, branch: str) -> bool:
    """Whether a peer may name `ref` in a Move; `branch` is the folder's own, "" if none is checked out."""
    if _BAD.search(ref):
        return False
    if ref == "refs/heads/git-annex" or (branch and ref == f"refs/heads/{branch}"):
        return True
    rest = ref.removeprefix("refs/heads/synced/")
    return rest != ref and bool(rest) and not rest.startswith(("-", "."))
