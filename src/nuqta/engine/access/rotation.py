"""What hangs on a digest key: told before a rotation drops the older one.

No digest says under which key it was made, so the instant tells: the key file is written anew when
a key is made, and what is older than it was made under a key of before. A file that was copied or
put back looks younger than its key; then more is told than would end.
"""

from pathlib import Path
from typing import Final

import msgspec

from nuqta.engine.access.tokens import key_file
from nuqta.ledger.instants import Instant
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_MADE_BEFORE: Final = statement("meta.made_before")


class Made(msgspec.Struct, frozen=True):
    """How much of each kind is alive; of applications' secrets it is not known when they were made,
    so all are counted. `ends_at` is when the last token ends by itself: pairs and secrets never do.
    """

    partner_tokens: int
    refresh_tokens: int
    customer_sessions: int
    staff_sessions: int
    order_pairs: int
    client_secrets: int
    ends_at: Instant | None

    @property
    def counts(self) -> dict[str, int]:
        """What there is any of, in words."""
        named = {name.replace("_", " "): number for name, number in _numbers(self).items()}
        return {name: number for name, number in named.items() if number}


def _numbers(made: Made) -> dict[str, int]:
    found = msgspec.structs.asdict(made)
    del found["ends_at"]
    return found


def key_made_at(database: Path) -> Instant:
    """When the newest key of the key file was made. Raises OSError where there is no file."""
    return key_file(database).stat().st_mtime_ns // 1000


def made_before(tx: Transaction, at: Instant, now: Instant) -> Made:
    """What is alive and was made before an instant."""
    (row,) = tx.rows(_MADE_BEFORE, at=at, now=now)
    return Made(*row)
