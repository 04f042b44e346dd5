"""What every test stands on: a home of its own, a git that knows nobody, and hypothesis profiles.

Nothing here touches the developer's own configuration: every process that a test starts inherits an
environment in which HOME and the XDG directories are fresh, no name or address is configured, and no `GIT_*`
variable of the caller survives. The runtime directory is short, because a Unix socket's path has 108 bytes at
most.
"""

import ctypes
import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from instep.fs.listed import EXACT
from instep.fs.syscalls import filesystem_magic

PERSON = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
"""Options for git commands that a test runs in the role of a person, who has told git a name."""

GitRunner = Callable[..., bytes]
"""`git(folder, *args, input=b"", check=True)` gives standard output; see the `git` fixture."""

RepositoryMaker = Callable[..., Path]
"""`annexed(name="annexed", *, unlocked=True)` gives the folder of a new repository; see the fixtures."""

SHORT = 24
"""Characters that a directory for temporary files may have and still have sockets in it."""

_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,  # every change is judged by the same examples; `make soak` looks for new ones
    print_blob=True,
    max_examples=60,
    suppress_health_check=_SLOW_IS_FINE,
)
settings.register_profile(
    "soak",
    deadline=None,
    derandomize=False,
    print_blob=True,
    max_examples=5000,
    suppress_health_check=_SLOW_IS_FINE,
)
settings.load_profile("soak" if os.environ.get("INSTEP_SOAK") else "ci")


def _isolate(environment: pytest.MonkeyPatch, top: Path) -> None:
    """Points everything that names a place of the user's below `top`, and forgets who the user is."""
    for name in list(os.environ):
        if name.startswith(("GIT_", "XDG_")) or name in ("EMAIL", "ANNEX_DIR"):
            environment.delenv(name)
    places = {
        "HOME": top / "home",
        "XDG_CONFIG_HOME": top / "home/.config",
        "XDG_STATE_HOME": top / "home/.state",
        "XDG_CACHE_HOME": top / "home/.cache",
        "XDG_DATA_HOME": top / "home/.data",
        "XDG_RUNTIME_DIR": top / "run",
    }
    for name, place in places.items():
        place.mkdir(parents=True, exist_ok=True)
        environment.setenv(name, str(place))
    (top / "run").chmod(0o700)
    scripts = sysconfig.get_path("scripts")
    environment.setenv("PATH", scripts + os.pathsep + os.environ.get("PATH", os.defpath))
    environment.setenv("GIT_CONFIG_NOSYSTEM", "1")
    environment.setenv("GIT_TERMINAL_PROMPT", "0")
    environment.setenv("LANG", "C.UTF-8")
    environment.delenv("LC_ALL", raising=False)


@pytest.fixture(scope="session", autouse=True)
def isolated_home() -> Iterator[Path]:
    """The session's own HOME (each xdist worker has one); the environment is put back at the end."""
    base = tempfile.gettempdir()
    if len(base) > SHORT and os.access("/tmp", os.W_OK):
        base = "/tmp"
    top = Path(tempfile.mkdtemp(prefix="it-", dir=base))
    with pytest.MonkeyPatch.context() as environment:
        _isolate(environment, top)
        yield top / "home"
    shutil.rmtree(top, ignore_errors=True)


@pytest.fixture
def anyio_backend() -> str:
    """Tests marked `anyio` run on asyncio, as the program does."""
    return "asyncio"


def run_git(folder: Path | str, *args: str | bytes, input: bytes = b"", check: bool = True) -> bytes:
    """Runs git in `folder` as a person would; gives its output. Raises AssertionError with git's words."""
    command: list[str | bytes] = ["git", "-C", str(folder), *PERSON, *args]
    done = subprocess.run(command, input=input, capture_output=True, check=False)
    if check and done.returncode:
        words = (done.stdout + done.stderr).decode(errors="replace")
        raise AssertionError(f"git {args} in {folder} ended with {done.returncode}:\n{words}")
    return done.stdout


@pytest.fixture
def git() -> GitRunner:
    """Runs git in a folder: `git(folder, "log", "-1", input=b"", check=True) -> bytes`."""
    return run_git


@pytest.fixture
def plain_repository(tmp_path: Path) -> RepositoryMaker:
    """Makes an empty git repository on branch `main`: `plain_repository("name") -> Path`."""

    def make(name: str = "repository", *, object_format: str = "sha1") -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        run_git(folder, "init", "-q", "-b", "main", f"--object-format={object_format}")
        return folder

    return make


@pytest.fixture
def annexed(plain_repository: RepositoryMaker) -> RepositoryMaker:
    """Makes a git-annex repository on branch `main`: `annexed("name", unlocked=True) -> Path`."""

    def make(name: str = "annexed", *, unlocked: bool = True) -> Path:
        folder = plain_repository(name)
        run_git(folder, "annex", "init", "-q", name)
        run_git(folder, "config", "annex.addunlocked", "true" if unlocked else "false")
        return folder

    return make


@pytest.fixture
def exact_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory where times can be believed: in memory if the other tests have no such file system."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as in_memory:
        fd = os.open(tmp_path, os.O_PATH)
        try:
            yield tmp_path if filesystem_magic(fd) in EXACT else Path(in_memory).resolve()
        finally:
            os.close(fd)


class _Capabilities(ctypes.Structure):
    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


@pytest.fixture
def bound_by_permissions() -> Iterator[None]:
    """This thread may look into no more files and processes than its user, even if that is root (capset)."""
    libc = ctypes.CDLL(None, use_errno=True)
    version_3, privileges = 0x20080522, 1 << 1 | 1 << 2 | 1 << 19  # override, read search; trace
    header, sets = (ctypes.c_uint32 * 2)(version_3, 0), (_Capabilities * 2)()
    assert libc.capget(header, sets) == 0
    before = sets[0].effective
    sets[0].effective = before & ~privileges
    assert libc.capset(header, sets) == 0
    yield
    sets[0].effective = before
    assert libc.capset(header, sets) == 0
