"""`instep status --watch` on a terminal: the status, kept current, with a bar for each transfer."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from instep.cli.show import Facts, headline, remote_words

_STYLE = {
    "in step": "green",
    "syncing": "cyan",
    "waiting": "yellow",
    "paused": "yellow",
    "attention": "bold red",
}


def live_view(statuses: Iterable[Facts]) -> None:
    """Show each status in place of the one before, until they end or the person has seen enough."""
    with Live(refresh_per_second=10, auto_refresh=False) as screen:
        for status in statuses:
            screen.update(picture(status), refresh=True)


def picture(status: Facts) -> RenderableType:
    """One status as a picture."""
    style = _STYLE.get(status["state"], "")
    parts: list[RenderableType] = [Text(f"{status['folder']}: ").append(headline(status), style)]
    remotes = Table.grid(padding=(0, 2))
    for remote in status["remotes"]:
        words = Text(remote_words(remote), "green" if remote["in_step"] else "yellow")
        remotes.add_row(Text(f"  {remote['name']}"), words)
    parts.append(remotes)
    if status["transfers"]:
        parts.append(_bars(status["transfers"]))
    for item in status["attention"]:
        parts.append(Text(f"! {item['text']}", "bold red" if item["severity"] == "attention" else ""))
        parts.append(Text(f"  {item['fix']}", "dim"))
    return Group(*parts)


def _bars(transfers: list[Facts]) -> Progress:
    bars = Progress(TextColumn("  {task.description}", markup=False), BarColumn(), DownloadColumn())
    for transfer in transfers:
        arrow = "->" if transfer["direction"] == "send" else "<-"
        words = f"{arrow} {transfer['remote']}: {transfer['path']}"
        bars.add_task(words, total=transfer["total_bytes"], completed=transfer["done_bytes"])
    return bars
