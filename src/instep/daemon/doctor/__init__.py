"""`instep doctor`: looks at the machine and at one folder, and says how to mend what it finds.

Each check is a function that yields findings; it looks and changes nothing. What is wrong has its sentence in
`core/health.py`, like everything that `instep status` says.
"""

from collections.abc import Iterator
from pathlib import Path

from instep.daemon.doctor import folder as of_folder
from instep.daemon.doctor import machine as of_machine
from instep.daemon.doctor.finding import Finding, trouble

MACHINE = (
    of_machine.git,
    of_machine.git_annex,
    of_machine.clock,
    of_machine.watches,
    of_machine.open_files,
    of_machine.own_places,
    of_machine.ssh,
)
FOLDER = (
    of_folder.kind,
    of_folder.process,
    of_folder.others,
    of_folder.clock,
    of_folder.watches,
    of_folder.space,
    of_folder.permissions,
    of_folder.locks,
    of_folder.objects,
    of_folder.remotes,
)


def examine_all(root: Path | None) -> Iterator[Finding]:
    """What every check finds, as it is found; without a folder only the machine's. A check that fails itself
    is a finding too."""
    for check in MACHINE:
        try:
            yield from check()
        except Exception as error:
            yield trouble("check-failed", check.__name__, str(error))
    for check in FOLDER if root is not None else ():
        try:
            assert root is not None
            yield from check(root)
        except Exception as error:
            yield trouble("check-failed", check.__name__, str(error))
