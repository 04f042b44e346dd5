"""A status in words, for people. Takes the status as JSON has it: dictionaries, so that nothing is loaded."""

from typing import Any

Facts = dict[str, Any]


def status_lines(status: Facts) -> list[str]:
    """The whole status: the folder, its remotes, what moves, what a person should look at."""
    lines = [f"{status['folder']}: {headline(status)}"]
    remotes: list[Facts] = status["remotes"]
    name_width = max((len(remote["name"]) for remote in remotes), default=0)
    lines += [f"  {remote['name']:<{name_width}}  {remote_words(remote)}" for remote in remotes]
    if not remotes and not is_starting(status):
        lines.append("  It has no remotes yet. Add one: instep up DIR REMOTE")
    lines += [f"  {transfer_words(transfer)}" for transfer in status["transfers"]]
    for item in status["attention"]:
        lines += [f"! {item['text']}", f"  {item['fix']}"]
    return lines


def is_starting(status: Facts) -> bool:
    """Whether the folder is still being opened: nothing is said of its remotes then."""
    return "starting" in status["outstanding"]


def headline(status: Facts) -> str:
    """The state, and the folder's own work that is left; what remotes lack is said at the remotes."""
    own = own_work(status)
    return status["state"] + (f" ({', '.join(own)})" if own else "")


def own_work(status: Facts) -> list[str]:
    """What is outstanding and is said nowhere else in the status."""
    elsewhere = {item["text"] for item in status["attention"]}
    names = tuple(f"{remote['name']}: " for remote in status["remotes"])
    moving = tuple(f"{transfer['path']}: on its way" for transfer in status["transfers"])
    return [
        text
        for text in status["outstanding"]
        if text not in elsewhere
        and not (names and text.startswith(names))
        and not (moving and text.startswith(moving))
    ]


def remote_words(remote: Facts) -> str:
    """One remote: where it is, and how it stands."""
    return f"{remote['url']}  {'in step' if remote['in_step'] else remote['reason']}"


def transfer_words(transfer: Facts) -> str:
    """One transfer, as in `-> Nas: film.mkv 12.0 of 700.0 MB`."""
    arrow = "->" if transfer["direction"] == "send" else "<-"
    done, total = transfer["done_bytes"], transfer["total_bytes"]
    return f"{arrow} {transfer['remote']}: {transfer['path']} {megabytes(done)} of {megabytes(total)} MB"


def megabytes(size_bytes: int) -> str:
    """Millions of bytes, with one digit after the point."""
    return f"{size_bytes / 1e6:.1f}"


def change_line(status: Facts) -> str:
    """The status in one line, for `--watch` where nobody looks at a screen."""
    parts = [headline(status)]
    parts += [
        f"{remote['name']}: {remote['reason']}" for remote in status["remotes"] if not remote["in_step"]
    ]
    parts += [transfer_words(transfer) for transfer in status["transfers"]]
    parts += [item["text"] for item in status["attention"]]
    return "; ".join(parts)
