"""The benchmark's profile names functions by text: they must be there, and be matched to the right change."""

import functools
import importlib

import pytest
from bench.stages import STAGES, Call, moments


@pytest.mark.parametrize("name", sorted({stage.function for stage in STAGES}))
def test_every_stage_is_a_function_of_instep(name: str) -> None:
    module, _, path = name.partition(":")
    assert callable(functools.reduce(getattr, path.split("."), importlib.import_module(module)))


def test_a_moment_is_that_of_the_first_call_after_the_close() -> None:
    placed = next(stage for stage in STAGES if stage.words == "the file is in its place")
    checked = next(stage for stage in STAGES if stage.words == "what arrived is checked")
    calls: list[Call] = [
        (placed.function, 20.5, 20.75),
        (placed.function, 9.0, 11.0),  # begun before the close: another change's
        (placed.function, 10.5, 10.75),
    ]
    found = moments([10.0, 20.0], {"a": calls, "b": calls})
    assert found["B: the file is in its place"] == [0.75, 0.75]
    assert found[f"B: {checked.words}"] == [None, None]
