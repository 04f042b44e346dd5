"""What a random run follows from.

`INSTEP_SEED=SEED` plays a run again: the same choices, not the same timing. `INSTEP_SOAK=1`, as `make soak`
sets it, makes a run longer, and lets it choose from more.
"""

import os
import random

SOAK = bool(os.environ.get("INSTEP_SOAK"))


def seed_of_run(usual: random.Random | None = None) -> int:
    """The given seed; else one of `usual`, or a fresh one. It is printed, for the report of a failure."""
    given = os.environ.get("INSTEP_SEED")
    seed = int(given) if given else (usual or random.SystemRandom()).randrange(1 << 32)
    print(f"INSTEP_SEED={seed}", flush=True)
    return seed
