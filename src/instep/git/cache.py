"""A cache with a budget: what was used longest ago goes first."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Keeps values up to a total cost of `budget`. Safe to use from several threads."""

    def __init__(self, budget: int, cost: Callable[[V], int]) -> None:
        self._budget = budget
        self._cost = cost
        self._used = 0
        self._items: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """The value, which is now the one used last; None if it is not here."""
        with self._lock:
            item = self._items.get(key)
            if item is None:
                return None
            self._items.move_to_end(key)
            return item[0]

    def put(self, key: K, value: V) -> None:
        """Keeps a value; one that is dearer than the whole budget is not kept."""
        cost = self._cost(value)
        with self._lock:
            if (old := self._items.pop(key, None)) is not None:
                self._used -= old[1]
            if cost > self._budget:
                return
            self._items[key] = (value, cost)
            self._used += cost
            while self._used > self._budget:
                _, (_, spent) = self._items.popitem(last=False)
                self._used -= spent

    def discard(self, key: K) -> None:
        """Forgets a value."""
        with self._lock:
            if (old := self._items.pop(key, None)) is not None:
                self._used -= old[1]

    def __contains__(self, key: K) -> bool:
        return key in self._items

    def __len__(self) -> int:
        return len(self._items)
