"""What always holds, and what is said where it does not: honest books are spoiled, one thing at a
time, and the violations are the whole answer, word for word.

    line 3 points 0              a field of the transfer at version 3
    lot 1 left 8, hold 5 …       … of a lot or a hold; `row held 1` of the account's row
    receipt s booked 2           … of the receipt under that key
    without line 4               it is gone; also `without lot`, `hold`, `receipt`
    swap line 3 4                both are there, in the other order

Control: the books before they are spoiled say nothing.
"""

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.ledger.paper import Paper
from tests.ledger.telling import Teller

HONEST = """
    d0 order A 100 mature 2 expire 40
    d0 adjust +9 expire 1 key x
    d0 adjust -2 key y
    d3 spend 10 key s
    d3 adjust +50 key a
    d4 hold 30 cart c key h
    d4 order B 20 cart c
    d5 order B 20 kept 8 back 10
    d6 hold 5 cart e for 9 key e
    d6 hold 90 cart f for 9 key f
    d7 spend 15 key t
    d8 order A 100 kept 0
    d9 adjust +20 key b
    d9 spend 1000 key no -> refused POINTS_OWED
    d9 empty e key r
    d9 order A 100 kept 40
    d10 order C 7 mature 5
"""
TABLE = Path(__file__).with_name("spoiled.txt")


def spoiled() -> dict[str, list[str]]:
    """What is done to the books, and what is then said."""
    parts = re.split(r"\n(?=\S)", TABLE.read_text(encoding="utf-8").strip())
    cases = [part.splitlines() for part in parts if not part.startswith("#")]
    return {done: [line.strip() for line in said] for done, *said in cases}


SPOILED = spoiled()


def spoil(paper: Paper, done: str) -> None:
    """Do to the books what a line of the table says."""
    kind, *words = done.split()
    if kind == "row":
        paper.account = replace(paper.account, **{words[0]: int(words[1])})
    elif kind == "swap":
        one, other = int(words[1]) - 1, int(words[2]) - 1
        lines = paper.transfers
        lines[one], lines[other] = lines[other], lines[one]
    elif kind == "without":
        _leave_out(paper, *words)
    else:
        fields = {name: _value(text) for name, text in zip(words[1::2], words[2::2], strict=True)}
        _change(paper, kind, words[0], fields)


def _change(paper: Paper, kind: str, which: str, fields: dict[str, object]) -> None:
    match kind:
        case "line":
            place = int(which) - 1
            paper.transfers[place] = replace(paper.transfers[place], **fields)
        case "lot":
            paper.lots[int(which)] = replace(paper.lots[int(which)], **fields)
        case "hold":
            paper.holds[int(which)] = replace(paper.holds[int(which)], **fields)
        case "receipt":
            keys = [one.key for one in paper.receipts]
            place = keys.index(which)
            paper.receipts[place] = replace(paper.receipts[place], **fields)


def _leave_out(paper: Paper, kind: str, which: str) -> None:
    match kind:
        case "line":
            del paper.transfers[int(which) - 1]
        case "lot":
            del paper.lots[int(which)]
        case "hold":
            del paper.holds[int(which)]
        case "receipt":
            paper.receipts = [one for one in paper.receipts if one.key != which]


def _value(text: str) -> object:
    if text == "none":
        return ()
    return int(text) if re.fullmatch(r"-?\d+", text) else text.strip("'")


def test_control_honest_books_are_told_nothing() -> None:
    assert Teller().tell(HONEST).wrongs() == []


@pytest.mark.parametrize("done", SPOILED)
def test_spoiled_books_are_told_what_is_wrong(done: str) -> None:
    paper = Teller().tell(HONEST)
    spoil(paper, done)
    assert [one.removesuffix(" (account (449, 1))") for one in paper.wrongs()] == SPOILED[done]
