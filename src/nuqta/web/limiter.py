"""Pace: a leaky bucket for each caller, kept in memory.

A bucket holds one minute's worth of requests and leaks evenly. It is kept as the instant at which
it will be empty, so that a caller costs one number. Source: contract, decisions, section 4, 19.
"""

import time
from collections.abc import Callable, Hashable
from typing import Final

_MINUTE_NS: Final = 60_000_000_000


class Limiter:
    """`per_minute` requests a minute for each key; 0 lets everything through.

    At most `tracked` keys are remembered; past that the ones that have paused longest go first.
    """

    def __init__(
        self,
        per_minute: int,
        tracked: int,
        steady_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._cost_ns = _MINUTE_NS // per_minute if per_minute else 0
        self._tracked = tracked
        self._steady_ns = steady_ns
        self._empty_at: dict[Hashable, int] = {}

    def wait_s(self, key: Hashable) -> int:
        """0 where the request may pass, and is counted; else the seconds to wait, 1 or more."""
        if not self._cost_ns:
            return 0
        now = self._steady_ns()
        empty_at = max(self._empty_at.get(key, 0), now) + self._cost_ns
        over = empty_at - now - _MINUTE_NS
        if over > 0:
            return -(-over // 1_000_000_000)
        if len(self._empty_at) >= self._tracked and key not in self._empty_at:
            self._forget(now)
        self._empty_at[key] = empty_at
        return 0

    def _forget(self, now: int) -> None:
        """Drop every empty bucket; where all are in use, the tenth that is emptiest."""
        kept = {key: at for key, at in self._empty_at.items() if at > now}
        if len(kept) >= self._tracked:
            fullest_first = sorted(kept, key=kept.__getitem__, reverse=True)
            kept = {key: kept[key] for key in fullest_first[: self._tracked * 9 // 10]}
        self._empty_at = kept
