"""The sweeper: books what fell due, in batches. Twice is once, and no read depends on it."""

from nuqta.engine import replies
from nuqta.engine.access.sessions import HOUR_US
from nuqta.engine.engine import Engine
from nuqta.ledger.commands import SYSTEM, Settle
from nuqta.ledger.instants import DAY_US
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_DUE = statement("points.due_accounts")
_FORGET_ENDED = [
    statement(name)
    for name in (
        "sessions.forget_ended", "sessions.forget_codes", "staff.forget_ended",
        "staff.forget_tries", "oauth.forget_codes", "oauth.forget_refresh",
    )
]  # fmt: skip
_KEPT_US = 30 * DAY_US  # a session's end can be told from a session that never was for so long


def sweep(engine: Engine) -> tuple[int, int]:
    """Book everything that is due now: how many accounts, how many transfers. Raises StorageFault.

    Sessions, codes and refresh tokens that ended more than 30 days ago are forgotten.
    """
    accounts = transfers = 0
    now = engine.clock.now()
    while True:
        settled, booked = settle(engine, now)
        if not booked:
            break  # nothing is due, or others have swept the same accounts meanwhile
        accounts += settled
        transfers += booked
    forget(engine, now)
    return accounts, transfers


def settle(engine: Engine, now: int) -> tuple[int, int]:
    """Book what is due at `now` for one batch of accounts: how many, and how many transfers.

    Raises StorageFault.
    """
    due = engine.vault.reader().rows(_DUE, now=now, limit=engine.settings.batch)
    if not due:
        return 0, 0
    commands = [
        Settle(dkey=dkey, customer_id=customer_id, origin=SYSTEM, key="settle")
        for dkey, customer_id in due
    ]
    answers = engine.door.post_all(commands)
    return len(due), sum(answer.receipt.booked for answer in answers)


def forget(engine: Engine, now: int) -> None:
    """Forget sessions, codes and refresh tokens that ended more than 30 days before `now`, and kept
    answers past their time. Raises StorageFault."""
    engine.door.write_now("forget", lambda tx: _forget(tx, now - _KEPT_US))
    before, most = now - engine.settings.reply_hours * HOUR_US, engine.settings.batch
    while engine.door.write_now("forget", lambda tx: replies.forget(tx, before, most)) == most:
        continue


def _forget(tx: Transaction, before: int) -> None:
    for forget_ended in _FORGET_ENDED:
        tx.run(forget_ended, before=before)
