"""A campaign: how many rounds a test of this folder does, by which seed, and what it saw.

`make test` runs a bounded share under a seed of its own; `make torture` runs everything, and
writes what was counted to docs/reliability.md (`report.py`). A campaign asserts nothing.
"""

import os
import secrets
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from tests.torture.faults import FAULTS

FULL: Final = "NUQTA_TORTURE"
"""Names, in the environment, the folder for what was seen; unset: the bounded share."""
SEED: Final = "NUQTA_SEED"


class Seen(msgspec.Struct):
    """What one test saw, as one line of JSON."""

    fault: str
    test: str
    seed: int
    counts: dict[str, int]
    controls: list[tuple[str, str]]


class Campaign:
    """What the fixture `campaign` gives. `seed` is NUQTA_SEED, or drawn anew for each test."""

    def __init__(self, fault: str, test: str) -> None:
        if fault not in FAULTS:
            raise ValueError(f"{fault} is no key of FAULTS")
        folder = os.environ.get(FULL)
        self._folder = Path(folder) if folder else None
        self.seed = int(os.environ.get(SEED) or secrets.randbelow(2**32))
        self.random = Random(self.seed)
        self._seen = Seen(fault, test, self.seed, {}, [])
        self._counts: Counter[str] = Counter()

    @property
    def is_full(self) -> bool:
        """Whether everything is run."""
        return self._folder is not None

    def rounds(self, share: int, full: int) -> int:
        """How many rounds to do: `share` in `make test`, `full` in `make torture`."""
        return full if self.is_full else share

    def count(self, unit: str, times: int = 1) -> None:
        """So many more of what is counted were done, and held."""
        self._counts[unit] += times

    def control(self, guard: str, found: str) -> None:
        """Without the guard the same test failed, as it must: what it found."""
        self._seen.controls.append((guard, found))

    def keep(self) -> None:
        """Write down what was seen, where everything is run."""
        if self._folder is None:
            return
        self._seen.counts = dict(self._counts)
        self._folder.mkdir(parents=True, exist_ok=True)
        name = "".join(one if one.isalnum() else "-" for one in self._seen.test)
        (self._folder / f"{name}.json").write_bytes(msgspec.json.encode(self._seen))
