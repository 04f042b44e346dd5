"""Which directories are watched: a tree of names with the kernel's watch descriptors.

A directory costs about 300 bytes. A path is put together from the names when it is asked for, so that
forgetting a directory costs what is below it and no more.
"""

from collections.abc import Iterator

from instep.core.types import RelPath


class WatchedDirectory:
    """One directory; `wd` is -1 until the kernel watches it."""

    __slots__ = ("children", "name", "parent", "wd")

    def __init__(self, name: bytes, parent: "WatchedDirectory | None") -> None:
        self.name = name
        self.parent = parent
        self.wd = -1
        self.children: dict[bytes, WatchedDirectory] | None = None

    def path(self) -> RelPath:
        names: list[bytes] = []
        node = self
        while node.parent is not None:
            names.append(node.name)
            node = node.parent
        names.reverse()
        return RelPath(b"/".join(names))

    def child(self, name: bytes) -> "WatchedDirectory | None":
        return None if self.children is None else self.children.get(name)

    def subtree(self) -> "Iterator[WatchedDirectory]":
        """Itself and all below."""
        waiting: list[WatchedDirectory] = [self]
        while waiting:
            node = waiting.pop()
            yield node
            if node.children:
                waiting.extend(node.children.values())


class WatchedTree:
    """The directories by name and by watch descriptor.

    `orphans` are descriptors that no directory here has any more; the kernel watches them until they are
    taken. One that turns up again (the directory was moved and found at its new place) keeps its watch.
    """

    def __init__(self) -> None:
        self.root = WatchedDirectory(b"", None)
        self.orphans: set[int] = set()
        self._by_wd: dict[int, WatchedDirectory] = {}

    def __len__(self) -> int:
        return len(self._by_wd)

    def get(self, wd: int) -> WatchedDirectory | None:
        return self._by_wd.get(wd)

    def clear(self) -> None:
        """Forgets all; the new root is not watched yet."""
        self.orphans.update(self._by_wd)
        self._by_wd = {}
        self.root = WatchedDirectory(b"", None)

    def add(self, parent: WatchedDirectory, name: bytes) -> WatchedDirectory:
        """A new directory, in place of what had that name."""
        old = parent.child(name)
        if old is not None:
            self.forget(old)
        node = WatchedDirectory(name, parent)
        if parent.children is None:
            parent.children = {}
        parent.children[name] = node
        return node

    def bind(self, node: WatchedDirectory, wd: int) -> None:
        """The kernel watches `node` as `wd`. Whoever had that before is elsewhere now, so it is forgotten."""
        old = self._by_wd.get(wd)
        if old is not None and old is not node:
            self.forget(old)
        self.orphans.discard(wd)
        self._by_wd[wd] = node
        node.wd = wd

    def forget(self, node: WatchedDirectory) -> None:
        """Drops it and all below."""
        parent = node.parent
        if parent is not None and parent.child(node.name) is node and parent.children is not None:
            del parent.children[node.name]
            if not parent.children:
                parent.children = None
        for gone in node.subtree():
            if self._by_wd.get(gone.wd) is gone:
                del self._by_wd[gone.wd]
                self.orphans.add(gone.wd)

    def take_orphans(self) -> set[int]:
        """The descriptors to end the watches of."""
        orphans, self.orphans = self.orphans, set()
        return orphans
