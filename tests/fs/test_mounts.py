"""A change of what is mounted is told, once."""

import os
import select
import subprocess
import sys
from contextlib import closing

from instep.fs.mounts import MountChanges

IN_A_NAMESPACE = """
import select, subprocess
from instep.fs.mounts import MountChanges
mounts = MountChanges()
said = [bool(select.select([mounts], [], [], 0)[0])]
for command in (["mount", "-t", "tmpfs", "none", "/mnt"], ["umount", "/mnt"]):
    subprocess.run(command, check=True)
    said.append(bool(select.select([mounts], [], [], 10)[0]))
    mounts.read()
    said.append(bool(select.select([mounts], [], [], 0)[0]))
print(said)
"""


def test_mounting_and_unmounting_are_told() -> None:  # I8
    unshare = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", IN_A_NAMESPACE]
    done = subprocess.run(unshare, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str([False, *[True, False] * 2]), done.stderr


def test_nothing_is_told_while_nothing_happens() -> None:  # I28
    before = len(os.listdir("/proc/self/fd"))
    with closing(MountChanges()) as mounts:
        assert not select.select([mounts], [], [], 0)[0]
    assert len(os.listdir("/proc/self/fd")) == before
