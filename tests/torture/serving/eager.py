"""The control: a server that answers before it commits, launched and killed as `launcher.py` is."""

import sys
from collections.abc import Callable
from typing import Final, TypeVar

import uvicorn

from nuqta.api.app import App
from nuqta.api.server import wire
from nuqta.engine.clock import Clock
from nuqta.engine.engine import Engine, database_path
from nuqta.settings import Settings
from nuqta.storage.sqlite import Transaction, Vault
from tests.torture.serving.launcher import armed

T = TypeVar("T")
KEPT: Final = armed
AT_ONCE: Final = 8


class Eager(Vault):
    """Several transactions are committed together, when the callers of most have been answered."""

    waiting = 0

    def write(self, name: str, work: Callable[[Transaction], T]) -> T:
        if self.waiting == AT_ONCE:
            self._writer.execute("COMMIT")
            self.waiting = 0
        if not self.waiting:
            self._writer.execute("BEGIN IMMEDIATE")
        self.waiting += 1
        return work(Transaction(self._writer))


def main() -> None:
    """Serve until killed: `--db PATH serve --port PORT --workers 1`."""
    named = dict(zip(sys.argv[1:], sys.argv[2:], strict=False))
    settings = Settings({"NUQTA_DB": named["--db"], "NUQTA_RATE_LIMIT": "0"})
    vault = Eager(database_path(settings.db), settings.lock_seconds)
    app = App(Engine(settings, vault, Clock()))
    uvicorn.run(**wire(settings, app), port=int(named["--port"]))


if __name__ == "__main__":
    main()
