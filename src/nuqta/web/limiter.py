"""Pace: a leaky bucket for each caller, in one process's memory or in a table that several share.

A bucket holds one minute's worth of requests and leaks evenly. It is kept as the instant at which
it will be empty, so that a caller costs one number. Source: contract, decisions, section 4, 19.

The table of several processes is a file that all of them map: sets of eight places, each a caller's
digest and its instant. A key under which callers are digested is drawn for each file, so that
nobody can aim at a set. A set is changed under a lock on its own bytes of the file, which the
kernel takes back from a process that dies; it excludes processes and not threads, so one thread of
a process counts.
"""

import fcntl
import mmap
import os
import secrets
import time
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from struct import Struct
from typing import Final, Protocol

import msgspec

from nuqta.settings import Settings

_MINUTE_NS: Final = 60_000_000_000
_SECOND_NS: Final = 1_000_000_000
AS_SET: Final = -1
"""A pace of nobody's own: what the setting says."""


class Pace(msgspec.Struct, frozen=True):
    """Where a caller stands after a request: `limit` a minute, of which `remaining` may come at
    once and all again in `reset_s` seconds. `wait_s` is 0 where the request passed, else the
    seconds after which one more will. `headers` say the same.
    """

    limit: int
    remaining: int
    reset_s: int
    wait_s: int
    headers: tuple[tuple[bytes, bytes], ...]


@lru_cache(maxsize=4_096)
def _pace(limit: int, remaining: int, reset_s: int, wait_s: int) -> Pace:
    """The fields of draft-ietf-httpapi-ratelimit-headers-10, and those of its versions up to 06,
    which more clients read. Kept: a limit of 60 has 60 of them."""
    headers = (
        (b"ratelimit-policy", b'"default";q=%d;w=60' % limit),
        (b"ratelimit", b'"default";r=%d;t=%d' % (remaining, reset_s)),
        (b"ratelimit-limit", b"%d" % limit),
        (b"ratelimit-remaining", b"%d" % remaining),
        (b"ratelimit-reset", b"%d" % reset_s),
    )
    return Pace(limit, remaining, reset_s, wait_s, headers)


class Buckets(Protocol):
    """Where the buckets are kept."""

    def add(self, key: bytes, now_ns: int, cost_ns: int, most_ns: int) -> int:
        """What the key's bucket would hold with `cost_ns` more; it does where that is no more than
        `most_ns`, and is left as it was where it is. One step, whoever else adds."""
        ...


class Memory:
    """The buckets of one process. At most `tracked` are remembered; past that the ones that have
    paused longest go first."""

    def __init__(self, tracked: int) -> None:
        self._tracked = tracked
        self._empty_at: dict[bytes, int] = {}

    def add(self, key: bytes, now_ns: int, cost_ns: int, most_ns: int) -> int:
        """As Buckets says."""
        filled = max(self._empty_at.get(key, 0) - now_ns, 0) + cost_ns
        if filled <= most_ns:
            if len(self._empty_at) >= self._tracked and key not in self._empty_at:
                self._forget(now_ns)
            self._empty_at[key] = now_ns + filled
        return filled

    def _forget(self, now_ns: int) -> None:
        """Drop every empty bucket; where all are in use, the tenth that is emptiest."""
        kept = {key: at for key, at in self._empty_at.items() if at > now_ns}
        if len(kept) >= self._tracked:
            fullest_first = sorted(kept, key=kept.__getitem__, reverse=True)
            kept = {key: kept[key] for key in fullest_first[: self._tracked * 9 // 10]}
        self._empty_at = kept


_WAYS: Final = 8
_SET: Final = Struct(f"@{2 * _WAYS}Q")
"""A set: the digests of its callers, then their instants. Two lines of a processor's cache."""
_WORD: Final = Struct("@Q")  # aligned, and so written whole, or not at all
_DIGEST: Final = Struct("@QQ")
_NO_SET: Final = bytes(_SET.size)
_SEED_BYTES: Final = blake2b.SALT_SIZE + blake2b.PERSON_SIZE


class Shared:
    """The buckets of all processes that opened the same file, which `make` has made.

    In a set where all places are taken the emptiest bucket gives way. The file has room for twice
    the callers that it was made for, so that this is rare. A process opens a file once: whoever
    closes any of its openings gives up all its locks there.
    """

    @staticmethod
    def make(path: Path, tracked: int) -> None:
        """A new file for so many callers, which only its owner can read. Raises OSError."""
        sets = -(-2 * tracked // _WAYS)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_SEED_BYTES).ljust(_SET.size, b"\0"))
            for _ in range(sets):  # in full: a disk that has no room must say so now
                file.write(_NO_SET)

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._bytes = mmap.mmap(self._descriptor, 0)
        self._sets = len(self._bytes) // _SET.size - 1
        seed = self._bytes[:_SEED_BYTES]
        self._salt, self._person = seed[: blake2b.SALT_SIZE], seed[blake2b.SALT_SIZE :]

    def close(self) -> None:
        """Let go of the file, which stays."""
        self._bytes.close()
        os.close(self._descriptor)

    def add(self, key: bytes, now_ns: int, cost_ns: int, most_ns: int) -> int:
        """As Buckets says. Waits for another process that is at the same set just now."""
        # Salted and not keyed: the same for whoever does not know the seed, and half the work.
        found = blake2b(key, digest_size=_DIGEST.size, salt=self._salt, person=self._person)
        digest, number = _DIGEST.unpack(found.digest())
        start = _SET.size * (1 + number % self._sets)
        self._lock(start)
        try:
            return self._added(start, digest, now_ns, cost_ns, most_ns)
        finally:
            self._unlock(start)

    def _added(self, start: int, digest: int, now_ns: int, cost_ns: int, most_ns: int) -> int:
        places = _SET.unpack_from(self._bytes, start)
        filled = cost_ns
        if is_known := digest in places[:_WAYS]:
            way = places.index(digest) + _WAYS
            if (held_ns := places[way] - now_ns) > 0:
                # None holds more than a minute: what says so was never written by a clock of ours.
                filled += min(held_ns, _MINUTE_NS)
        else:
            way = places.index(min(places[_WAYS:]), _WAYS)
        if filled <= most_ns:
            # In this order: whoever is killed in between has touched a bucket that was given up.
            _WORD.pack_into(self._bytes, start + _WORD.size * way, now_ns + filled)
            if not is_known:
                _WORD.pack_into(self._bytes, start + _WORD.size * (way - _WAYS), digest)
        return filled

    def _lock(self, start: int) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX, _SET.size, start)

    def _unlock(self, start: int) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, _SET.size, start)


class Limiter:
    """`per_minute` requests a minute for each key, of which a minute's worth may come at once; 0
    counts nothing. A key may have a pace of its own. `is_off` counts nothing whatever it is.
    """

    def __init__(
        self,
        per_minute: int,
        buckets: Buckets,
        steady_ns: Callable[[], int] = time.monotonic_ns,
        *,
        is_off: bool = False,
    ) -> None:
        self._per_minute = per_minute
        self._buckets = buckets
        self._steady_ns = steady_ns
        self.is_off = is_off

    def count(self, key: bytes, own: int = AS_SET) -> Pace | None:
        """Count a request, where it may pass; None where nothing is counted. `own` is the key's
        own pace, 0 … settings.PER_MINUTE_MAX a minute, or AS_SET."""
        limit = self._per_minute if own < 0 else own
        if not limit or self.is_off:
            return None
        cost_ns = _MINUTE_NS // limit
        most_ns = cost_ns * limit
        filled = self._buckets.add(key, self._steady_ns(), cost_ns, most_ns)
        wait_ns = filled - most_ns
        if wait_ns > 0:
            filled -= cost_ns
            return _pace(limit, 0, _seconds(filled), _seconds(wait_ns))
        return _pace(limit, (most_ns - filled) // cost_ns, _seconds(filled), 0)

    def take_back(self, key: bytes) -> None:
        """One request that `count` let pass shall not have counted; for keys without a pace of
        their own."""
        if self._per_minute and not self.is_off:
            cost_ns = _MINUTE_NS // self._per_minute
            self._buckets.add(key, self._steady_ns(), -cost_ns, cost_ns * self._per_minute)


def _seconds(ns: int) -> int:
    return -(-ns // _SECOND_NS)


class Limiters(msgspec.Struct, frozen=True):
    """Those that a server has: an application on a store; a customer's token, or whoever else
    calls a shopper's routes; an address; a store's source of orders; and what is tried in vain,
    by an address and by the network around it."""

    managers: Limiter
    shoppers: Limiter
    addresses: Limiter
    orders: Limiter
    failures: Limiter
    failures_around: Limiter


def make_shared(folder: Path, tracked: int) -> None:
    """The files in which several processes count together, in an empty folder. Raises OSError."""
    for name in Limiters.__struct_fields__:
        Shared.make(folder / name, tracked)


def limiters(settings: Settings, folder: Path | None = None) -> Limiters:
    """As the settings say; what is counted is kept in this process, or in a folder that
    `make_shared` has filled. Raises OSError."""

    def one(name: str, per_minute: int, *, is_off: bool = settings.rate_limit == 0) -> Limiter:
        tracked = settings.rate_limit_tracked
        buckets = Memory(tracked) if folder is None else Shared(folder / name)
        return Limiter(per_minute, buckets, is_off=is_off)

    return Limiters(
        one("managers", settings.rate_limit),
        one("shoppers", settings.rate_limit_shopper),
        one("addresses", settings.rate_limit_address),
        one("orders", settings.rate_limit_orders),
        one("failures", settings.failed_tries, is_off=False),
        one("failures_around", settings.failed_tries_prefix, is_off=False),
    )
