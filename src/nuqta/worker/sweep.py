"""The sweeper: books what fell due, in batches. Twice is once, and no read depends on it."""

from nuqta.engine.engine import Engine
from nuqta.ledger.commands import SYSTEM, Settle
from nuqta.ledger.instants import DAY_US
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_DUE = statement("points.due_accounts")
_FORGET_SESSIONS = statement("sessions.forget_ended")
_FORGET_CODES = statement("sessions.forget_codes")
_KEPT_US = 30 * DAY_US  # a session's end can be told from a session that never was for so long


def sweep(engine: Engine) -> tuple[int, int]:
    """Book everything that is due now: how many accounts, how many transfers. Raises StorageFault.

    Sessions and codes that ended more than 30 days ago are forgotten.
    """
    accounts = transfers = 0
    now = engine.clock.now()
    while True:
        due = engine.vault.reader().rows(_DUE, now=now, limit=engine.settings.batch)
        if not due:
            break
        commands = [
            Settle(dkey=dkey, customer_id=customer_id, origin=SYSTEM, key="settle")
            for dkey, customer_id in due
        ]
        booked = [answer.receipt.booked for answer in engine.door.post_all(commands)]
        if not any(booked):
            break  # others have swept the same accounts meanwhile
        accounts += len(due)
        transfers += sum(booked)
    engine.door.write_now("forget", lambda tx: _forget(tx, now - _KEPT_US))
    return accounts, transfers


def _forget(tx: Transaction, before: int) -> None:
    tx.run(_FORGET_SESSIONS, before=before)
    tx.run(_FORGET_CODES, before=before)
