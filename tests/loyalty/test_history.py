"""The history adds up: whatever is played on the books, all that came less all that went is what
is pending, available and held, less what is owed; now, and after any time has passed."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from nuqta.ledger.commands import Answer, Command
from nuqta.ledger.history import settled
from nuqta.ledger.instants import DAY_US, NEVER, Instant
from nuqta.ledger.lots import Lot
from nuqta.ledger.transfers import Transfer
from nuqta.loyalty.history import Line, lines, signed
from tests.ledger.paper import KEY
from tests.ledger.play import play
from tests.ledger.shelves import Sheet
from tests.ledger.steps import STEPS, AnyStep

PLAYED = settings(
    max_examples=150, deadline=None, print_blob=True, derandomize=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
LATER = (0, 1, DAY_US, 40 * DAY_US, 4_000 * DAY_US)


class Telling(Sheet):
    """Books on paper whose history is added up after every command; the control leaves out what
    moved between one pair of places."""

    def __init__(self, untold: tuple[str, str] = ("", "")) -> None:
        super().__init__()
        self._untold = untold

    def post(self, commands: Sequence[Command], clock: Instant) -> list[Answer]:
        answers = super().post(commands, clock)
        for later in LATER:
            self.add_up(clock + later)
        return answers

    def add_up(self, clock: Instant) -> None:
        """The history at an instant, against the account at it."""
        after, due, moved = settled(self.account, self.open_lots, self.live_holds, clock)
        lots = {lot.lot: lot for lot in self.every_lot()} | moved
        booked = [
            line
            for line in (*self.every_transfer(), *due)
            if (line.source, line.target) != self._untold
        ]
        told = lines(booked, lots, {})
        total = sum(signed(line) for line in told)
        assert total == after.pending + after.available + after.held - after.owed
        check_states(told, lots)


def check_states(told: list[Line], lots: dict[int, Lot]) -> None:
    """What a line says of itself agrees with the books."""
    for line in told:
        assert line.points > 0
        assert (line.direction == "+") or line.expires_at == NEVER
    waiting = {lot.expires_at for lot in lots.values() if lot.left and lot.is_pending}
    assert {line.expires_at for line in told if line.status == "pending"} <= waiting


@PLAYED
@given(STEPS)
def test_what_is_told_adds_up(steps: list[AnyStep]) -> None:
    play(Telling(), KEY, steps)


@pytest.mark.parametrize(
    "pair", [("available", "redeemed"), ("pending", "expired"), ("owed", "cancelled")]
)
def test_control_a_move_that_is_not_told_is_found(pair: tuple[str, str]) -> None:
    @settings(PLAYED, max_examples=2_000, phases=[Phase.generate], database=None, print_blob=False,
              report_multiple_bugs=False)  # fmt: skip
    @seed(6)
    @given(STEPS)
    def add_up(steps: list[AnyStep]) -> None:
        play(Telling(pair), KEY, steps)

    with pytest.raises(AssertionError):
        add_up()


def test_control_lines_are_made_of_transfers() -> None:
    made: list[Transfer] = []
    assert lines(made, {}, {}) == []
