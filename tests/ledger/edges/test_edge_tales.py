"""Tales of the ledger's far corners, in tales.txt: the whole books of each, and all that was told.

The words of a tale are explained at the top of tests/ledger/telling.py.
"""

from pathlib import Path

import pytest

from nuqta.ledger.transfers import fold
from tests.ledger.telling import Teller

TABLE = Path(__file__).with_name("tales.txt")
PARTS = TABLE.read_text(encoding="utf-8").split("=== ")[1:]
TALES = {title.strip(): tale for title, _, tale in (part.partition("\n") for part in PARTS)}


def test_no_tale_is_told_twice() -> None:
    assert len(TALES) == len(PARTS)


@pytest.mark.parametrize("name", TALES)
def test_tale(name: str) -> None:
    paper = Teller().tell(TALES[name])
    for instant in {line.effective_at for line in paper.transfers}:
        sums = fold(line for line in paper.transfers if line.effective_at <= instant)
        assert min(sums[place] for place in ("pending", "available", "held", "owed")) >= 0
