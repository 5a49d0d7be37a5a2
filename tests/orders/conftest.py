"""A shop behind a real server: one of a test's own, on books that are audited as the test ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.server import House, open_house
from tests.orders.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Riyadh's shop: 1 point for 1.00 SAR, usable at once, without an end."""
    with open_house(tmp_path) as house:
        yield Shop(house, house.world.riyadh)


@pytest.fixture
def house(shop: Shop) -> House:
    """The house in which the shop stands."""
    return shop.house
