"""Amounts of bytes, for a person to read and as git-annex's settings and expressions write them."""

import re
from decimal import Decimal

_STEPS = ("bytes", "kB", "MB", "GB", "TB", "PB")
_SIZE = re.compile(r"(-?[0-9]{1,20}(?:\.[0-9]{1,20})?)([a-z]*)", re.IGNORECASE | re.ASCII)
_DECIMAL = ("kilo", "mega", "giga", "tera", "peta", "exa", "zetta", "yotta")
_BINARY = ("kibi", "mebi", "gibi", "tebi", "pebi", "exbi", "zebi", "yobi")


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
    return parse_word("".join(text.split()))


def parse_word(text: str) -> int | None:
    """The same without any space, as in an expression: `100kb`, `1.5MiB`; rounded to whole bytes, half to
    even."""
    found = _SIZE.fullmatch(text)
    factor = _UNITS.get(found[2].lower()) if found else None
    return None if found is None or factor is None else round(Decimal(found[1]) * factor)


def _units() -> dict[str, int]:
    """Bytes to each unit, by its name in lower case."""
    units: dict[str, int] = dict.fromkeys(("", "b", "byte", "bytes"), 1)
    thousands = kibis = 1
    for name, binary_name in zip(_DECIMAL, _BINARY, strict=True):
        thousands, kibis = thousands * 1000, kibis * 1024
        letter = name[0]
        for unit in (letter, f"{letter}b", f"{name}byte", f"{name}bytes"):
            units[unit] = thousands
        for unit in (f"{letter}i", f"{letter}ib", f"{binary_name}byte", f"{binary_name}bytes"):
            units[unit] = kibis
    return units


_UNITS = _units()
