"""Balances of other times, from the transfers alone: one tale, and what is answered of it.

    as_of d3            what counted then, as it is known now; `d3-1` is a microsecond before
    known_at d3         what the books knew then; `version 4`, after so many transfers
    at d9               what stands then, where nothing else is said

`= available 10 version 4`: as in a tale, a place that is not named must be 0.
"""

import pytest

from nuqta.ledger.history import Balance, rebuild
from nuqta.ledger.instants import Instant
from tests.ledger.paper import KEY, Paper
from tests.ledger.telling import Teller, instant

TALE = """
    d0 order A 100 mature never expire 60
    d0 adjust +20 expire 9
    d1 spend 5
    d2 order A 100 delivered 1 mature 2
    d5 order P 50 placed 2 mature 1 expire 30
    d6 hold 40 cart c for 2
    d7 order W 8 mature never
    d8 order W 8 delivered 4 mature 1
    d10 spend 3
    d11 order V 9 mature 20 expire 40
    d11 order X 6 mature 20 expire 40
    d12 order V 9 kept 0
    d12 order X 6 kept 0
    d13 order V 9 mature 0
    d14 hold 7 cart d for 9
"""
"""Order A waits for its delivery, told on day 2; the order of the past is learned on day 5, and its
points had matured on day 3; the cart lapses on day 8, before its lot expires; W is told to have
matured long ago; what V and X earned is cancelled while it waits, and then V had not waited."""

ANSWERS = """
    as_of d0-1 = version 21
    as_of d0 = pending 100 available 20 version 21
    as_of d1 = pending 100 available 15 used 5 version 21
    as_of d2 = pending 150 available 15 used 5 version 21
    as_of d3-1 = pending 150 available 15 used 5 version 21
    as_of d3 = available 165 used 5 version 21
    as_of d6 = available 125 held 40 used 5 version 21
    as_of d7 = available 133 held 40 used 5 version 21
    as_of d8-1 = available 133 held 40 used 5 version 21
    as_of d8 = available 173 used 5 version 21
    as_of d9-1 = available 173 used 5 version 21
    as_of d9 = available 158 used 5 version 21
    as_of d10 = available 155 used 8 version 21
    as_of d11 = pending 15 available 155 used 8 version 21
    as_of d12 = available 155 used 8 version 21
    as_of d13 = available 164 used 8 version 21
    as_of d14 = available 157 held 7 used 8 version 21
    as_of d23-1 = available 157 held 7 used 8 version 21
    as_of d23 = available 164 used 8 version 21
    as_of d32-1 = available 164 used 8 version 21
    as_of d32 = available 117 used 8 version 21
    as_of d53 = available 108 used 8 version 21
    as_of d99 = available 8 used 8 version 21
    known_at d0-1 = version 0
    known_at d0 = pending 100 version 1
    known_at d0+1 = pending 100 available 20 version 2
    known_at d1 = pending 100 available 15 used 5 version 3
    known_at d2 = pending 100 available 15 used 5 version 3
    known_at d3 = available 115 used 5 version 3
    known_at d4 = available 115 used 5 version 3
    known_at d5 = available 115 used 5 version 4
    known_at d6 = available 150 held 15 used 5 version 7
    known_at d7 = pending 8 available 125 held 40 used 5 version 9
    known_at d8 = pending 8 available 140 held 25 used 5 version 10
    known_at d9 = available 158 used 5 version 12
    known_at d10 = available 158 used 5 version 13
    known_at d11 = pending 9 available 155 used 8 version 15
    known_at d12 = pending 6 available 155 used 8 version 17
    known_at d3-1 = pending 100 available 15 used 5 version 3
    known_at d13 = pending 9 available 155 used 8 version 19
    known_at d13+1 = available 164 used 8 version 20
    known_at d14 = available 157 held 7 used 8 version 21
    known_at d99 = available 8 used 8 version 21
    version 0 = version 0
    version 1 = pending 100 version 1
    version 2 = pending 100 available 20 version 2
    version 4 = available 115 used 5 version 4
    version 5 = pending 50 available 115 used 5 version 5
    version 6 = available 165 used 5 version 6
    version 7 = available 150 held 15 used 5 version 7
    version 8 = available 125 held 40 used 5 version 8
    version 9 = pending 8 available 125 held 40 used 5 version 9
    version 10 = pending 8 available 140 held 25 used 5 version 10
    version 12 = available 173 used 5 version 12
    version 13 = available 158 used 5 version 13
    version 16 = pending 15 available 155 used 8 version 16
    version 17 = pending 6 available 155 used 8 version 17
    version 18 = available 155 used 8 version 18
    version 19 = pending 9 available 155 used 8 version 19
    version 20 = available 164 used 8 version 20
    version 21 = available 157 held 7 used 8 version 21
    version 99 = available 157 held 7 used 8 version 21
    at d0 = available 157 held 7 used 8 version 21
    at d14 = available 157 held 7 used 8 version 21
    at d23 = available 164 used 8 version 21
    at d32 = available 117 used 8 version 21
    at d99 = available 8 used 8 version 21
    known_at d4 as_of d2 = pending 100 available 15 used 5 version 3
    known_at d5+2 as_of d2 = pending 150 available 15 used 5 version 6
    known_at d7 as_of d8 = pending 8 available 165 used 5 version 9
    known_at d7 as_of d9 = pending 8 available 150 used 5 version 9
    known_at d12 as_of d40 = available 114 used 8 version 17
    version 3 as_of d2 = pending 100 available 15 used 5 version 3
    version 3 as_of d3 = available 115 used 5 version 3
    version 9 as_of d7 = pending 8 available 125 held 40 used 5 version 9
    version 9 as_of d8 = pending 8 available 165 used 5 version 9
    version 9 known_at d6+1 = available 125 held 40 used 5 version 8
    version 9 known_at d8 = pending 8 available 165 used 5 version 9
    version 8 known_at d99 = used 5 version 8
    known_at d7 as_of d7-1 version 8 = available 125 held 40 used 5 version 8
    known_at d7 version 8 = available 125 held 40 used 5 version 8
    version 0 as_of d5 = version 0
    version 0 known_at d5 = version 0
    version 12 at d2 = available 173 used 5 version 12
    version 0 at d2 = version 0
"""


@pytest.fixture(scope="module")
def paper() -> Paper:
    """The books of the tale."""
    return Teller().tell(TALE)


def answer(paper: Paper, question: str) -> Balance:
    """What is answered to the words of a line."""
    words = question.split()
    said = dict(zip(words[::2], words[1::2], strict=True))
    version = said.pop("version", None)
    clock = instant(said.pop("at", "d14"))
    instants: dict[str, Instant] = {name: instant(text) for name, text in said.items()}
    lots = [paper.lots[number] for number in sorted(paper.lots)]
    holds = [paper.holds[number] for number in sorted(paper.holds)]
    return rebuild(
        KEY, paper.transfers, lots, holds, clock,
        version=None if version is None else int(version), **instants,
    )  # fmt: skip


@pytest.mark.parametrize("line", ANSWERS.strip().splitlines())
def test_the_balance_of_another_time(paper: Paper, line: str) -> None:
    question, _, told = line.partition("=")
    words = told.split()
    wanted = {name: int(text) for name, text in zip(words[::2], words[1::2], strict=True)}
    assert answer(paper, question) == Balance(
        **{**dict.fromkeys(("available", "pending", "held", "owed", "used"), 0), **wanted}
    )
