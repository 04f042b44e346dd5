"""Two folders kept in step while you watch: `make demo`.

The first folder is a copy of Python's own standard library: thousands of files, directories, executables.
`instep up` makes the second a copy of it and keeps both in step. Then files change on either side, and the
time until the other side has them is printed. Everything happens in a temporary directory with a home of its
own, and is removed at the end.
"""

import contextlib
import filecmp
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

LIMIT_S = 300
now = time.perf_counter


class Demo:
    """Two folders below a temporary directory, and the command line in its environment."""

    def __init__(self, top: Path) -> None:
        self.a, self.b = top / "Documents", top / "copy/Documents"
        for place in (top / "home", top / "run", top / "copy"):
            place.mkdir(mode=0o700)
        own = {"HOME": str(top / "home"), "XDG_RUNTIME_DIR": str(top / "run"), "GIT_CONFIG_NOSYSTEM": "1"}
        scripts = sysconfig.get_path("scripts")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "GIT_"))}
        self.environment = kept | own | {"PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}

    def run(self, *words: str | Path) -> None:
        """Shows and runs a command, with what it says; the end of the demo when it fails."""
        print("$", *words, flush=True)
        program = os.environ.get("INSTEP_COMMAND", "instep") if words[0] == "instep" else words[0]
        command = [program, *map(str, words[1:])]
        start = now()
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        print(f"{done.stdout}{done.stderr}".rstrip() or "(no output)", f"[{now() - start:.2f} s]", flush=True)
        if done.returncode:
            sys.exit(f"it ended with {done.returncode}")

    def watch(self, what: str, change: Callable[[], object], arrived: Callable[[], bool]) -> None:
        """Makes a change, waits for it on the other side, and prints how long that took."""
        start = now()
        change()
        changed = now()
        while not arrived():
            if now() - start > LIMIT_S:
                sys.exit(f"{what}: never arrived")
            time.sleep(0.001)
        took = f"there after {(now() - start) * 1000:7.1f} ms"
        if changed - start > 0.005:
            took += f" ({(changed - start) * 1000:.1f} of it to make the change)"
        print(f"  {what:58} {took}", flush=True)


def holds(path: Path, content: bytes) -> bool:
    """Whether the file is there with exactly this content."""
    with contextlib.suppress(OSError):
        return path.read_bytes() == content
    return False


def files_of(folder: Path) -> dict[str, Path]:
    """Every file and symlink outside `.git`, by its path in the folder."""
    return {
        str(path.relative_to(folder)): path
        for path in folder.rglob("*")
        if (path.is_symlink() or path.is_file()) and ".git" not in path.relative_to(folder).parts
    }


def compare(a: Path, b: Path) -> None:
    """Compares every file, byte by byte, with its mode; ends the demo when anything differs."""
    ours, theirs = files_of(a), files_of(b)
    different = set(ours) ^ set(theirs)
    for name in ours.keys() & theirs.keys():
        left, right = ours[name], theirs[name]
        if left.is_symlink() or right.is_symlink():
            same = left.is_symlink() and right.is_symlink() and os.readlink(left) == os.readlink(right)
        else:
            executable = (left.stat().st_mode ^ right.stat().st_mode) & 0o100
            same = not executable and filecmp.cmp(left, right, shallow=False)
        if not same:
            different.add(name)
    if different:
        sys.exit(f"{len(different)} files differ: {sorted(different)[:10]}")
    size_mib = sum(path.lstat().st_size for path in ours.values()) / (1 << 20)
    print(f"Both folders are equal: {len(ours):,} files, {size_mib:.0f} MiB, compared byte by byte.")


def make_changes(demo: Demo) -> None:
    """A few changes on either side, each watched until it has arrived."""
    a, b = demo.a, demo.b
    note, photo = b"# Groceries\n\n- bread\n", os.urandom(5 << 20)
    demo.watch(
        "a new note in the first folder",
        lambda: (a / "note.md").write_bytes(note),
        lambda: holds(b / "note.md", note),
    )
    demo.watch(
        "a line appended to it in the second",
        lambda: (b / "note.md").write_bytes(note + b"- milk\n"),
        lambda: holds(a / "note.md", note + b"- milk\n"),
    )
    demo.watch(
        "a photo of 5 MiB in the second",
        lambda: (b / "photo.raw").write_bytes(photo),
        lambda: holds(a / "photo.raw", photo),
    )
    demo.watch(
        "a directory renamed in the first (json -> jason)",
        lambda: (a / "json").rename(a / "jason"),
        lambda: (b / "jason/decoder.py").exists() and not (b / "json/decoder.py").exists(),
    )
    demo.watch(
        "the note deleted in the second",
        (b / "note.md").unlink,
        lambda: not (a / "note.md").exists(),
    )
    ten = [b"draft %d\n" % n for n in range(10)]
    demo.watch(
        "ten more notes in the first, one right after the other",
        lambda: [(a / f"draft{n}.md").write_bytes(text) for n, text in enumerate(ten)],
        lambda: all(holds(b / f"draft{n}.md", text) for n, text in enumerate(ten)),
    )


def main() -> None:
    """Runs the demo; leaves nothing behind."""
    top = Path(tempfile.mkdtemp(prefix="instep-demo-")).resolve()
    demo = Demo(top)
    try:
        library = Path(sysconfig.get_path("stdlib"))
        print(f"Copying Python's own library, {library}, to {demo.a} ...", flush=True)
        shutil.copytree(
            library, demo.a, symlinks=True, ignore=shutil.ignore_patterns("site-packages", ".git")
        )
        demo.run("instep", "up", demo.a, demo.b)
        demo.run("instep", "wait", "--timeout", str(LIMIT_S), demo.a)
        compare(demo.a, demo.b)
        print("Now edits on either side:")
        make_changes(demo)
        for folder in (demo.a, demo.b):
            demo.run("instep", "wait", "--timeout", str(LIMIT_S), folder)
        compare(demo.a, demo.b)
        demo.run("instep", "status", demo.a)
        print("What is left is an ordinary git repository:")
        demo.run("git", "-C", demo.b, "log", "--oneline", "-3")
    finally:
        tear_down(demo, top)


def tear_down(demo: Demo, top: Path) -> None:
    """Stops both folders and removes everything; git-annex keeps its objects read-only."""
    for folder in (demo.a, demo.b):
        if (folder / ".git").exists():
            with contextlib.suppress(SystemExit):
                demo.run("instep", "down", folder)
    for path in top.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(top)
    print("Everything is removed again.")


if __name__ == "__main__":
    main()
