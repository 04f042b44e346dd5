"""One directory has one location, whichever way it is reached."""

import os
import subprocess
import sys
from pathlib import Path

from instep.fs.mounted import location


def test_inside_and_beside(tmp_path: Path) -> None:
    top, inner = location(tmp_path), location(tmp_path / "not yet/there")
    assert inner.is_inside(top)
    assert not top.is_inside(inner)
    assert not top.is_inside(top)
    assert not location(f"{tmp_path}2").is_inside(top)


def test_through_a_bind_mount(tmp_path: Path) -> None:
    """In a mount namespace of its own."""
    (tmp_path / "a b/inner").mkdir(parents=True)
    (tmp_path / "bound").mkdir()
    script = (
        "import sys; from instep.fs.mounted import location as l; "
        "print(l(sys.argv[1]) == l(sys.argv[2]), l(sys.argv[2] + '/x').is_inside(l(sys.argv[3])))"
    )
    mount = (
        'mount --bind "$1/a b/inner" "$1/bound" && exec '
        + sys.executable
        + ' -c "$2" "$1/a b/inner" "$1/bound" "$1/a b"'
    )
    unshare = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh", str(tmp_path), script]
    done = subprocess.run(unshare, capture_output=True, check=True, env=os.environ)
    assert done.stdout == b"True True\n"
