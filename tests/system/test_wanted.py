"""What a folder wants decides what it fetches, and its status says nothing is missing."""

from itertools import count

from instep.core.pointers import key_of_pointer
from tests.conftest import run_git

from .harness import Pair, eventually
from .worktree import read, write

BIG = b"\0big" * 50_000


def is_pointer(data: bytes | None) -> bool:
    """Whether a file stands for content that is not there."""
    return data is not None and key_of_pointer(data) is not None


def stop_wanting_images(running: Pair) -> None:
    """Returns once that holds: the git-annex branch is read when what came just before is recorded in it."""
    run_git(running.b, "annex", "wanted", "-q", ".", "exclude=*.iso")
    numbers = count()

    def holds() -> bool:
        name = f"try{next(numbers)}.iso"
        write(running.a, name, BIG + name.encode())
        running.wait()
        return is_pointer(read(running.b, name))

    eventually(holds, "the wish holds")


def test_a_folder_does_not_fetch_what_it_does_not_want(running: Pair) -> None:  # I22 I29
    stop_wanting_images(running)
    write(running.a, "film.bin", BIG + b"1")
    write(running.a, "disk.iso", BIG + b"2")
    running.wait()
    assert read(running.b, "film.bin") == BIG + b"1"
    assert is_pointer(read(running.b, "disk.iso"))
    assert running.status(running.b)["in_step"]
    write(running.a, "disk.iso", BIG + b"3")  # a new version of what is not here
    running.wait()
    assert is_pointer(read(running.b, "disk.iso"))
    run_git(running.b, "annex", "wanted", "-q", ".", "anything")
    eventually(lambda: read(running.b, "disk.iso") == BIG + b"3", "what is wanted now")
    running.assert_equal()


def test_a_wish_that_is_not_understood_fetches_nothing_new(running: Pair) -> None:  # I22
    run_git(running.b, "annex", "wanted", "-q", ".", "balanced=nobody:1")
    eventually(
        lambda: any("balanced" in each["text"] for each in running.status(running.b)["attention"]),
        "the wish is named",
    )
    write(running.a, "new.bin", BIG)
    eventually(lambda: is_pointer(read(running.b, "new.bin")), "the pointer")
    run_git(running.b, "annex", "wanted", "-q", ".", "")
    eventually(lambda: read(running.b, "new.bin") == BIG, "the content")
    assert not running.status(running.b)["attention"]


def test_a_pointer_that_is_held_open_gets_its_content_once_it_is_closed(running: Pair) -> None:  # I7 I29
    stop_wanting_images(running)
    write(running.a, "held.iso", BIG + b"held")
    running.wait()
    with open(running.b / "held.iso", "r+b") as pointer:
        run_git(running.b, "annex", "wanted", "-q", ".", "anything")
        objects = running.b / ".git/annex/objects"
        key = key_of_pointer(pointer.read())
        assert key is not None
        eventually(lambda: list(objects.glob(f"*/*/*/{key.decode()}")), "the content is here")
        eventually(
            lambda: "held.iso" in running.instep("wait", "--timeout", "0.1", running.b, check=False).err
        )
        assert is_pointer(read(running.b, "held.iso"))
    running.wait(running.b)
    assert read(running.b, "held.iso") == BIG + b"held"
