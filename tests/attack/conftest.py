"""The house that the tests of one file share, and the world as other processes find it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.server import House, open_house
from tests.world import Time, World, open_world


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for a file's tests; they add to its world and move its clock forward only."""
    with open_house(tmp_path_factory.mktemp("house")) as one:
        yield one


@pytest.fixture
def present(tmp_path: Path) -> Iterator[World]:
    """The world, as of now."""
    with open_world(tmp_path, Time(time.time_ns() // 1000), rate_limit=0) as world:
        yield world
