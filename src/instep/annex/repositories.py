"""What the git-annex branch and the configuration say of all repositories: trust, groups, wishes, copies.

Sources: git-annex's documentation of its branch's files, and the branches that it writes. A snapshot: read it
again when the branch or the configuration changed.
"""

import re

from instep.annex.branch import PREFERRED_CONTENT_LOG, AnnexBranch
from instep.core import branchlog
from instep.core.preferred import Repositories, Trust
from instep.core.types import RelPath, RemoteUuid
from instep.git.config import Config

REQUIRED_CONTENT_LOG = RelPath(b"required-content.log")
GROUP_PREFERRED_CONTENT_LOG = RelPath(b"group-preferred-content.log")
GROUP_LOG = RelPath(b"group.log")
TRUST_LOG = RelPath(b"trust.log")
NUMCOPIES_LOG = RelPath(b"numcopies.log")
REMOTE_LOG = RelPath(b"remote.log")

_TRUST_IN_LOG = {"1": Trust.TRUSTED, "0": Trust.UNTRUSTED, "?": Trust.SEMITRUSTED, "X": Trust.DEAD}
_TRUST_IN_CONFIG = {
    "trusted": Trust.TRUSTED,
    "semitrusted": Trust.SEMITRUSTED,
    "untrusted": Trust.UNTRUSTED,
    "dead": Trust.DEAD,
}


def read_repositories(branch: AnnexBranch, config: Config) -> Repositories:
    """The repositories as they are known now."""

    def values(log: RelPath) -> dict[RemoteUuid, str]:
        return branchlog.uuid_values(branch.read(log))

    return Repositories(
        trust=_trust(values(TRUST_LOG), config),
        groups={uuid: frozenset(groups.split()) for uuid, groups in values(GROUP_LOG).items()},
        group_wanted=branchlog.config_values(branch.read(GROUP_PREFERRED_CONTENT_LOG)),
        wanted=values(PREFERRED_CONTENT_LOG),
        required=values(REQUIRED_CONTENT_LOG),
        numcopies=_numcopies(branchlog.newest_value(branch.read(NUMCOPIES_LOG)), config),
        preferred_dirs=_preferred_dirs(values(REMOTE_LOG)),
    )


def _trust(logged: dict[RemoteUuid, str], config: Config) -> dict[RemoteUuid, Trust]:
    """The log's word, over which a remote's `annex-trustlevel` goes."""
    trust = {uuid: _TRUST_IN_LOG[word] for uuid, word in logged.items() if word in _TRUST_IN_LOG}
    for name in config.remotes():
        uuid = config.get(f"remote.{name}.annex-uuid")
        level = _TRUST_IN_CONFIG.get((config.get(f"remote.{name}.annex-trustlevel") or "").lower())
        if uuid and level is not None:
            trust[RemoteUuid(uuid)] = level
    return trust


def _numcopies(logged: str | None, config: Config) -> int:
    """The log's number, else the (deprecated) setting, else one."""
    for text in (logged, config.get("annex.numcopies")):
        if text is not None and re.fullmatch(r"[0-9]{1,9}", text):
            return int(text)
    return 1


def _preferred_dirs(remotes: dict[RemoteUuid, str]) -> dict[RemoteUuid, str]:
    found: dict[RemoteUuid, str] = {}
    for uuid, text in remotes.items():
        for word in text.split():
            name, _, value = word.partition("=")
            if name == "preferreddir":
                found[uuid] = value
    return found
