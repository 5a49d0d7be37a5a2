"""The clock: what time it is, and whether it can be believed.

The wall clock stamps the books. A second clock that no one can set runs beside it; where the two
part by more than a setting allows, the wall clock was moved, and nothing may be booked under it
until a person accepts it: a clock that jumps forward must not expire everybody's points. Nor may it
seem so: until then the steady clock says what time it is, so that balances are told and sessions
last as before.
Source: design, storage ("SQLite").
"""

import time
from collections.abc import Callable

from nuqta.ledger.instants import NEVER, SECOND_US, Instant
from nuqta.storage.faults import StorageFault

# Counts the time that a suspended machine sleeps, as the wall clock does.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class ClockMoved(StorageFault):
    """The wall clock departed from the steady one; nothing is booked until it is accepted."""

    kind = "clock_moved"


def _wall_us() -> int:
    return time.time_ns() // 1000


def _steady_us() -> int:
    return time.clock_gettime_ns(_STEADY) // 1000


class Clock:
    """Instants in UTC microseconds. `wall` and `steady` count microseconds. What processes settle
    among themselves (leases, deliveries) goes by `wall`, which is the same for all of them."""

    def __init__(
        self,
        jump_seconds: int = 300,
        wall: Callable[[], int] = _wall_us,
        steady: Callable[[], int] = _steady_us,
    ) -> None:
        self.wall = wall
        self._steady = steady
        self._jump_us = jump_seconds * SECOND_US
        self._believed_at: Instant = wall()
        self._offset = self._believed_at - steady()

    def now(self) -> Instant:
        """What time it is: by the wall clock, or, where it has moved and nobody has accepted that,
        by what has passed since it was believed."""
        wall = self.wall()
        # Within a second of an instant that was believed there is nothing to ask the other clock,
        # which doubled what a read pays for the time.
        if 0 <= wall - self._believed_at <= SECOND_US:
            return wall
        believed = self._steady() + self._offset
        if abs(wall - believed) > self._jump_us:
            return believed
        self._believed_at = wall
        return wall

    def accept(self) -> None:
        """Believe the wall clock as it stands."""
        self._believed_at = self.wall()
        self._offset = self._believed_at - self._steady()

    def has_moved(self) -> bool:
        """Whether the wall clock has departed from the steady one by more than the setting."""
        has_moved = abs(self.wall() - self._steady() - self._offset) > self._jump_us
        if has_moved:  # also where it stands, so that nothing else shows it
            self._believed_at = NEVER
        return has_moved
