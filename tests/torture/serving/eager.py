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
from nuqta.web.protocol import Protocol
from tests.torture.serving.launcher import armed

T = TypeVar("T")
KEPT: Final = armed


class Eager(Vault):
    """Each transaction is committed by the next one, when its callers have long been answered."""

    def write(self, name: str, work: Callable[[Transaction], T]) -> T:
        if self._writer.in_transaction:
            self._writer.execute("COMMIT")
        self._writer.execute("BEGIN IMMEDIATE")
        return work(Transaction(self._writer))


def main() -> None:
    """Serve until killed: `--db PATH serve --port PORT --workers 1`."""
    named = dict(zip(sys.argv[1:], sys.argv[2:], strict=False))
    settings = Settings({"NUQTA_DB": named["--db"], "NUQTA_RATE_LIMIT": "0"})
    Protocol.header_bytes = settings.header_bytes
    Protocol.receive_seconds = settings.receive_seconds
    vault = Eager(database_path(settings.db), settings.lock_seconds)
    app = App(Engine(settings, vault, Clock()))
    uvicorn.run(**{**wire(), "app": app, "port": int(named["--port"])})


if __name__ == "__main__":
    main()
