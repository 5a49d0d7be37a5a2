"""The model against the books: hypothesis plays random commands with a moving clock (style.md, 17).

A failure prints the steps that led to it, and a line with which it can be played again.
NUQTA_MODEL_STEPS sets about how many steps are played on each kind of books.
"""

import os
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from nuqta.ledger.account import dkey_of
from nuqta.storage.sqlite import Vault, open_vault
from tests.ledger.defects import DEFECTS
from tests.ledger.paper import KEY, Decide
from tests.ledger.play import Disagreement, play
from tests.ledger.shelves import Sheet, Shelf
from tests.ledger.steps import STEPS, AnyStep

AVERAGE = 30
GAMES = max(1, int(os.environ.get("NUQTA_MODEL_STEPS", "3000")) // AVERAGE)
PLAYED = settings(
    max_examples=GAMES, deadline=None, print_blob=True, derandomize=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
FRESH = count(1)


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """One file for all games: every game has an account of its own."""
    vault = open_vault(tmp_path_factory.mktemp("model") / "nuqta.db")
    yield vault
    vault.close()


@PLAYED
@given(STEPS)
def test_the_model_and_the_pure_books_agree(steps: list[AnyStep]) -> None:
    play(Sheet(), KEY, steps)


@PLAYED
@given(STEPS)
def test_the_model_and_the_books_on_sqlite_agree(vault: Vault, steps: list[AnyStep]) -> None:
    customer_id = next(FRESH)
    key = (dkey_of(7, customer_id), customer_id)
    play(Shelf(vault, key), key, steps)


@pytest.mark.parametrize("defect", DEFECTS)
def test_control_the_play_finds_a_defect(defect: Decide) -> None:
    @settings(
        PLAYED, max_examples=5_000, phases=[Phase.generate], database=None,
        report_multiple_bugs=False, print_blob=False,
    )  # fmt: skip
    @seed(6)
    @given(STEPS)
    def agree(steps: list[AnyStep]) -> None:
        play(Sheet(defect), KEY, steps)

    with pytest.raises(Disagreement):
        agree()
