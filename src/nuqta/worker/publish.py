"""Positions: the events of each bucket get theirs, once their changes are committed."""

from nuqta.engine.engine import Engine
from nuqta.engine.outbox.events import next_unplaced, place
from nuqta.storage.sqlite import Transaction


def publish(engine: Engine) -> int:
    """Give positions to events that have none, in batches; how many got one. Raises StorageFault.

    One round over all buckets: one that has more than a batch goes on in the next. Twice is once.
    """
    total, after = 0, 0
    while next_unplaced(engine.vault.reader(), after) is not None:

        def work(tx: Transaction, after: int = after) -> tuple[int, int | None]:
            return _place(tx, after, engine.settings.batch)

        placed, reached = engine.door.write_now("place events", work, whatever_the_clock=True)
        total += placed
        if reached is None:
            break
        after = reached
    return total


def _place(tx: Transaction, after: int, limit: int) -> tuple[int, int | None]:
    """How many events of the buckets beyond `after` got a position, and the last of these buckets;
    None after the very last."""
    placed = 0
    while placed < limit:
        dkey = next_unplaced(tx, after)
        if dkey is None:
            return placed, None
        placed += place(tx, dkey, limit - placed)
        after = dkey
    return placed, after
