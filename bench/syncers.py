"""Programs that keep folders equal without git: Syncthing, Unison, lsyncd, as Debian ships them.

Each is set to notice as fast as it can: Syncthing gathers changes for a second (the least it takes), Unison
looks again each second, lsyncd gathers for a second and copies one way.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, NamedTuple

from .peers import Peer

_CONNECTED_WITHIN_S = 60

SYNCTHING_OPTIONS = {
    "globalAnnounceEnabled": "false",
    "localAnnounceEnabled": "false",
    "relaysEnabled": "false",
    "natEnabled": "false",
    "urAccepted": "-1",
    "autoUpgradeIntervalH": "0",
    "startBrowser": "false",
    "crashReportingEnabled": "false",
    "stunKeepaliveStartS": "0",
    "reconnectionIntervalS": "1",
}
"""Nothing but the other instance is talked to."""


class Program(Peer):
    """A peer that is one or two processes which stay in the foreground; the caller ends them."""

    def spawn(self, *command: str | Path) -> None:
        """Starts a process in a session of its own, its output in a log beside the folders."""
        program = _found(str(command[0]))
        with (self.work / f"{Path(program).name}.log").open("ab") as out:
            subprocess.Popen(
                [program, *map(str, command[1:])],
                cwd=self.work,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def make_folders(self) -> None:
        """Both, if they are not there."""
        for folder in (self.a, self.b):
            folder.mkdir(exist_ok=True)


class Unison(Program):
    """One process over both folders."""

    name = "Unison"

    def start(self) -> None:
        self.make_folders()
        self.environment["UNISON"] = str(self.work / "unison")
        options = ("-ui", "text", "-batch", "-repeat", "1", "-dumbtty", "-confirmbigdel=false")
        self.spawn("unison", self.a, self.b, *options, "-logfile", self.work / "unison-says.log")


class Lsyncd(Program):
    """inotify in `a`, then rsync to `b`."""

    name = "lsyncd"

    def start(self) -> None:
        self.make_folders()
        config = self.work / "lsyncd.lua"
        config.write_text(
            "settings { nodaemon = true }\n"
            f'sync {{ default.rsync, source = "{self.a}", target = "{self.b}", delay = 1, '
            f'rsync = {{ archive = true, binary = "{_found("rsync")}" }} }}\n'
        )
        self.spawn("lsyncd", "-nodaemon", config)


class _Side(NamedTuple):
    """One Syncthing instance."""

    folder: Path
    home: Path
    config: ET.Element
    device: str
    key: str
    port: int
    web_port: int


class Syncthing(Program):
    """Two instances on the loopback interface."""

    name = "Syncthing"

    def start(self) -> None:
        self.make_folders()
        self.environment["STNOUPGRADE"] = "1"
        sides = [self._side(folder) for folder in (self.a, self.b)]
        for side in sides:
            self._configure(side, sides)
        for side in sides:
            self.spawn("syncthing", "serve", f"--home={side.home}", "--no-browser")
        deadline = time.monotonic() + _CONNECTED_WITHIN_S
        while not _settled(*sides):
            if time.monotonic() > deadline:
                raise RuntimeError("the two instances did not connect")
            time.sleep(0.2)

    def _side(self, folder: Path) -> _Side:
        home = self.work / f"syncthing-{folder.name}"
        generate = ("generate", f"--home={home}", "--no-default-folder", "--skip-port-probing")
        self.run(_found("syncthing"), *generate)
        config = ET.parse(home / "config.xml").getroot()
        device, key = _in(config, "device").attrib["id"], _in(config, "gui/apikey").text or ""
        return _Side(folder, home, config, device, key, _free_port(), _free_port())

    def _configure(self, mine: _Side, sides: list[_Side]) -> None:
        config = mine.config
        config.remove(_in(config, "device"))
        _in(config, "gui/address").text = f"127.0.0.1:{mine.web_port}"
        _in(config, "options/listenAddress").text = f"tcp://127.0.0.1:{mine.port}"
        for name, value in SYNCTHING_OPTIONS.items():
            _in(config, f"options/{name}").text = value
        facts = {"id": "bench", "path": str(mine.folder), "type": "sendreceive", "fsWatcherDelayS": "1"}
        folder = ET.SubElement(config, "folder", facts, rescanIntervalS="3600", fsWatcherEnabled="true")
        for side in sides:
            ET.SubElement(folder, "device", id=side.device)
            device = ET.SubElement(config, "device", id=side.device, compression="metadata")
            ET.SubElement(device, "address").text = f"tcp://127.0.0.1:{side.port}"
        ET.ElementTree(config).write(mine.home / "config.xml")
        (mine.folder / ".stfolder").mkdir(exist_ok=True)


def _settled(first: _Side, second: _Side) -> bool:
    """Whether they are connected and have nothing left to do."""
    with contextlib.suppress(OSError, KeyError):
        linked = _ask(first, "system/connections")["connections"][second.device]["connected"]
        return linked and all(
            _ask(side, "db/status?folder=bench")["state"] == "idle" for side in (first, second)
        )
    return False


def _ask(side: _Side, what: str) -> dict[str, Any]:
    url = f"http://127.0.0.1:{side.web_port}/rest/{what}"
    request = urllib.request.Request(url, headers={"X-API-Key": side.key})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=5) as reply:
        return json.load(reply)


def _in(config: ET.Element, path: str) -> ET.Element:
    found = config.find(path)
    return (
        found
        if found is not None
        else ET.SubElement(_in(config, path.rpartition("/")[0] or "."), path.rpartition("/")[2])
    )


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _found(program: str) -> str:
    path = shutil.which(
        program, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    )
    if path is None:
        raise RuntimeError(f"not installed: apt-get install {program}")
    return path
