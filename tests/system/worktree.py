"""What a user does to a folder's files, and what is in it. Names are bytes, text or paths: any will do."""

import os
from pathlib import Path

Name = Path | str | bytes


def join(folder: Path, name: Name) -> bytes:
    """The path of `name` in `folder`, as bytes: names need not be text."""
    return os.path.join(os.fsencode(folder), os.fsencode(name))


def write(folder: Path, name: Name, data: bytes) -> None:
    """Writes in place, as `open(name, "wb")` does, making directories on the way."""
    path = join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def save(folder: Path, name: Name, data: bytes) -> None:
    """Writes aside and renames over, as most editors do."""
    aside = os.fsencode(name) + b".new"
    write(folder, aside, data)
    os.rename(join(folder, aside), join(folder, name))


def read(folder: Path, name: Name) -> bytes | None:
    """The whole content, or None when nothing can be read there."""
    try:
        with open(join(folder, name), "rb") as file:
            return file.read()
    except OSError:
        return None


def tree(folder: Path) -> dict[bytes, tuple[str, bytes]]:
    """Everything outside `.git`: relative path to ("file" | "exec", content) or ("link", target). As git
    sees it: empty directories, sockets and the like are nothing."""
    found: dict[bytes, tuple[str, bytes]] = {}
    root = os.fsencode(folder)
    for top, directories, names in os.walk(root):
        if top == root and b".git" in directories:
            directories.remove(b".git")
        for name in names + [name for name in directories if os.path.islink(os.path.join(top, name))]:
            path = os.path.join(top, name)
            if os.path.islink(path):
                found[os.path.relpath(path, root)] = ("link", os.readlink(path))
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    kind = "exec" if os.fstat(file.fileno()).st_mode & 0o100 else "file"
                    found[os.path.relpath(path, root)] = (kind, file.read())
    return found


def differences(a: Path, b: Path) -> list[str]:
    """One line for each path that is not the same on both sides."""
    ours, theirs = tree(a), tree(b)
    return [
        f"{path!r}: {brief(ours.get(path))} in {a.name}, {brief(theirs.get(path))} in {b.name}"
        for path in sorted(ours.keys() | theirs.keys())
        if ours.get(path) != theirs.get(path)
    ]


def brief(entry: tuple[str, bytes] | None) -> str:
    """What stands at one path, for a message."""
    return "nothing" if entry is None else f"{entry[0]} of {len(entry[1])} bytes {entry[1][:40]!r}"
