"""The cache keeps within its budget."""

from hypothesis import given
from hypothesis import strategies as st

from instep.git.cache import Cache


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12), st.sampled_from(["put", "get", "drop"]))))
def test_budget_and_order(steps: list[tuple[int, int, str]]) -> None:
    cache: Cache[int, int] = Cache(10, lambda value: value)
    model: dict[int, int] = {}
    for key, value, what in steps:
        if what == "get":
            assert cache.get(key) == model.get(key)
            if key in model:
                model[key] = model.pop(key)
        else:
            model.pop(key, None)
            if what == "drop":
                cache.discard(key)
                continue
            cache.put(key, value)
            if value <= 10:
                model[key] = value
            while sum(model.values()) > 10:
                model.pop(next(iter(model)))
        assert len(cache) == len(model)
        assert all(name in cache for name in model)
