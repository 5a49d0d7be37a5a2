"""Mutants of the ledger and of the door: nine of ten are noticed by a test, and each says by which.

`make test` judges a handful, by a part of the fast tests; `make torture` a large sample, by all of
them; `make mutants` all mutants. Control: a change that means the same survives beside them.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

import msgspec

from tests.torture.campaign import Campaign
from tests.torture.mutation.hunt import (
    BY,
    ONLY,
    ROOT,
    Found,
    all_mutants,
    equal_mutants,
)
from tests.torture.mutation.mutations import mutants, mutated

FAULT = "mutants"
SAME = (
    "nuqta.ledger.invariants _balances: zip(transfers, following, strict=False)"
    " -> zip(transfers, following)"
)
"""A word that says what is so without it."""

TEXT = '''
"""A module."""
LIMIT: int = 3
class Box:
    """A box."""
    size: int = 0
    def fits(self, n: int, *, is_open: bool = True) -> bool:
        """Whether it fits."""
        if n > 5 and is_open:
            raise Full(n)
        part = min(n, LIMIT)
        while part != 4:
            part += other(part, n, as_of=part)
        return "x" if part else say("so much as this")
'''
CHANGES = """
    (import): 3 -> 4
    (import): 3 -> 2
    (import): 0 -> 1
    (import): 0 -> -1
    (import): True -> False
    Box.fits: if n > 5 and is_open: raise Full(n) -> if not (n > 5 and is_open): raise Full(n)
    Box.fits: n > 5 and is_open -> n > 5 or is_open
    Box.fits: n > 5 and is_open -> is_open
    Box.fits: n > 5 and is_open -> n > 5
    Box.fits: n > 5 -> n >= 5
    Box.fits: n > 5 -> n <= 5
    Box.fits: 5 -> 6
    Box.fits: 5 -> 4
    Box.fits: raise Full(n) -> pass
    Box.fits: min(n, LIMIT) -> max(n, LIMIT)
    Box.fits: part != 4 -> part == 4
    Box.fits: 4 -> 5
    Box.fits: 4 -> 3
    Box.fits: part += other(part, n, as_of=part) -> part -= other(part, n, as_of=part)
    Box.fits: part += other(part, n, as_of=part) -> pass
    Box.fits: other(part, n, as_of=part) -> other(n, part, as_of=part)
    Box.fits: other(part, n, as_of=part) -> other(part, n)
    Box.fits: return 'x' if part else say('so much as this') -> return None
    Box.fits: return 'x' if part else say('so much as this') -> pass
    Box.fits: 'x' if part else say('so much as this') -> 'x'
    Box.fits: 'x' if part else say('so much as this') -> say('so much as this')
    Box.fits: 'x' -> 'xx'
"""


def hunted(folder: Path, count: int, seed: int, *also: str, **environ: str) -> Found:
    """What a hunt in a process of its own found: here, nuqta has been imported already."""
    command = [sys.executable, "-m", "tests.torture.mutation.hunt", str(folder), str(count)]
    done = subprocess.run(
        [*command, str(seed), *also], cwd=ROOT, env={**os.environ, **environ},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (folder / "mutants.json").exists(), done.stderr
    return msgspec.json.decode((folder / "mutants.json").read_bytes(), type=Found)


def test_mutants_are_killed(campaign: Campaign, tmp_path: Path) -> None:
    count = campaign.rounds(10, 1_200)
    if campaign.is_full:
        found = hunted(tmp_path, count, campaign.seed, SAME)
        assert found.share >= 0.9, found.survivors
    else:
        by = "tests/ledger/test_tales.py tests/ledger/test_order_tales.py"
        found = hunted(tmp_path, count, campaign.seed, SAME, **{ONLY: "nuqta.ledger.", BY: by})
        assert found.killed >= 3, found.survivors
    assert found.judged == count + 1
    assert found.equal >= 1, "the change that means the same survived"
    assert found.wrongly_equal == []
    campaign.count("mutants", found.judged)
    campaign.count("killed", found.killed)
    campaign.count("equal", found.equal)
    campaign.control("a change that means the same", "it survived all tests that reach it")


def test_what_is_changed_and_what_is_not() -> None:
    found = [one.name.removeprefix("m ") for one in mutants("m", TEXT)]
    expected = [line.strip() for line in CHANGES.strip().splitlines()]
    assert found == expected


def test_each_mutant_is_one_change_of_the_text() -> None:
    plain = ast.unparse(ast.parse(TEXT)).splitlines()
    for one in mutants("m", TEXT):
        changed = ast.unparse(mutated(TEXT, one)).splitlines()
        assert changed != plain
        compile(mutated(TEXT, one), "m", "exec")
        assert abs(len(changed) - len(plain)) <= 1


def test_mutants_have_names_of_their_own_and_the_equal_ones_are_among_them() -> None:
    names = [one.name for one in all_mutants()]
    assert len(names) == len(set(names)) > 2_500
    equal = equal_mutants()
    assert set(equal) <= set(names), "the text has changed: look at them again"
    assert all(equal.values()), "each says why"
