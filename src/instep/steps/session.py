"""One link in use: everything that two folders say to each other passes here.

The session knows where the other side stands. It pushes our heads, whoever made what is in them (so those
between pass on what they take in: I16), takes theirs in, and says of the peer whether it is in step. What
arrives is handed to the steps; nothing is decided here.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, assert_never

import anyio
import anyio.to_thread

from instep.annex.limits import bytes_per_s
from instep.core.faults import fault_of
from instep.core.keys import hash_of, new_hash
from instep.core.status import files
from instep.core.types import Key, Object, Oid
from instep.git.errors import GitError
from instep.git.history import is_ancestor
from instep.git.objects import MissingObject
from instep.git.packs import PackReceiver, pack_between
from instep.remotes.errors import LinkError, ProtocolError
from instep.remotes.frames import (
    At,
    Bye,
    Cancel,
    Content,
    Frame,
    Have,
    Heads,
    Hello,
    Inline,
    Move,
    Moved,
    NeedPack,
    NoContent,
    Objects,
    Pack,
    Ping,
    Pong,
    RefMove,
    Want,
)  # fmt: skip
from instep.remotes.link import Link
from instep.remotes.trust import may_move
from instep.steps.arrival import Arrival
from instep.steps.mailbox import Mailbox
from instep.steps.peer_commits import PeerCommits
from instep.steps.push import raw_frames
from instep.steps.state import FolderState

WINDOW = 4
"""Moves on their way that are not answered yet."""
MAX_HELD_BYTES = 96 << 20
"""Raw objects taken in before their move comes."""
ANNEX_REFS = ("refs/heads/git-annex", "refs/heads/synced/git-annex")


class Hands(Protocol):
    """The steps that a session hands work to. Called in the event loop; none of these blocks."""

    def heads(self) -> Heads:
        """Our state now."""
        ...

    def arrived(self, arrival: Arrival) -> None:
        """A head of the branch came, to be merged."""
        ...

    def annex_arrived(self, arrival: Arrival) -> None:
        """A head of the git-annex branch came, to be united."""
        ...

    def peer_moved(self, session: "Session") -> None:
        """The peer's state changed."""
        ...

    def content(self, session: "Session", frame: Content | NoContent | At) -> None:
        """An answer to something that we want."""
        ...

    def wanted(self, session: "Session", frame: Want | Cancel) -> None:
        """The peer wants content, or doesn't any more."""
        ...

    def offered(self, session: "Session", keys: Sequence[Key]) -> None:
        """The peer has content now that it may have lacked before."""
        ...


@dataclass
class _Held:
    """What came before its move."""

    objects: dict[Oid, Object] = field(default_factory=dict[Oid, Object])
    contents: list[tuple[Key, bytes]] = field(default_factory=list[tuple[Key, bytes]])
    packed: bool = False
    size_bytes: int = 0


class Session:
    """One peer, as long as its link lives."""

    def __init__(self, state: FolderState, link: Link, name: str, hands: Hands) -> None:
        self._state = state
        self._hands = hands
        self.link = link
        self.name = name
        self.peer: Heads | None = None
        """The newest state that the peer told."""
        self._stood: Oid | None = None
        """Where the peer stood when it was last looked at whether it went back."""
        self.bell: Mailbox[None] = Mailbox(lambda: None)
        self._told: Heads | None = None
        self._held = _Held()
        self._pack: PackReceiver | None = None
        self._has = PeerCommits()
        self._moves: dict[int, tuple[str, Oid]] = {}
        self._next_move = 0
        self._answered = anyio.Event()
        self._packs: list[tuple[str, Oid, Sequence[Oid]]] = []
        self._refused: set[Oid] = set()

    async def run(self) -> None:
        """Work until the link ends. Raises LinkError when it did not end cleanly."""
        ended: LinkError | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._push)
            self.bell.ring()
            try:
                async for frame in self.link:
                    await self._take(frame)
            except LinkError as error:
                ended = error
            finally:
                self._drop_pack()
            tasks.cancel_scope.cancel()
        if ended is not None:
            raise ended

    @property
    def unanswered(self) -> int:
        """Moves that the peer has not made durable yet."""
        return len(self._moves)

    def outstanding(self) -> list[str]:
        """What keeps this peer from being where we are. # I29"""
        peer, heads = self.peer, self._hands.heads()
        if peer is None:
            return ["not heard from yet"]
        if peer.branch != heads.branch:
            return [f"it is on the branch {peer.branch}, this folder on {heads.branch}"]
        found: list[str] = []
        if peer.head != heads.head or self.unanswered:
            found.append("the newest changes are on their way")
        elif not peer.settled:
            found.append("it is still taking changes in")
        if peer.missing:
            found.append(f"it lacks the content of {files(peer.missing)}")
        return found

    # -- out ----------------------------------------------------------------------------------------

    async def _push(self) -> None:
        with suppress(LinkError):  # whoever reads the link hears of its end too
            await self._push_for_ever()

    async def _push_for_ever(self) -> None:
        await self._tell()  # before anything else, whatever the peer has said by now
        while True:
            await self.bell.take()
            packs, self._packs = self._packs, []
            for ref, tip, have in packs:
                await self._send_pack(tip, have)
                await self._send_move(ref, None, tip)
            heads = self._hands.heads()
            if self.peer is not None:
                await self._look_back(self.peer.head, heads.head)
                branch = f"refs/heads/synced/{self._state.branch}"
                await self._push_ref(branch, self._state.tip, self.peer.head)
                await self._push_ref(ANNEX_REFS[0], heads.annex, self.peer.annex)
            await self._tell()

    async def _tell(self) -> None:
        heads = self._hands.heads()
        if heads != self._told:
            self._told = heads
            await self.link.send(heads)

    async def _look_back(self, now: Oid | None, tip: Oid | None) -> None:
        """A peer whose branch was moved back by hand has our commits and does not stand at them: the newest
        goes there again (I13).
        """
        before, self._stood = self._stood, now
        if tip in (None, now) or tip not in self._has or before in (None, now):
            return
        if await anyio.to_thread.run_sync(self._went_back, before, now):
            self._has.forget(tip)

    def _went_back(self, before: Oid, now: Oid | None) -> bool:
        try:
            return now is None or not is_ancestor(self._state.repo, before, now)
        except MissingObject:  # on its way to us
            return False

    async def _push_ref(self, ref: str, tip: Oid | None, old: Oid | None) -> None:
        if tip is None or tip in self._has or tip in self._refused or not self._same_branch:
            return
        while len(self._moves) >= WINDOW:
            self._answered = anyio.Event()
            await self._answered.wait()
        have = self._has.all()
        contents = ref not in ANNEX_REFS and not self._is_limited  # else they are asked for, at their pace
        frames = await anyio.to_thread.run_sync(lambda: raw_frames(self._state, tip, have, contents=contents))
        if frames is None:
            if not await anyio.to_thread.run_sync(self._state.repo.objects.has, tip):
                return  # it was on its way to our disk, which refused it (ADR 5)
            await self._send_pack(tip, self._has.durable())
        await self._send_move(ref, old, tip, frames or ())

    async def _send_move(
        self, ref: str, old: Oid | None, tip: Oid, needed: Sequence[Objects | Inline] = ()
    ) -> None:
        self._next_move += 1
        self._moves[self._next_move] = (ref, tip)
        self._has.note(tip, durable=False)
        await self.link.send(*needed, Move(self._next_move, (RefMove(ref, old, tip),)))

    async def _send_pack(self, tip: Oid, have: Sequence[Oid]) -> None:
        store = self._state.repo.objects
        stream = pack_between(self._state.repo, [tip], [oid for oid in have if store.has(oid)])
        piece = await anyio.to_thread.run_sync(next, stream, None)
        while piece is not None:
            following = await anyio.to_thread.run_sync(next, stream, None)
            await self.link.send(Pack(piece, following is None))
            piece = following

    @property
    def _is_limited(self) -> bool:
        return bytes_per_s(self._state.repo.config, self.name, "upload") is not None

    @property
    def _same_branch(self) -> bool:
        return self.peer is not None and self.peer.branch == self._state.branch

    # -- in -----------------------------------------------------------------------------------------

    async def _take(self, frame: Frame) -> None:
        match frame:
            case Heads():
                self.peer = frame
                self._has.note(frame.head, durable=True)
                self._has.note(frame.annex, durable=True)
                self.bell.ring()
                self._hands.peer_moved(self)
            case Objects():
                self._hold_objects(frame)
            case Inline():
                self._hold_contents(frame)
            case Pack():
                await self._take_pack(frame)
            case Move():
                self._take_move(frame)
            case Moved():
                self._take_moved(frame)
            case NeedPack():
                self._take_need(frame)
            case Want() | Cancel():
                self._hands.wanted(self, frame)
            case Content() | NoContent() | At():
                self._hands.content(self, frame)
            case Have():
                self._hands.offered(self, frame.keys)
            case Hello() | Ping() | Pong() | Bye():
                pass  # the link's own
            case _:
                assert_never(frame)

    def _hold(self, size_bytes: int) -> None:
        self._held.size_bytes += size_bytes
        if self._held.size_bytes > MAX_HELD_BYTES:
            raise ProtocolError("More objects came before their move than a folder sends.")

    def _hold_objects(self, frame: Objects) -> None:
        for item in frame.items:
            self._hold(len(item.data))
            self._held.objects[self._state.repo.format.hash(item.kind, item.data)] = item

    def _hold_contents(self, frame: Inline) -> None:
        for key, data in frame.items:
            self._hold(len(data))
            if matches(key, data):
                self._held.contents.append((key, data))

    async def _take_pack(self, frame: Pack) -> None:
        if self._pack is None:
            self._pack = await anyio.to_thread.run_sync(PackReceiver, self._state.repo)
        receiver = self._pack
        try:
            await anyio.to_thread.run_sync(receiver.feed, frame.data)
            if frame.last:
                await anyio.to_thread.run_sync(receiver.finish)
                self._pack = None
                self._held.packed = True
        except GitError as error:
            if fault_of(error) is not None:  # ours, not the peer's
                raise
            raise ProtocolError(error.text) from error

    def _drop_pack(self) -> None:
        """A pack that will not be finished leaves no process and no file; some milliseconds."""
        if self._pack is not None:
            self._pack.abort()
            self._pack = None

    def _take_move(self, frame: Move) -> None:
        held, self._held = self._held, _Held()
        for update in frame.updates:
            if not may_move(update.ref, self._state.branch):
                self.link.post(Moved(frame.id, "refused", f"{update.ref} is not moved over a link"))
                return
            if update.ref not in self._our_refs():  # this folder was switched to another branch
                self.link.post(Moved(frame.id, "stale", f"{self._state.branch} is checked out here"))
                return
        for update in frame.updates:
            self._has.note(update.new, durable=False)  # it may be on its way to the disk there (ADR 5)
            arrival = Arrival(
                update.new,
                self.name,
                held.objects,
                tuple(held.contents),
                held.packed,
                peer_joins=self.link.peer.uuid < self._state.uuid,
                answer=self._answerer(frame.id),
            )
            hand = self._hands.annex_arrived if update.ref in ANNEX_REFS else self._hands.arrived
            hand(arrival)

    def _answerer(self, ident: int) -> Callable[[str, str], None]:
        def answer(outcome: str, reason: str) -> None:
            with suppress(LinkError):  # whoever asked is gone, and asks again when it is back
                match outcome:
                    case "incomplete":
                        self.link.post(NeedPack(ident, tuple(self._our_heads())))
                    case "durable" | "stale" | "refused" | "failed":
                        self.link.post(Moved(ident, outcome, reason))
                    case _:
                        raise ValueError(outcome)

        return answer

    def _our_refs(self) -> tuple[str, ...]:
        branch = self._state.branch
        return (f"refs/heads/{branch}", f"refs/heads/synced/{branch}", *ANNEX_REFS)

    def _our_heads(self) -> list[Oid]:
        heads = self._hands.heads()
        return [oid for oid in (heads.head, heads.annex) if oid is not None]

    def _take_moved(self, frame: Moved) -> None:
        move = self._moves.pop(frame.id, None)
        self._answered.set()
        if move is not None and frame.outcome == "durable":
            self._has.note(move[1], durable=True)
        elif move is not None and not frame.ok:
            self._has.forget(move[1])
            if frame.outcome == "refused":
                self._refused.add(move[1])
            self._state.board.log(
                "push", f"{self.name} did not take a commit: {frame.reason}", remote=self.name
            )
        self.bell.ring()
        self._hands.peer_moved(self)

    def _take_need(self, frame: NeedPack) -> None:
        move = self._moves.pop(frame.id, None)
        self._answered.set()
        if move is None:
            raise ProtocolError("A pack was asked for that belongs to no move.")
        self._packs.append((*move, frame.have))
        self.bell.ring()


def matches(key: Key, data: bytes) -> bool:
    """Whether small content is what its key says; False where that can't be told."""
    known = hash_of(key)
    if known is None:
        return False
    digest = new_hash(known[0])
    digest.update(data)
    return digest.hexdigest() == known[1]
