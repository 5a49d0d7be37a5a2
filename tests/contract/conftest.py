"""The house that the tests of one file share: the one world behind a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.server import House, open_house


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for a file's tests; they add to its world and move its clock forward only."""
    with open_house(tmp_path_factory.mktemp("house")) as one:
        yield one


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[House]:
    """A house of the test's own."""
    with open_house(tmp_path) as one:
        yield one
