"""The command line, with a folder's work that is made up (`fake_instep`): its verbs run in this process, the
background processes that they start are real."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from instep.cli.verbs import run
from instep.cli.wiring import Wiring
from instep.daemon.process import stop
from tests.daemon import fake_instep


@dataclass(frozen=True)
class Said:
    """What a command ended with."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Instep = Callable[..., Said]
"""`instep("status", "DIR", cwd=Path)` runs a command line to its end."""


@pytest.fixture
def instep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Instep]:
    def run_here(*arguments: str | Path, cwd: Path = tmp_path) -> Said:
        monkeypatch.chdir(cwd)
        capfd.readouterr()
        status = run([str(argument) for argument in arguments], Wiring(background=fake_instep.COMMAND))
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return Said(status, captured.out, captured.err)

    yield run_here
    for place in [path for path in tmp_path.rglob(".git") if (path / "instep/lock").exists()]:
        stop(place.parent)
