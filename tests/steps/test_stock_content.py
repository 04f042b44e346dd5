"""What waits to be looked at for a remote where no instep answers."""

from instep.core.types import MODE_FILE, Entry, Oid
from instep.steps.stock_content import Candidates
from tests.steps.side import p

OLD, NEW = (Entry(MODE_FILE, Oid(bytes([number]) * 20)) for number in (1, 2))


def test_what_is_put_back_does_not_take_the_place_of_what_came_meanwhile() -> None:
    """Else the content of the newest version would not be given until the next change."""
    waiting = Candidates(entries={p("film"): NEW})
    waiting.put_back(Candidates(entries={p("film"): OLD, p("other"): OLD}, everything=True))
    assert waiting.entries == {p("film"): NEW, p("other"): OLD}
    assert waiting.everything
