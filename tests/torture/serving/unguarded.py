"""The control: a way to the books without its guards. Nothing is tested here.

What a command is decided on is read before the lock is held, and the account is changed whatever
its version is by then. Two of them on one file lose each other's changes.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import apsw
from msgspec.structs import replace

from nuqta.engine.clock import Clock
from nuqta.engine.engine import Engine, database_path
from nuqta.settings import Settings
from nuqta.storage.sqlite import Transaction, Vault
from nuqta.storage.statements import Statement

T = TypeVar("T")
_LOADED: Final = frozenset({"points.account", "points.open_lots", "holds.live"})
_GUARD: Final = re.compile(r"version = (\?\d+)$")


class Loose(Transaction):
    """A transaction that looks at accounts as they were before it."""

    def __init__(self, connection: apsw.Connection, before: Transaction) -> None:
        super().__init__(connection)
        self._before = before

    def each(self, statement: Statement, keys: Iterable[Sequence[object]]) -> list[tuple[Any, ...]]:
        if statement.name in _LOADED:
            return self._before.each(statement, keys)
        return super().each(statement, keys)

    def many(self, statement: Statement, rows: Iterable[Sequence[object]]) -> int:
        text = statement.text
        if statement.name == "points.change_account":
            text, guards = _GUARD.subn(r"\1 >= 0", text)
            assert guards == 1, text
        elif statement.name in ("points.add_transfer", "events.add"):
            text = text.replace("INSERT INTO", "INSERT OR REPLACE INTO")
        return super().many(replace(statement, text=text), rows)


class Unguarded(Vault):
    """The books, through such transactions."""

    def write(self, name: str, work: Callable[[Transaction], T]) -> T:
        with self.snapshot() as before:
            before.rows_of("SELECT count(*) FROM accounts", ())  # from here on it is the past
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                result = work(Loose(self._writer, before))
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")
        return result


def open_unguarded(settings: Settings, clock: Clock) -> Engine:
    """An engine on the books that are there."""
    return Engine(settings, Unguarded(database_path(settings.db), settings.lock_seconds), clock)
