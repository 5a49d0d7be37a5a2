"""Instants and points: the two kinds of number the books are made of, and their bounds.

An instant is UTC microseconds since 1970 (an int); a day is 24 hours. `NEVER` stands for "no such
instant": a lot that never expires, or whose maturity is not known yet. It is larger than every
real instant, so that comparing and sorting need no special case. Source: design, ledger, section 1.
"""

from typing import Final, TypeAlias

Instant: TypeAlias = int
Points: TypeAlias = int

NEVER: Final[Instant] = 2**63 - 1
SECOND_US: Final = 1_000_000
DAY_US: Final = 86_400 * SECOND_US

POINTS_MAX: Final[Points] = 10**12
"""The most points that one command may move."""
BALANCE_MAX: Final[Points] = 2**53 - 1
"""The most points an account may ever have received: every sum in the books stays a JSON-safe
integer, because nothing leaves an account that did not come in."""


def days_after(instant: Instant, days: int) -> Instant:
    """The instant `days` days of 24 hours later; `NEVER` where that lies beyond all instants."""
    return min(instant + days * DAY_US, NEVER)
