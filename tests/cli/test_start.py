"""The command line starts fast: a verb loads its own file, and what asks loads nothing heavy."""

import subprocess
import sys

import pytest

HEAVY = {"anyio", "asyncio", "structlog", "rich", "msgspec", "pathspec", "subprocess", "concurrent.futures"}


def loaded(*arguments: str) -> set[str]:
    """The modules that a command line loads, and its failing sentence with them."""
    imports = "import sys; from instep.cli.verbs import run, Wiring"
    program = f"{imports}; run(sys.argv[1:], Wiring()); print(*sys.modules)"
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("verb", ["status", "wait"])
def test_asking_loads_nothing_heavy(verb: str) -> None:
    modules = loaded(verb, "/")
    assert f"instep.cli.{verb}" in modules
    assert not modules & HEAVY
    assert not modules & {"instep.daemon.board", "instep.daemon.server", "instep.cli.up"}


def test_up_does_not_load_the_view() -> None:
    assert not loaded("up", "/dev/null") & {"rich", "structlog", "instep.daemon.server"}
