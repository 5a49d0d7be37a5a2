"""The play of the model against real books: random steps, and what must agree after each of them.

`Shelf` is one account on a real SQLite file, with the interface that `Paper` has; `play` moves
either of them and the model, side by side.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
from hypothesis import strategies as st

from nuqta.engine.door import post
from nuqta.ledger.account import Account
from nuqta.ledger.commands import SYSTEM, Answer, Command
from nuqta.ledger.history import Balance, at, balance_of, rebuild
from nuqta.ledger.instants import DAY_US, NEVER, Instant
from nuqta.ledger.invariants import violations
from nuqta.ledger.lots import Lot
from nuqta.ledger.posting import Outcome
from nuqta.ledger.transfers import AccountKey, Transfer
from nuqta.refusals import KEY_CONFLICT
from nuqta.storage import books
from nuqta.storage.sqlite import Vault
from tests.ledger.model import Model
from tests.ledger.paper import DAY_ZERO, Paper, adjust, cancelling, earn, settle, spend


class Disagreement(AssertionError):
    """The real books did something else than the model, or broke what always holds."""


class Step(msgspec.Struct, frozen=True):
    """One move: how far the clock goes first (µs), what, how many points, and days where needed."""

    clock: int
    what: str
    points: int
    mature: int = 0
    expire: int | None = None
    late: int = 0
    key: str = ""


_FORWARD = [DAY_US, 2 * DAY_US, 3 * DAY_US, 3 * DAY_US - 1, 7 * DAY_US, 30 * DAY_US, 1]
_STAND_OR_BACK = [0, 0, -1, -DAY_US, -5 * DAY_US]
_CLOCK = st.sampled_from(_FORWARD) | st.sampled_from(_STAND_OR_BACK)
_POINTS = st.integers(1, 60)
_KEY = st.sampled_from(["", "", "", "", "a", "b"])
_EXPIRE = st.sampled_from([None, 0, 1, 3, 7, 30])

STEPS: Final = st.integers(1, 60).flatmap(
    lambda count: st.lists(
        st.one_of(
            st.builds(
                Step, _CLOCK, st.just("earn"), _POINTS, st.sampled_from([0, 0, 1, 3, 7]), _EXPIRE,
                st.sampled_from([0, 0, 0, 1, 5, 40, -1]), _KEY,
            ),
            st.builds(Step, _CLOCK, st.just("spend"), _POINTS, key=_KEY),
            st.builds(Step, _CLOCK, st.just("add"), _POINTS, expire=_EXPIRE, key=_KEY),
            st.builds(Step, _CLOCK, st.just("deduct"), _POINTS, key=_KEY),
            st.builds(Step, _CLOCK, st.just("cancel"), _POINTS),
            st.builds(Step, _CLOCK, st.sampled_from(["settle", "read"]), st.just(0)),
        ),
        min_size=count, max_size=count,
    )
)  # fmt: skip


class Ledger(Protocol):
    """What is played on."""

    @property
    def account(self) -> Account: ...
    @property
    def transfers(self) -> list[Transfer]: ...
    def every_lot(self) -> list[Lot]: ...
    def post(self, commands: Sequence[Command], clock: Instant) -> list[Answer]: ...
    def cancel(self, points: int, key: str, clock: Instant) -> None: ...
    def read(self, clock: Instant) -> Account: ...
    def wrongs(self) -> list[str]: ...


class Shelf:
    """One account in an open vault."""

    def __init__(self, vault: Vault, key: AccountKey) -> None:
        self._vault = vault
        self._key = key
        vault.write("open", lambda tx: books.open_accounts(tx, [key]))

    @property
    def account(self) -> Account:
        account = books.account(self._vault.reader(), self._key)
        assert account is not None
        return account

    @property
    def transfers(self) -> list[Transfer]:
        return books.transfers(self._vault.reader(), self._key)

    def every_lot(self) -> list[Lot]:
        return books.all_lots(self._vault.reader(), self._key)

    def post(self, commands: Sequence[Command], clock: Instant) -> list[Answer]:
        return self._vault.write("post", lambda tx: post(tx, commands, clock))

    def cancel(self, points: int, key: str, clock: Instant) -> None:
        facts = books.load(self._vault.reader(), [settle(self._key)])
        outcome = cancelling(facts, points, key, clock)
        self._vault.write("cancel", lambda tx: books.record(tx, outcome))

    def read(self, clock: Instant) -> Account:
        with self._vault.snapshot() as tx:
            account = books.account(tx, self._key)
            assert account is not None
            return at(account, books.open_lots(tx, account), clock)

    def wrongs(self) -> list[str]:
        with self._vault.snapshot() as tx:
            account = books.account(tx, self._key)
            assert account is not None
            return list(violations(
                account, books.transfers(tx, self._key), books.all_lots(tx, self._key),
                books.receipts(tx, self._key),
            ))  # fmt: skip


class Sheet(Paper):
    """Paper, as something that can be played on."""

    def every_lot(self) -> list[Lot]:
        return [self.lots[number] for number in sorted(self.lots)]

    def cancel(self, points: int, key: str, clock: Instant) -> None:
        outcome: Outcome = cancelling(self.facts(), points, key, clock)
        self.write(outcome)


class Game:
    """The model and the real books, side by side."""

    def __init__(self, ledger: Ledger, key: AccountKey) -> None:
        self.ledger = ledger
        self.key = key
        self.model = Model()
        self.clock = DAY_ZERO + 100 * DAY_US
        self.known: dict[str, tuple[object, str]] = {}
        self.answers: list[tuple[Instant, Balance]] = []

    def step(self, number: int, step: Step) -> None:
        """Move both, and compare."""
        self.clock += step.clock
        now = max(self.clock, self.ledger.account.recorded_at)
        if step.what == "cancel":
            self.ledger.cancel(step.points, f"cancel:{number}", self.clock)
            self.model = self.model.at(now)
            self.model.cancel(step.points)
        elif step.what != "read":
            self._command(number, step, now)
        seen = max(self.clock, self.ledger.account.recorded_at)
        expected = self.model.at(seen).shown()
        balance = balance_of(self.ledger.read(self.clock))
        shown = {name: getattr(balance, name) for name in expected}
        _agree(shown, expected, f"step {number}, {step}")
        _agree(self.ledger.wrongs(), [], f"step {number}, {step}")
        self.answers.append((seen, balance))

    def _command(self, number: int, step: Step, now: Instant) -> None:
        key = step.key or f"u{number}"
        command, content = self._meant(step, key, now)
        answer = self.ledger.post([command], self.clock)[0]
        code = answer.refusal.code if answer.refusal else ""
        name = f"{command.origin}|{command.key}"
        if step.what != "settle" and name in self.known:
            known, outcome = self.known[name]
            same = known == content
            _agree((code, answer.is_replay), (outcome if same else KEY_CONFLICT.code, same), name)
            return
        model = self.model.at(now)
        expected = _model_does(model, step, now)
        _agree((code, answer.is_replay), (expected, False), f"step {number}, {step}")
        if not expected or command.origin != SYSTEM:
            self.known[name] = (content, expected)
        if not expected:  # a refusal books nothing, not even what fell due before it
            self.model = model

    def _meant(self, step: Step, key: str, now: Instant) -> tuple[Command, object]:
        match step.what:
            case "earn":
                placed = now - step.late * DAY_US
                made = earn(step.points, key, placed, step.mature, step.expire, self.key)
                return made, (placed, step.points)
            case "spend":
                return spend(step.points, key, self.key), ("spend", step.points)
            case "settle":
                return settle(self.key), None
        points = step.points if step.what == "add" else -step.points
        expires_at = _end(now, step.expire)
        return adjust(points, key, expires_at, self.key), ("adjust", points, expires_at)

    def end(self) -> None:
        """Every answer that was given on the way can be had again (I11)."""
        transfers, lots = self.ledger.transfers, self.ledger.every_lot()
        later = self.clock + 400 * DAY_US
        for number, (seen, balance) in enumerate(self.answers):
            again = rebuild(self.key, transfers, lots, later, as_of=seen, version=balance.version)
            _agree(again, balance, f"answer {number}, by its instant and version")
            # A command that came later and was stamped with this very instant is known by it too.
            follower = transfers[balance.version : balance.version + 1]
            if not follower or follower[0].recorded_at > seen:
                again = rebuild(self.key, transfers, lots, later, known_at=seen)
                _agree(again, balance, f"answer {number}, by what was known then")


def play(ledger: Ledger, key: AccountKey, steps: list[Step]) -> None:
    """The whole game. Raises Disagreement."""
    game = Game(ledger, key)
    for number, step in enumerate(steps):
        game.step(number, step)
    game.end()


def _model_does(model: Model, step: Step, now: Instant) -> str:
    match step.what:
        case "earn":
            placed = now - step.late * DAY_US
            matures_at = placed + step.mature * DAY_US
            return model.grant(step.points, placed, matures_at, _end(placed, step.expire), now)
        case "add":
            return model.grant(step.points, now, now, _end(now, step.expire), now)
        case "spend":
            return model.spend(step.points)
        case "deduct":
            return model.deduct(step.points)
    return ""


def _end(begin: Instant, days: int | None) -> Instant:
    return NEVER if days is None else begin + days * DAY_US


def _agree(real: object, expected: object, where: str) -> None:
    if real != expected:
        raise Disagreement(f"{where}: {real}, not {expected}")
