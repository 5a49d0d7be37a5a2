"""Tales of the ledger's far corners, in tales.txt: the whole books of each, and all that was told.

The words of a tale are explained at the top of tests/ledger/telling.py. Two more are of these only:

    @ lot 2 granted 30 at d8 until d22 revives 1 of B     a lot at the end; such lines are all lots
    @ 5 redeemed>available undoes 3 hold 2                from where to where, what is undone
    @ hold 2 of c m 30 from d1 to d3 1:20 2:10 captured 30 0 by B      a hold, and what became of it
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nuqta.ledger.holds import Hold
from nuqta.ledger.instants import DAY_US, NEVER, Instant
from nuqta.ledger.lots import Lot
from nuqta.ledger.transfers import Transfer, fold
from tests.ledger.paper import DAY_ZERO, Paper
from tests.ledger.telling import Teller

TABLE = Path(__file__).with_name("tales.txt")
PARTS = TABLE.read_text(encoding="utf-8").split("=== ")[1:]
TALES = {title.strip(): tale for title, _, tale in (part.partition("\n") for part in PARTS)}


def details(paper: Paper) -> Iterator[str]:
    """What the books say beyond the words of a tale."""
    for line in paper.transfers:
        yield f"@ {line.version} {_moved(line)}"
    for number in sorted(paper.lots):
        yield f"@ lot {number} {_lot(paper.lots[number])}"
    for number in sorted(paper.holds):
        yield f"@ hold {number} of {_hold(paper.holds[number])}"


def _moved(line: Transfer) -> str:
    undoes = f" undoes {line.undoes}" if line.undoes else ""
    hold = f" hold {line.hold}" if line.hold else ""
    return f"{line.source}>{line.target}{undoes}{hold}"


def _lot(lot: Lot) -> str:
    said = {
        "matures": lot.matures_at != lot.granted_at and day(lot.matures_at),
        "until": lot.expires_at != NEVER and day(lot.expires_at), "held": lot.held,
        "expired": lot.expired, "pending": lot.is_pending, "revives": lot.revives,
        "of": lot.order_key, "rule": lot.rule_revision,
    }  # fmt: skip
    more = "".join(f" {name} {value}" for name, value in said.items() if value)
    return f"granted {lot.granted} at {day(lot.granted_at)}{more}"


def _hold(hold: Hold) -> str:
    taken = " ".join(f"{lot}:{points}" for lot, points in hold.taken)
    span = f"from {day(hold.reserved_at)} to {day(hold.lapses_at)}"
    ended = f" {hold.ending} {hold.captured} {hold.released}" if hold.ending else ""
    by = f" by {hold.order_key}" if hold.order_key else ""
    return f"{hold.cart} {hold.method_id} {hold.points} {span} {taken}{ended}{by}"


def day(instant: Instant) -> str:
    """As a tale writes it."""
    days, rest = divmod(instant - DAY_ZERO, DAY_US)
    return "never" if instant == NEVER else f"d{days}+{rest}" if rest else f"d{days}"


def test_no_tale_is_told_twice() -> None:
    assert len(TALES) == len(PARTS)


@pytest.mark.parametrize("name", TALES)
def test_tale(name: str) -> None:
    lines = TALES[name].strip().splitlines()
    paper = Teller().tell("\n".join(line for line in lines if not line.startswith("@")))
    assert list(details(paper)) == [line for line in lines if line.startswith("@")]
    for instant in {line.effective_at for line in paper.transfers}:
        sums = fold(line for line in paper.transfers if line.effective_at <= instant)
        assert min(sums[place] for place in ("pending", "available", "held", "owed")) >= 0
