"""The one decision of the status: in step exactly when nothing is left, and a reason for everything else."""

from hypothesis import given
from hypothesis import strategies as st

from instep.core.status import AttentionItem, RemoteStatus, TransferStatus, honest, judge, shown

REMOTES = st.lists(
    st.builds(
        RemoteStatus,
        name=st.sampled_from(["a", "b", "c"]),
        reachable=st.booleans(),
        in_step=st.booleans(),
        paused=st.booleans(),
        outstanding=st.lists(st.just("1 commit"), max_size=1),
        reason=st.sampled_from(["", "no route"]),
    ),
    max_size=3,
)
TRANSFERS = st.lists(
    st.builds(
        TransferStatus,
        ident=st.just("1"),
        remote=st.just("a"),
        path=st.just("p"),
        direction=st.just("send"),
        done_bytes=st.just(0),
        total_bytes=st.just(1),
    ),
    max_size=1,
)
ATTENTION = st.lists(
    st.builds(
        AttentionItem,
        code=st.just("x"),
        severity=st.sampled_from(["attention", "notice"]),
        text=st.just("words"),
        fix=st.just("way out"),
    ),
    max_size=2,
)
PENDING = st.dictionaries(st.just("changes"), st.integers(0, 2), max_size=1)


@given(PENDING, REMOTES, TRANSFERS, ATTENTION)
def test_in_step_is_said_exactly_when_it_is_so(  # I29
    pending: dict[str, int],
    remotes: list[RemoteStatus],
    transfers: list[TransferStatus],
    attention: list[AttentionItem],
) -> None:
    serious = any(item.severity == "attention" for item in attention)
    reached = all(remote.reachable and remote.in_step and not remote.outstanding for remote in remotes)
    quiet = not any(pending.values()) and not transfers
    state, outstanding = judge(pending, [honest(remote) for remote in remotes], transfers, attention)
    assert (state == "in step") is (reached and quiet and not serious)
    assert bool(outstanding) is (state != "in step")
    assert (state == "attention") is serious


@given(REMOTES)
def test_a_remote_is_in_step_or_has_a_reason(remotes: list[RemoteStatus]) -> None:  # I29
    for remote in map(honest, remotes):
        assert remote.in_step is not bool(remote.reason)
        assert bool(remote.outstanding) is not remote.in_step
        assert honest(remote) == remote


@given(st.binary())
def test_any_name_can_be_shown(name: bytes) -> None:
    shown(name).encode()
