"""What tests of the worker may ask for: a receiver, and a world whose webhooks may reach it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.server import House, open_house
from tests.worker.receiver import Receiver, receiving
from tests.world import World, open_world


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of the test's own."""
    with receiving() as one:
        yield one


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world that may tell addresses of this machine."""
    with open_world(tmp_path, webhook_private_targets=1) as one:
        yield one


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A world behind a server, as it is by default."""
    with open_house(tmp_path, webhooks_per_store=3) as one:
        yield one
