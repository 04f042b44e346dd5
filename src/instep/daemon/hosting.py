"""Making a folder for somebody who calls over ssh: the far half of `instep up DIR HOST:PATH`.

The caller asks what is here (`examine`), says what all folders of its `up` have in common (`adopt`), and has
the process started (`start`). Nothing is changed before `adopt`, which can be refused and done again.
"""

import os
from collections.abc import Mapping

from instep.core.status import shown
from instep.daemon.adopt import Template
from instep.daemon.connect import Remotes
from instep.daemon.examine import check_programs
from instep.daemon.near import NearSide
from instep.daemon.reception import Answer
from instep.remotes.reception import Message, branch_of, text_of


def answers(side: NearSide) -> Mapping[str, Answer]:
    """What a caller may ask about this folder."""

    def examine(_: Message) -> Message:
        check_programs()
        found = side.described()
        return {
            "folder": shown(os.fsencode(side.place)),
            "was": found.kind,
            "branch": found.branch,
            "object_format": found.object_format,
            "config_log": None if found.config_log is None else os.fsdecode(found.config_log),
            "uuid": Remotes(side.place).uuid() if found.is_repository else None,
        }

    def adopt(request: Message) -> Message:
        side.described()  # as it is now, not as it was when somebody asked
        template = Template(
            branch=branch_of(request),
            object_format=text_of(request, "object_format"),
            config_log=os.fsencode(text_of(request, "config_log")),
        )
        return {"uuid": side.adopt(template, None, thin=request.get("thin") is True)}

    def start(_: Message) -> Message:
        running = side.start(new_remotes=False)
        return {"pid": running.pid, "started": running.started, "waits_for": running.waits_for}

    return {"examine": examine, "adopt": adopt, "start": start}
