"""Passwords of people: Argon2id, by few threads of their own, so that signing in cannot eat the
machine.

Nothing is hashed on an event loop nor in the writer's thread. Source: RFC 9106, section 4.
"""

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

LENGTH_MIN: Final = 12
LENGTH_MAX: Final = 128


class TooBusy(Exception):
    """More passwords wait to be checked than the setting allows."""


def checked_password(text: str) -> str:
    """A password of 12 ... 128 characters on one line. Raises ValueError, with a sentence."""
    if not LENGTH_MIN <= len(text) <= LENGTH_MAX:
        raise ValueError(f"a password has {LENGTH_MIN} to {LENGTH_MAX} characters")
    if any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
        raise ValueError("a password has no control characters")
    return text


class Passwords:
    """Hashes and checks; `at_a_time` of them at once, and at most `waiting` more in line."""

    def __init__(self, at_a_time: int, waiting: int) -> None:
        self._hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._pool = ThreadPoolExecutor(at_a_time, thread_name_prefix="nuqta-password")
        self._room = at_a_time + waiting
        self._in_hand = 0

    def hash(self, password: str) -> str:
        """What may be kept of a password. Takes a moment."""
        return self._hasher.hash(_plain(password))

    async def is_right(self, kept: str | None, password: str) -> bool:
        """Whether the password is the one of which `kept` was kept. With None, whom nobody is, the
        same work is done, and the answer is no. For one event loop. Raises TooBusy."""
        if self._in_hand >= self._room:
            raise TooBusy
        self._in_hand += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._is_right, kept, password)
        finally:
            self._in_hand -= 1

    def close(self) -> None:
        """End the threads; what is under way is finished."""
        self._pool.shutdown()

    def _is_right(self, kept: str | None, password: str) -> bool:
        nobodys = self._nobodys  # made for whoever comes first, known or not
        try:
            self._hasher.verify(nobodys if kept is None else kept, _plain(password))
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None

    @cached_property
    def _nobodys(self) -> str:
        return self.hash("nobody's password")


def _plain(password: str) -> str:
    """One form for letters that can be typed in several ways."""
    return unicodedata.normalize("NFC", password)
