"""A program that edits a file over and over without regard for anyone: `hostile.py KIND FILE SECONDS SEED`.

Prints each edit that was complete (closed, renamed into place, unmapped) as a token of its own. It is a
script of its own, without imports from instep, because it must be another process.
"""

import mmap
import os
import random
import sys
import time
from collections.abc import Iterator

SLOTS_START = 64
SLOT_BYTES = 16
SLOTS = 1024


def token(seed: int, number: int) -> bytes:
    return b"<%05d.%07d>\n" % (seed, number)


def append(file: str, seed: int, chance: random.Random, number: int) -> None:
    with open(file, "ab", buffering=0) as out:
        out.write(token(seed, number))
    time.sleep(chance.random() * 0.001)


def append_slowly(file: str, seed: int, chance: random.Random, number: int) -> None:
    with open(file, "ab", buffering=0) as out:
        time.sleep(chance.random() * 0.02)
        out.write(token(seed, number))
        time.sleep(chance.random() * 0.02)
    time.sleep(chance.random() * 0.03)


def append_in_pieces(file: str, seed: int, chance: random.Random, number: int) -> None:
    """Holds the file open for long, and is in the midst of a line most of the time."""
    with open(file, "ab", buffering=0) as out:
        for piece in (token(seed, number)[:5], token(seed, number)[5:]):
            out.write(piece)
            time.sleep(chance.random() * 0.02)
    time.sleep(chance.random() * 0.01)


def append_by_another_name(file: str, seed: int, chance: random.Random, number: int) -> None:
    """Through a hard link, which nobody who watches the file's own name hears of."""
    other = f"{file}.{seed}.tmp"
    os.link(file, other)
    with open(other, "ab", buffering=0) as out:
        time.sleep(chance.random() * 0.01)
        out.write(token(seed, number))
    os.unlink(other)
    time.sleep(chance.random() * 0.01)


def map_shared(file: str, seed: int, chance: random.Random, number: int) -> None:
    with open(file, "r+b") as out:
        mapped = mmap.mmap(out.fileno(), 0)
    time.sleep(chance.random() * 0.002)
    start = SLOTS_START + (number % SLOTS) * SLOT_BYTES
    mapped[start : start + SLOT_BYTES] = token(seed, number)
    mapped.close()
    time.sleep(chance.random() * 0.004)


class Editor:
    """Keeps the text in its own memory, as editors do, and takes up what others added to its last save."""

    def __init__(self, in_place: bool) -> None:
        self._in_place = in_place
        self._text = b""
        self._last = b""

    def __call__(self, file: str, seed: int, chance: random.Random, number: int) -> None:
        with open(file, "rb") as there:
            text = there.read()
        if self._last in text:
            self._text = text
        self._last = token(seed, number)
        self._text += self._last
        if self._in_place:
            with open(file, "wb", buffering=0) as out:
                out.write(self._text)
        else:
            with open(f"{file}.{seed}.tmp", "wb", buffering=0) as out:
                out.write(self._text)
            os.rename(f"{file}.{seed}.tmp", file)
        time.sleep(chance.random() * 0.002)


def edits(kind: str, file: str, seconds: float, seed: int) -> Iterator[bytes]:
    act = {
        "append": append,
        "slow": append_slowly,
        "pieces": append_in_pieces,
        "link": append_by_another_name,
        "mmap": map_shared,
        "editor": Editor(in_place=False),
        "truncate": Editor(in_place=True),
    }[kind]
    chance = random.Random(seed)
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        try:
            act(file, seed, chance, number)
        except FileNotFoundError:  # put back in a moment
            continue
        yield token(seed, number)
        number += 1


if __name__ == "__main__":
    done = list(edits(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])))
    sys.stdout.buffer.write(b"".join(done))
