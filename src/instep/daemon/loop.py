"""What runs in a folder's process while its event loop does: the socket, signals, and the folder's own work.

It ends on SIGTERM, SIGINT, SIGHUP or the `stop` request by cancelling the work; cleanup has ten seconds and
is then cut off, for nothing on disk depends on it (I27).
"""

import os
import signal
import threading
from pathlib import Path

import anyio
from anyio.abc import TaskGroup

from instep.core.errors import error_sentence
from instep.core.faults import fault_of
from instep.core.status import shown
from instep.daemon.absence import until_back
from instep.daemon.board import StatusBoard
from instep.daemon.guest import LEAVE_AFTER_S, until_assistant
from instep.daemon.lock import FolderLock
from instep.daemon.notify import Supervisor
from instep.daemon.process import READY_WITHIN_S
from instep.daemon.server import Server, listen
from instep.daemon.service import RunFolder, Service
from instep.daemon.supervise import supervise
from instep.daemon.told import Told
from instep.daemon.troubles import Troubles
from instep.steps.gone import FolderGone

WORK = "The folder's work"
CLEANUP_LIMIT_S = 10.0


class Loop:
    """One process's. `host`: as `main.run_process` takes it."""

    def __init__(  # noqa: PLR0917
        self,
        root: Path,
        lock: FolderLock,
        board: StatusBoard,
        run_folder: RunFolder,
        told: Told,
        host: Path | None,
    ) -> None:
        self.exit_code = 0
        self._host = host
        self._answers = anyio.Event()
        self._lock = lock
        self._root = root
        self._run_folder = run_folder
        self._told = told
        self._tasks: TaskGroup | None = None
        self._board = board
        self._troubles = Troubles(self._board)
        self._server = Server(self._board, self._troubles, self._stop)
        self._supervisor = Supervisor()

    async def run(self, socket: Path) -> None:
        async with await listen(socket) as listener, anyio.create_task_group() as tasks:
            self._tasks = tasks
            tasks.start_soon(self._stop_on_signal)
            tasks.start_soon(self._server.serve, listener)
            tasks.start_soon(self._supervisor.follow, self._board)
            if self._host is not None:
                tasks.start_soon(self._leave_when_alone)
                tasks.start_soon(self._leave_to_assistant)
            self._board.log("start", self._start_words(), pid=os.getpid())
            await supervise(WORK, self._work, self._troubles)
            tasks.cancel_scope.cancel()
        self._board.log("stop", "Stopped")

    def _start_words(self) -> str:
        return "Started" if self._host is None else f"Started as a guest of {shown(os.fsencode(self._host))}"

    async def _work(self) -> None:
        try:
            while True:
                try:
                    await self._run_folder(self._root, self._board, self._ready)
                    return
                except FolderGone as gone:
                    if self._host is not None:
                        return  # the next one is started when it is back
                    await self._be_without(gone)
        except Exception as error:
            self._server.use(None)
            if not self._told.done and self._is_passing(error):
                self._say_started()
            if self._told.done:
                raise  # supervision says so and starts it again
            self._told.failed(error)
            self._board.log("stop", f"The folder can't be kept in step: {error_sentence(error)}")
            self.exit_code = 2

    async def _be_without(self, gone: FolderGone) -> None:
        self._server.use(None)
        self._board.begin_anew()
        self._board.raise_condition("folder-gone", "", gone.text)
        await until_back(self._root, gone.uuid, self._lock)
        self._board.clear_condition("folder-gone")

    def _is_passing(self, error: Exception) -> bool:
        """Whether it is a fault of the machine, which is waited for: it is on the board then. # I26"""
        return fault_of(error) is not None and self._troubles.failed(WORK, error)

    def _ready(self, service: Service) -> None:
        self._server.use(service)
        self._board.started()
        self._say_started()
        self._supervisor.say(READY="1")

    def _say_started(self) -> None:
        self._told.started()
        self._answers.set()

    async def _stop_on_signal(self) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            async for _ in signals:
                self._stop()

    async def _leave_when_alone(self) -> None:
        with anyio.move_on_after(READY_WITHIN_S):
            await self._answers.wait()
        await self._server.callers.until_none(LEAVE_AFTER_S)
        self._board.log("stop", "Nobody calls any more")
        self._stop()

    async def _leave_to_assistant(self) -> None:
        await until_assistant(self._root)
        self._board.log("stop", "git-annex's assistant keeps the folder now")
        self._stop()

    def _stop(self) -> None:
        if self._tasks is not None:
            self._supervisor.say(STOPPING="1")
            _cut_off_later()
            self._tasks.cancel_scope.cancel()


def _cut_off_later() -> None:
    timer = threading.Timer(CLEANUP_LIMIT_S, os._exit, (0,))
    timer.daemon = True
    timer.start()
