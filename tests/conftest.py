"""What every test may ask for: the world, and the profile under which hypothesis plays."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world import World, open_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The one test world, on a file of its own; its books are audited as the test ends."""
    with open_world(tmp_path) as one:
        yield one
