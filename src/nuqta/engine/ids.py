"""Ids that nuqta makes: random, so that no counter is hot and none tells how many there are."""

import secrets
from typing import Final

_LEAST: Final = 2**40
_MOST: Final = 2**53 - 1


def new_id() -> int:
    """A random id in 2^40 ... 2^53 - 1, which leaves small ids to imports and to callers."""
    return _LEAST + secrets.randbelow(_MOST - _LEAST + 1)
