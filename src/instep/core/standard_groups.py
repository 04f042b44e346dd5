"""What the standard groups want: git-annex's own expressions, as `git annex vicfg` shows them."""

_CLIENT = (
    "(include=* and ((exclude=*/archive/* and exclude=archive/*)"
    " or (not (copies=archive:1 or copies=smallarchive:1)))) or approxlackingcopies=1"
)
_ARCHIVE = "(not (copies=archive:1 or copies=smallarchive:1)) or approxlackingcopies=1"

STANDARD = {
    "client": _CLIENT,
    "transfer": f"(not (inallgroup=client and copies=client:2) and ({_CLIENT})) or approxlackingcopies=1",
    "backup": "anything",
    "incrementalbackup": (
        "((not copies=backup:1) and (not copies=incrementalbackup:1)) or approxlackingcopies=1"
    ),
    "smallarchive": (
        f"((include=*/archive/* or include=archive/*) and ({_ARCHIVE})) or approxlackingcopies=1"
    ),
    "archive": _ARCHIVE,
    "source": "not (copies=1)",
    "manual": f"present and ({_CLIENT})",
    "public": "inpreferreddir",
    "unwanted": "not anything",
}
"""By the group's name."""
