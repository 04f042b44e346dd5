"""How git is started, and what survives its death."""

import os
import sysconfig
from pathlib import Path
from typing import IO

import pytest

from instep.git.errors import GitError, sentence
from instep.git.process import Pipe, PipeBroken, git_environment
from instep.git.repository import Repository


def test_environment_leads_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_CONFIG_COUNT"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("PATH", "/bin")
    environment = git_environment()
    assert "elsewhere" not in environment.values()
    assert environment["PATH"] == sysconfig.get_path("scripts") + os.pathsep + "/bin"
    assert environment["GIT_TERMINAL_PROMPT"] == "0"


def test_no_hook_and_no_filter_runs(repo: Repository) -> None:
    top = Path(os.fsdecode(repo.root))
    hook = top / ".git/hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch ran\n")
    hook.chmod(0o755)
    repo.run("config", "filter.annex.clean", "touch ran; cat")
    (top / ".git/info/attributes").write_text("* filter=annex\n")
    (top / "file").write_text("x")
    oid = repo.run("hash-object", "-w", "--path=file", "file").strip()
    repo.run("update-ref", "refs/tags/t", oid)
    assert not (top / "ran").exists()


def test_failure_is_gits_sentence(repo: Repository) -> None:
    with pytest.raises(GitError, match="Needed a single revision") as caught:
        repo.run("rev-parse", "--verify", "nothing")
    assert caught.value.status == 128
    assert repo.run("rev-parse", "--verify", "nothing", check=False) == b""


def test_folder_that_is_gone(repo: Repository) -> None:
    os.rename(repo.root, repo.root + b".gone")
    with pytest.raises(GitError, match="can't be started"):
        repo.run("version")


def test_sentence() -> None:
    assert sentence(b"warning: a\nerror: b\nfatal: c\n", "") == "c"
    assert sentence(b"hint\nlast\n\n", "") == "last"
    assert sentence(b"init\ngit-annex: no memory\nHasCallStack backtrace:\n  throwM\n", "") == "no memory"
    assert sentence(b" \n", "nothing said") == "nothing said"


def _line(stream: IO[bytes]) -> bytes:
    line = stream.readline()
    if not line:
        raise EOFError
    return line


def test_pipe_starts_again_after_death(repo: Repository) -> None:
    pipe = Pipe(repo.git, "cat-file", "--batch-command")
    assert pipe.ask(b"info HEAD\n", _line) == b"HEAD missing\n"
    pid = pipe.pid
    assert pid is not None
    os.kill(pid, 9)
    assert pipe.ask(b"info HEAD\n", _line) == b"HEAD missing\n"
    assert pipe.pid != pid
    pipe.close()
    assert pipe.pid is None
    assert pipe.ask(b"info HEAD\n", _line) == b"HEAD missing\n"
    pipe.close()


def test_pipe_that_dies_each_time(repo: Repository) -> None:
    pipe = Pipe(repo.git, "cat-file", "--batch-command")
    for _ in range(2):
        with pytest.raises(PipeBroken) as caught:
            pipe.ask(b"nonsense\n", _line)
        assert b"unknown command" in caught.value.stderr
        assert pipe.pid is None


def test_half_read_answer_is_not_given_to_the_next(repo: Repository) -> None:
    pipe = Pipe(repo.git, "cat-file", "--batch-command")

    def interrupted(stream: IO[bytes]) -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipe.ask(b"info one\n", interrupted)
    assert pipe.ask(b"info two\n", _line) == b"two missing\n"
    pipe.close()
