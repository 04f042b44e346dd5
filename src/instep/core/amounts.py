"""Amounts of bytes, for a person to read and as git-annex's settings write them."""

from instep.core.matching import MalformedExpression, size_of_words

_STEPS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def in_words(count: int) -> str:
    """As git-annex and drive makers count, in thousands: 536870912 is "537 MB"."""
    amount = float(count)
    for unit in _STEPS:
        if amount < 999.5 or unit == _STEPS[-1]:
            digits = 1 if amount < 9.95 and unit != "bytes" else 0
            return f"{amount:.{digits}f} {unit}"
        amount /= 1000
    raise AssertionError("unreachable")


def parse(text: str) -> int | None:
    """Bytes as git-annex lets one write them ("0.5 gb", "500M", "100 KiloBytes"); None: not understood."""
    try:
        return size_of_words("", "".join(text.split()))
    except MalformedExpression:
        return None
