"""Shops to which a tale was told, each made once; a test that changes one works aside."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.orders.tales import TALES, Teller, long_ago
from tests.cli.terminal import Terminal
from tests.world import open_world


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Terminal]:
    """By the name of its tale, the terminal of each shop."""
    shops = {}
    for tale in TALES:
        folder = tmp_path_factory.mktemp(tale.__name__)
        with open_world(folder, long_ago()) as world:
            tale(Teller(world))
            shops[tale.__name__] = Terminal(folder / "nuqta.db", str(world.riyadh.store_id))
    return shops


@pytest.fixture
def aside(told: dict[str, Terminal], tmp_path: Path) -> Callable[[str], Terminal]:
    """A copy of a tale's shop that a test may change."""

    def copied(name: str) -> Terminal:
        shop = told[name]
        for file in "nuqta.db", "nuqta.db.key":
            shutil.copy2(Path(shop.db).with_name(file), tmp_path / file)
        return Terminal(tmp_path / "nuqta.db", shop.store)

    return copied
