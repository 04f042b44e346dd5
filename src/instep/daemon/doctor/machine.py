"""Checks of the machine: what every folder on it needs."""

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from instep.annex.launcher import find_launcher
from instep.core.errors import InstepError
from instep.daemon.doctor.finding import Finding, good, trouble
from instep.daemon.examine import check_git
from instep.git.process import git_environment
from instep.remotes.socket_path import socket_path, state_dir

EARLIEST_S = 1_700_000_000
"""November 2023: a clock that shows less was never set."""
LATEST_S = 2**32
"""2106: git's index can't say a later time."""
ENOUGH_OPEN_FILES = 1024
ENOUGH_INSTANCES = 64
_LIMITS = Path("/proc/sys/fs/inotify")


def git() -> Iterator[Finding]:
    """Is there a git, and is it new enough?"""
    try:
        check_git()
    except InstepError as error:
        yield trouble("program-unusable", "git", error.text)
        return
    said = subprocess.run(["git", "version"], capture_output=True, check=True, env=git_environment()).stdout
    yield good(f"git is there: {said.decode(errors='replace').strip().removeprefix('git version ')}")


def git_annex() -> Iterator[Finding]:
    """Is there a git-annex, and is it new enough?"""
    try:
        launcher = find_launcher()
        launcher.check()
    except InstepError as error:
        yield trouble("program-unusable", "git-annex", error.text)
        return
    yield good(f"git-annex is there: {launcher.version()}")


def clock(now_s: float | None = None) -> Iterator[Finding]:
    """Does the clock show a time that can be?"""
    now_s = time.time() if now_s is None else now_s
    shown = time.strftime("%Y-%m-%d %H:%M", time.gmtime(now_s))
    if EARLIEST_S <= now_s < LATEST_S:
        yield good(f"the clock shows {shown} (UTC)")
    else:
        yield trouble("clock-wrong", detail=f"it shows {shown} (UTC)")


def watches() -> Iterator[Finding]:
    """How many folders can be watched at once? (How many directories: a check of the folder.)"""
    limit = watch_limit("max_user_instances")
    if limit is None:
        yield trouble("watching-unavailable")
    elif limit < ENOUGH_INSTANCES:
        yield trouble("instance-limit", detail=str(limit))
    else:
        yield good(f"the kernel watches for us: up to {limit} programs of yours")


def watch_limit(name: str) -> int | None:
    """One of inotify's limits; None where there is no inotify."""
    try:
        return int((_LIMITS / name).read_text())
    except (OSError, ValueError):
        return None


def open_files() -> Iterator[Finding]:
    """How many files may a process have open?"""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < ENOUGH_OPEN_FILES:
        yield trouble("open-files-limit", detail=str(hard))
    else:
        yield good("enough files can be open at once")


def own_places() -> Iterator[Finding]:
    """Can sockets and logs be made?"""
    try:
        places = (socket_path("/").parent, state_dir("/"))
    except InstepError as error:
        yield trouble("own-place-unusable", detail=error.text)
        return
    except OSError as error:
        yield trouble("own-place-unusable", detail=f"{error.filename}: {error.strerror}")
        return
    for place in places:
        if not os.access(place, os.W_OK | os.X_OK):
            yield trouble("own-place-unusable", detail=f"{place} can't be written")
            return
    yield good(f"sockets are in {places[0]}, logs in {places[1].parent}")


def ssh() -> Iterator[Finding]:
    """Is there an ssh, for remotes on other computers?"""
    program = shutil.which("ssh")
    yield good(f"ssh is there: {program}") if program else trouble("ssh-missing")
