"""`instep`, with the moments of one change's way written down: `python -m bench.traced up --foreground DIR`.

Each function that ARCHITECTURE.md names on that way is wrapped; its begin and end, by the clock that all
processes of a machine share, go to the file that BENCH_TRACE names when the process ends. The wrapping costs
about a microsecond a call.
"""

import atexit
import functools
import importlib
import inspect
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from .stages import STAGES, Call


def trace(calls: list[Call], name: str) -> None:
    """Wraps `module:Class.method` or `module:function`. AttributeError if there is no such thing any more."""
    module, _, path = name.partition(":")
    *above, last = path.split(".")
    holder = functools.reduce(getattr, above, importlib.import_module(module))
    setattr(holder, last, _wrapped(calls, name, getattr(holder, last)))


def _wrapped(calls: list[Call], name: str, called: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(called)
    def plainly(*args: object, **named: object) -> object:
        began = time.perf_counter()
        try:
            return called(*args, **named)
        finally:
            calls.append((name, began, time.perf_counter()))

    @functools.wraps(called)
    async def awaiting(*args: object, **named: object) -> object:
        began = time.perf_counter()
        try:
            result: Awaitable[object] = called(*args, **named)
            return await result
        finally:
            calls.append((name, began, time.perf_counter()))

    return awaiting if inspect.iscoroutinefunction(called) else plainly


def main() -> None:
    """Wraps, then runs the command line."""
    calls: list[Call] = []
    for name in dict.fromkeys(stage.function for stage in STAGES):
        trace(calls, name)
    atexit.register(lambda: Path(os.environ["BENCH_TRACE"]).write_text(json.dumps(calls)))
    sys.exit(importlib.import_module("instep.cli.main").main())


if __name__ == "__main__":
    main()
