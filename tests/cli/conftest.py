"""What tests of the terminal may ask for: a shop, made once and copied for each of them."""

import os
import shutil
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal


@pytest.fixture(scope="session")
def first_shop(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """The shop as it was made: nobody works in it."""
    shop = Terminal(tmp_path_factory.mktemp("shop") / "nuqta.db")
    shop.value("init")
    shop.store = str(shop.value("store", "create", "--name", "Dates and Coffee")["id"])
    rule = ("--earn-points", "1", "--earn-amount", "1", "--expiry-days", "365")
    shop.value("program", "set", "--store", shop.store, *rule)
    for number, name in ("1", "Aisha"), ("2", "Badr"):
        shop.value("customer", "create", "--store", shop.store, "--name", name, "--id", number)
    return shop


@pytest.fixture
def shop(first_shop: Terminal, tmp_path: Path) -> Terminal:
    """A shop of the test's own: 1 point for 1.00 SAR, 365 days, customers 1 and 2."""
    for name in "nuqta.db", "nuqta.db.key":
        shutil.copy2(Path(first_shop.db).with_name(name), tmp_path / name)
    return Terminal(tmp_path / "nuqta.db", first_shop.store)


@pytest.fixture(autouse=True)
def _without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of whoever runs the tests are not the tests' settings."""
    for name in [name for name in os.environ if name.startswith("NUQTA_")]:
        monkeypatch.delenv(name)
