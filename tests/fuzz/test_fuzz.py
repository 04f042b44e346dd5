"""Whatever bytes come from another repository, nothing worse than the error that is meant for them.

Here each target gets its seeds and some that are spoilt; in a soak, atheris makes the inputs up, guided by
what they reach. An input that failed is printed with the command that plays it again.
"""

import base64
import os
import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.system.chance import SOAK, seed_of_run

from .targets import SEEDS, TARGETS

ROOT = Path(__file__).parents[2]
SECONDS = 40
SPOILT = 200


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", TARGETS)
def test_what_others_wrote(name: str, tmp_path: Path) -> None:  # I25
    seed = seed_of_run()
    for data in SEEDS[name]:
        TARGETS[name](data)
    if SOAK:
        fuzz(name, seed, tmp_path)
        return
    chance = random.Random(seed)
    for _ in range(SPOILT):
        data = spoilt(chance.choice(SEEDS[name]), chance)
        try:
            TARGETS[name](data)
        except BaseException:
            print(again(name, data))
            raise


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, some left out, some twice."""
    text = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(text) + 1)
        match chance.randrange(3):
            case 0:
                text[at : at + 1] = chance.randbytes(1)
            case 1:
                del text[at : at + chance.randrange(1, 8)]
            case _:
                text[at:at] = text[at : at + chance.randrange(1, 8)]
    return bytes(text)


def fuzz(name: str, seed: int, keep: Path) -> None:
    """In a process of its own, which ends by itself or at the first failure."""
    assert find_spec("atheris"), "atheris is not installed: make soak"
    command = [sys.executable, "-m", "tests.fuzz", name, f"--seconds={SECONDS}", f"--seed={seed}"]
    done = subprocess.run([*command, f"--keep={keep}"], cwd=ROOT, env=os.environ, check=False)
    for failed in keep.glob("failed-*"):
        print(again(name, failed.read_bytes()))
    assert done.returncode == 0


def again(name: str, data: bytes) -> str:
    return f"python -m tests.fuzz {name} --input={base64.b64encode(data).decode()}"
