"""Whether what clients saw of one account can have happened one thing after another.

Every operation has a version of its account: a write makes some, a read and a refusal see one. So
there is nothing to search: the versions are the order, and three things are asked of it. It is
whole (each version is made once), it keeps to real time (what ended before another thing began
comes before it), and every answer is what the writes up to its version come to. Source: design,
ledger, I2 and I7.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec


class Sums(msgspec.Struct, frozen=True):
    """Points of an account; of a write, by how much it moves them."""

    available: int = 0
    held: int = 0
    used: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.available + other.available, self.held + other.held, self.used + other.used
        )

    @property
    def is_possible(self) -> bool:
        """Whether nothing is there less than not at all."""
        return min(self.available, self.held, self.used) >= 0


NOTHING: Final = Sums()


class Seen(msgspec.Struct, frozen=True):
    """One operation: when it was sent first and when its answer was there, on one clock.

    `version` is the account's after it, `booked` how many of them it made. A read was `told` what
    is available and what is used; who was refused had `wanted` points that were not there.
    """

    name: str
    start: float
    end: float
    version: int
    booked: int = 0
    moved: Sums = NOTHING
    told: tuple[int, int] | None = None
    wanted: int = 0


def faults(history: Sequence[Seen], begun: Sums, first: int) -> list[str]:
    """Every reason why it cannot be; none where it can. The account began as `begun`, at the
    version `first`."""
    states: dict[int, Sums] = {first: begun}
    found = list(_order(history, states, first))
    found += _answers(history, states)
    found += _times(history)
    return found


def _order(history: Sequence[Seen], states: dict[int, Sums], first: int) -> Iterator[str]:
    """Each version is made once, and no place is ever below nothing."""
    last, sums = first, states[first]
    for write in sorted((one for one in history if one.booked), key=lambda one: one.version):
        begin = write.version - write.booked
        if begin != last:
            what = "made twice" if begin < last else "never made"
            yield f"{write.name}: a version between {begin} and {last} is {what}"
        last, sums = write.version, sums + write.moved
        states[last] = sums
        if not sums.is_possible:
            yield f"{write.name}: version {last} has {sums}"


def _answers(history: Sequence[Seen], states: dict[int, Sums]) -> Iterator[str]:
    """Every answer is what its version says."""
    for one in history:
        sums = states.get(one.version)
        if sums is None:
            yield f"{one.name}: nobody made version {one.version}"
        elif one.told is not None and one.told != (sums.available, sums.used):
            yield f"{one.name}: was told {one.told} at version {one.version}, which has {sums}"
        elif one.wanted and sums.available >= one.wanted:
            yield f"{one.name}: was refused {one.wanted} at version {one.version}: {sums}"


def _times(history: Sequence[Seen]) -> Iterator[str]:
    """What ended before another thing began has no later version than that found."""
    ended = sorted(history, key=lambda one: one.end)
    latest, at = -1, 0
    for one in sorted(history, key=lambda one: one.start):
        while at < len(ended) and ended[at].end < one.start:
            latest, at = max(latest, ended[at].version), at + 1
        if one.version - one.booked < latest:
            yield f"{one.name}: found version {one.version - one.booked}, after {latest} was told"
