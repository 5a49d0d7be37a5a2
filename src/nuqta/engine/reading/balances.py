"""Balances: of one account now, and at any instant, as known at any instant, at any version."""

from nuqta.engine.engine import Engine
from nuqta.ledger.account import Account, dkey_of
from nuqta.ledger.history import Balance, at, balance_of, rebuild
from nuqta.ledger.instants import Instant
from nuqta.ledger.transfers import AccountKey
from nuqta.storage import books


def account_now(engine: Engine, key: AccountKey, clock: Instant) -> Account | None:
    """The account at `clock`, what fell due applied, from one snapshot. Raises StorageFault."""
    with engine.vault.snapshot() as tx:
        account = books.account(tx, key)
        if account is None:
            return None
        if max(clock, account.recorded_at) < account.next_change_at:
            return account
        return at(account, *books.open_lots(tx, account), clock)


def show(
    engine: Engine,
    store_id: int,
    customer_id: int,
    *,
    as_of: Instant | None = None,
    known_at: Instant | None = None,
    version: int | None = None,
) -> Balance | None:
    """A customer's balance; None where there is no such customer. Raises StorageFault."""
    key = (dkey_of(store_id, customer_id), customer_id)
    clock = engine.clock.now()
    if as_of is None and known_at is None and version is None:
        account = account_now(engine, key, clock)
        return None if account is None else balance_of(account)
    with engine.vault.snapshot() as tx:
        account = books.account(tx, key)
        if account is None:
            return None
        return rebuild(
            key, *books.everything(tx, account), clock,
            as_of=as_of, known_at=known_at, version=version,
        )  # fmt: skip
