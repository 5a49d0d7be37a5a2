"""The houses of these tests: one that a file shares, one of a test's own, and a present world."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.server import House, open_house
from tests.world import Time, World, open_world


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for a file's tests."""
    with open_house(tmp_path_factory.mktemp("house")) as one:
        yield one


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[House]:
    """A house of the test's own."""
    with open_house(tmp_path) as one:
        yield one


@pytest.fixture
def present(tmp_path: Path) -> Iterator[World]:
    """A world at the real present: a server's process has a clock of its own."""
    with open_world(tmp_path, Time(time.time_ns() // 1000)) as world:
        yield world
