"""One target, with inputs that atheris makes up, guided by what they reach in instep: `make soak` runs it.

    python -m tests.fuzz TARGET --seconds 60 --seed 1 --keep DIRECTORY
    python -m tests.fuzz TARGET --input BASE64

The second plays one input again, and needs no atheris. What failed is kept in the directory.
"""

import argparse
import base64
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

MAX_INPUT_BYTES = 4096
SLOW_S = 10
"""An input that takes longer has failed."""
MAX_MEMORY_MB = 2048


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("target")
    parser.add_argument("--input", help="the input, in base64")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("soak"))
    given = parser.parse_args()
    if given.input is not None:
        import_module("tests.fuzz.targets").TARGETS[given.target](base64.b64decode(given.input))
        return
    given.keep.mkdir(exist_ok=True)
    fuzz(given.target, given.seconds, given.seed, given.keep)


def fuzz(name: str, seconds: int, seed: int, keep: Path) -> None:
    """Until the time is up, or an input fails. Ends the process."""
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=["instep"], enable_loader_override=False):
        targets = import_module("tests.fuzz.targets")
    corpus = keep / "corpus"
    corpus.mkdir(exist_ok=True)
    for number, data in enumerate(targets.SEEDS[name]):
        (corpus / f"seed{number}").write_bytes(data)
    options = [
        f"-max_total_time={seconds}",
        f"-seed={seed % (1 << 32) or 1}",
        f"-max_len={MAX_INPUT_BYTES}",
        f"-timeout={SLOW_S}",
        f"-rss_limit_mb={MAX_MEMORY_MB}",
        f"-artifact_prefix={keep}/failed-",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
