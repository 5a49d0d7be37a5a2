"""A shop with a domain of its own, and a house for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.server import House, open_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house of the test's own."""
    with open_house(tmp_path) as one:
        yield one
