"""Pairs of folders for system tests, and what both sides say of themselves when a test fails."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .far_pair import FarPair
from .harness import Cluster, Pair
from .hosts import GRAPHS, Graph, Hosts
from .network import Network


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that is in this room starts real processes."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.system)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds the status and the log of each folder to the report of a failed test."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for value in [*item.funcargs.values(), *getattr(item, "clusters", ())]:
            if isinstance(value, Cluster):
                report.sections.extend(value.reports())
    return report


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Two folders that do not exist yet, with nothing running."""
    with Pair(tmp_path) as pair:
        yield pair


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two folders in step, shared by the tests of a module: each keeps to names of its own."""
    with Pair(tmp_path_factory.mktemp("pair")) as pair:
        yield pair.up()


@pytest.fixture
def far_pair(tmp_path: Path) -> Iterator[FarPair]:
    """A folder here and a path on another computer, with nothing there yet."""
    with FarPair(tmp_path) as pair:
        yield pair


@pytest.fixture
def graph(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Graph]:
    """Makes the hosts of a graph (`hosts.GRAPHS`) by its name, with their folders in step."""
    with ExitStack() as stack:

        def make(name: str) -> Hosts:
            count, links = GRAPHS[name]
            hosts = Hosts(tmp_path, stack.enter_context(Network(count)), links)
            request.node.clusters = [hosts]
            return stack.enter_context(hosts).up()

        yield make
