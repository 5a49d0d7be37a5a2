"""The contract suite's engines: every storage test runs on each, and its id names which.

A second engine adds its name and how to open it to `ENGINES`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nuqta.storage.sqlite import Vault, open_vault

Open = Callable[[Path], Vault]
ENGINES: dict[str, Open] = {
    "sqlite": lambda folder: open_vault(folder / "nuqta.db", lock_seconds=1),
}


@pytest.fixture(params=ENGINES)
def open_engine_vault(request: pytest.FixtureRequest) -> Open:
    """How the engine opens a database in a folder."""
    return ENGINES[request.param]


@pytest.fixture
def vault(open_engine_vault: Open, tmp_path: Path) -> Iterator[Vault]:
    """A fresh, migrated, open database."""
    one = open_engine_vault(tmp_path)
    yield one
    one.close()
