"""What the model is played against: one account on paper, or on a real SQLite file."""

from collections.abc import Sequence
from typing import Protocol

from nuqta.engine.door import post
from nuqta.ledger.account import Account
from nuqta.ledger.commands import Answer, Command
from nuqta.ledger.events import Event
from nuqta.ledger.history import at
from nuqta.ledger.holds import Hold
from nuqta.ledger.instants import Instant
from nuqta.ledger.invariants import violations
from nuqta.ledger.lots import Lot
from nuqta.ledger.transfers import AccountKey, Transfer
from nuqta.storage import books
from nuqta.storage.sqlite import Vault
from tests.ledger.paper import Paper


class Ledger(Protocol):
    """What is played on."""

    @property
    def account(self) -> Account: ...
    def every_transfer(self) -> list[Transfer]: ...
    def every_lot(self) -> list[Lot]: ...
    def every_hold(self) -> list[Hold]: ...
    def every_event(self) -> list[Event]: ...
    def post(self, commands: Sequence[Command], clock: Instant) -> list[Answer]: ...
    def read(self, clock: Instant) -> Account: ...
    def wrongs(self) -> list[str]: ...


class Sheet(Paper):
    """Paper, as something that can be played on."""

    def every_transfer(self) -> list[Transfer]:
        return list(self.transfers)

    def every_lot(self) -> list[Lot]:
        return [self.lots[number] for number in sorted(self.lots)]

    def every_hold(self) -> list[Hold]:
        return [self.holds[number] for number in sorted(self.holds)]

    def every_event(self) -> list[Event]:
        return list(self.events)


class Shelf:
    """One account in an open vault."""

    def __init__(self, vault: Vault, key: AccountKey) -> None:
        self._vault = vault
        self._key = key
        vault.write("open", lambda tx: books.open_accounts(tx, [key]))

    @property
    def account(self) -> Account:
        account = books.account(self._vault.reader(), self._key)
        assert account is not None
        return account

    def every_transfer(self) -> list[Transfer]:
        return books.transfers(self._vault.reader(), self._key)

    def every_lot(self) -> list[Lot]:
        return books.all_lots(self._vault.reader(), self._key)

    def every_hold(self) -> list[Hold]:
        return books.all_holds(self._vault.reader(), self._key)

    def every_event(self) -> list[Event]:
        columns = ", ".join(Event.__struct_fields__)
        query = f"SELECT {columns} FROM events WHERE dkey = ? AND customer_id = ? ORDER BY number"  # noqa: S608 - the columns are the record's own
        return [Event(*row) for row in self._vault.reader().rows_of(query, self._key)]

    def post(self, commands: Sequence[Command], clock: Instant) -> list[Answer]:
        return self._vault.write("post", lambda tx: post(tx, commands, clock))

    def read(self, clock: Instant) -> Account:
        with self._vault.snapshot() as tx:
            account = books.account(tx, self._key)
            assert account is not None
            return at(account, *books.open_lots(tx, account), clock)

    def wrongs(self) -> list[str]:
        with self._vault.snapshot() as tx:
            account = books.account(tx, self._key)
            assert account is not None
            return list(violations(
                account, books.transfers(tx, self._key), books.all_lots(tx, self._key),
                books.all_holds(tx, self._key), books.receipts(tx, self._key),
            ))  # fmt: skip
