"""When a change is so large that a person is asked first (I8): the numbers, and nothing else.

Two questions are asked of a wave of deletions. As it comes: may it turn out to be most of the folder, so that
it is better seen as a whole before any more of it is committed? And once no more come: was it? One question
is asked of what is held: did most of it turn up under other names?
"""

FEW = 20
"""Fewer deletions than this are never in question."""
MANY = 100
"""From here on more than half of the files is too many; below, only nearly all of them are."""
FEW_EMPTIED = 5
"""So many files that are empty after the machine stopped without warning did not become so by hand."""

_SHARE = 8


def files_to_count(deletions: int) -> int:
    """So many files there have to be for a wave not to be in question; counting further tells nothing."""
    return deletions * _SHARE


def is_in_question(deletions: int, files: int) -> bool:
    """Whether so many deletions, of so many files before, wait until no more come."""
    return deletions >= FEW and files < files_to_count(deletions)


def is_mass_deletion(deletions: int, files: int) -> bool:
    """Whether a person is asked about deletions of content that is nowhere else in the folder."""
    nearly_all, most = 10 * deletions >= 9 * files, 2 * deletions > files
    return deletions >= FEW and (nearly_all or (deletions >= MANY and most))


def is_mostly_moved(lost: int, held: int) -> bool:
    """Whether few of the files that are held have content that is nowhere else in the folder."""
    return lost * _SHARE <= held
