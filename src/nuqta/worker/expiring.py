"""What is about to expire is told, some days before, once a lot."""

from nuqta.engine.engine import Engine
from nuqta.ledger.commands import SYSTEM, Remind
from nuqta.ledger.instants import days_after
from nuqta.storage.statements import statement

_TO_TELL = statement("events.lots_to_tell")


def remind(engine: Engine) -> int:
    """Tell of every lot that expires within NUQTA_EXPIRING_DAYS; how many were looked at.

    Raises StorageFault. Twice is once: a lot that was told of is not found again.
    """
    days = engine.settings.expiring_days
    if not days:
        return 0
    now = engine.clock.now()
    until = days_after(now, days)
    total, seen = 0, (0, 0, 0, 0)
    while True:
        found = engine.vault.reader().rows(
            _TO_TELL, now=now, until=until, limit=engine.settings.batch,
            expires_at=seen[0], dkey=seen[1], customer_id=seen[2], lot=seen[3],
        )  # fmt: skip
        if not found:
            return total
        engine.door.post_all(
            [
                Remind(
                    dkey=dkey, customer_id=customer_id, origin=SYSTEM, key=f"expiring:{lot}",
                    lot=lot, within_us=until - now,
                )
                for _, dkey, customer_id, lot in found
            ]
        )  # fmt: skip
        total += len(found)
        seen = (found[-1][0], found[-1][1], found[-1][2], found[-1][3])
