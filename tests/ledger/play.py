"""The play of the model against real books: what must agree after each step, and at the end.

What should have been told is worked out from the transfers alone, by `Told`.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Final, TypeAlias

from nuqta.ledger.books import Books
from nuqta.ledger.commands import SYSTEM, Command, Order, Release, Remind, Reserve
from nuqta.ledger.events import EXPIRING, TOLD, Event
from nuqta.ledger.history import Balance, balance_of, rebuild
from nuqta.ledger.instants import DAY_US, NEVER, Instant, Points
from nuqta.ledger.lots import Lot
from nuqta.ledger.transfers import PLACES, AccountKey, Transfer, book
from nuqta.refusals import KEY_CONFLICT
from tests.ledger.model import Model, Wish
from tests.ledger.order_model import move
from tests.ledger.paper import DAY_ZERO, adjust, settle, spend
from tests.ledger.shelves import Ledger
from tests.ledger.steps import AnyStep, CartStep, OrderStep, Step

_SHOWN: Final = ("pending", "available", "held", "owed", "redeemed")

Said: TypeAlias = tuple[object, ...]
"""An event as far as it follows: number, kind, points, version, the balance, key and order."""


class Disagreement(AssertionError):
    """The real books did something else than the model, or broke what always holds."""


class Game:
    """The model and the real books, side by side."""

    def __init__(self, ledger: Ledger, key: AccountKey) -> None:
        self.ledger = ledger
        self.key = key
        self.model = Model()
        self.clock = DAY_ZERO + 100 * DAY_US
        self.known: dict[str, tuple[object, str]] = {}  # by key: what was wished, what came of it
        self.redeems: dict[str, tuple[int, int]] = {}  # by order: which hold, and how much of it
        self.wish: Wish | None = None
        self.answers: list[tuple[Instant, Balance]] = []
        self.told = Told()

    def step(self, number: int, step: AnyStep) -> None:
        """Move both, and compare."""
        self.clock += step.clock
        now = max(self.clock, self.ledger.account.recorded_at)
        where = f"step {number}, {step}"
        match step:
            case OrderStep():
                self._order(number, step, now, where)
            case CartStep():
                self._cart(number, step, now, where)
            case Step(what="again"):
                if self.wish is not None:
                    self._move(self.wish, f"again:{number}", False, now, where)
            case Step(what="remind"):
                self._remind(step, now)
            case Step(what="settle"):
                self.ledger.post([settle(self.key)], self.clock)
                self.model = self.model.at(now)
            case Step(what="add" | "deduct" | "spend"):
                self._by_hand(number, step, now, where)
        self._compare(where)

    def _compare(self, where: str) -> None:
        seen = max(self.clock, self.ledger.account.recorded_at)
        model = self.model.at(seen)
        expected, balance = model.shown(), balance_of(self.ledger.read(self.clock))
        _agree({name: getattr(balance, name) for name in expected}, expected, where)
        lots = [(lot.order_key, lot.left, lot.matures_at, lot.expires_at)
                for lot in self._lots_at(seen) if lot.left]  # fmt: skip
        _agree(lots, model.left(), where)
        _agree(self.ledger.wrongs(), [], where)
        self.told.hear(self.ledger.every_transfer())
        _agree(said(self.ledger.every_event()), self.told.events, where)
        self.answers.append((seen, balance))

    def _lots_at(self, now: Instant) -> list[Lot]:
        books = Books(self.ledger.account, self.ledger.every_lot(), self.ledger.every_hold())
        books.settle(now)
        return list(books.lots.values())

    # -- steps ----------------------------------------------------------------------------------
    def _by_hand(self, number: int, step: Step, now: Instant, where: str) -> None:
        key, points, model = step.key or f"u{number}", step.points, self.model.at(now)
        expires_at = _end(now, step.expire)
        match step.what:
            case "spend":
                command: Command = spend(points, key, self.key)
                content: object = ("spend", points)
            case "add":
                command = adjust(points, key, expires_at, self.key)
                content = ("adjust", points, expires_at)
            case _:
                command = adjust(-points, key, account=self.key)
                content = ("adjust", -points, NEVER)
        if self._was_known(command, content, where):
            return
        match step.what:
            case "spend":
                expected = model.spend(points)
            case "add":
                expected = model.add(points, expires_at)
            case _:
                expected = model.deduct(points)
        self._post(command, content, model, expected, where)

    def _cart(self, number: int, step: CartStep, now: Instant, where: str) -> None:
        base = {"dkey": self.key[0], "customer_id": self.key[1], "origin": "cli"}
        key, model = step.key or f"u{number}", self.model.at(now)
        if not step.points:
            release = Release(key=key, cart=step.cart, **base)  # type: ignore[arg-type]
            if not self._was_known(release, step.cart, where):
                self._post(release, step.cart, model, model.release(step.cart), where)
            return
        wish = (step.method, step.points, step.points // 2)
        reserve = Reserve(
            key=key, cart=step.cart, method_id=step.method, points=step.points,
            discount=step.points // 2, currency="SAR", basket=step.points, life_us=step.life,
            holds_max=step.holds_max, **base,  # type: ignore[arg-type]
        )  # fmt: skip
        if not self._was_known(reserve, (step.cart, *wish), where):
            expected = model.reserve(step.cart, wish, step.life, step.holds_max)
            self._post(reserve, (step.cart, *wish), model, expected, where)

    def _was_known(self, command: Command, content: object, where: str) -> bool:
        """A key that was used before: the same answer for the same content, else a conflict."""
        if command.key not in self.known:
            return False
        known, outcome = self.known[command.key]
        answer = self.ledger.post([command], self.clock)[0]
        code = answer.refusal.code if answer.refusal else ""
        same = known == content
        _agree((code, answer.is_replay), (outcome if same else KEY_CONFLICT.code, same), where)
        return True

    def _post(
        self, command: Command, content: object, model: Model, expected: str, where: str
    ) -> None:
        answer = self.ledger.post([command], self.clock)[0]
        code = answer.refusal.code if answer.refusal else ""
        _agree((code, answer.is_replay), (expected, False), where)
        self.known[command.key] = (content, expected)
        if not expected:  # a refusal books nothing, not even what fell due before it
            self.model = model

    def _remind(self, step: Step, now: Instant) -> None:
        within = (step.expire or 0) * DAY_US
        full = [lot.lot for lot in self._lots_at(now) if lot.free]
        command = Remind(
            dkey=self.key[0], customer_id=self.key[1], origin=SYSTEM, key="remind",
            lot=full[step.points] if step.points < len(full) else 0, within_us=within,
        )  # fmt: skip
        self.ledger.post([command], self.clock)
        self.model = self.model.at(now)
        self.told.hear(self.ledger.every_transfer())
        points = self.model.remind(step.points, within)
        if points:
            self.told.remind(points)

    # -- orders ---------------------------------------------------------------------------------
    def _order(self, number: int, step: OrderStep, now: Instant, where: str) -> None:
        placed = now - step.late * DAY_US
        hold, redeemed = self._redeemed(step)
        self.wish = Wish(
            step.order, step.earned, step.earned * step.kept // 4, placed,
            NEVER if step.mature is None else placed + step.mature * DAY_US,
            _end(placed, step.expire), hold, redeemed, redeemed * step.returned // 4,
            now - step.undone * DAY_US, step.grace * DAY_US, step.is_forgiving,
        )  # fmt: skip
        self._move(self.wish, f"u{number}", step.is_twice, now, where)

    def _redeemed(self, step: OrderStep) -> tuple[int | None, int]:
        """Which hold the order uses, and how much of it: once it has used one, always the same."""
        if step.order not in self.redeems and step.hold is not None and step.late >= 0:
            unused = [number for number, hold in enumerate(self.model.holds) if not hold.order]
            if step.hold < len(unused):
                number = unused[-1 - step.hold]
                points = self.model.holds[number].wish[1]
                self.redeems[step.order] = (number, max(1, points - step.less))
        return self.redeems.get(step.order, (None, 0))

    def _move(self, wish: Wish, key: str, is_twice: bool, now: Instant, where: str) -> None:
        holds = self.ledger.every_hold()
        command = Order(
            dkey=self.key[0], customer_id=self.key[1], origin=SYSTEM, key=f"order:{key}",
            order_key=wish.order, earned=wish.earned, kept=wish.kept,
            granted_at=wish.granted_at, matures_at=wish.matures_at, expires_at=wish.expires_at,
            hold=0 if wish.hold is None else holds[wish.hold].hold, redeemed=wish.redeemed,
            returned=wish.returned, undone_at=wish.undone_at, grace_us=wish.grace,
            is_forgiving=wish.is_forgiving,
        )  # fmt: skip
        answer = self.ledger.post([command], self.clock)[0]
        code = answer.refusal.code if answer.refusal else ""
        model = self.model.at(now)
        _agree(code, move(model, wish), where)
        if not code:
            self.model = model
            # News may end a lot sooner: what a clock that has gone back said ahead of it falls.
            self.answers = [answer for answer in self.answers if answer[0] <= now]
        if is_twice:
            self.told.hear(self.ledger.every_transfer())
            booked = self._booked(command)
            self.ledger.post([command], self.clock)
            _agree(self._booked(command), booked, f"{where}, the second time")

    def _booked(self, command: Command) -> int:
        return sum(line.key == command.key for line in self.ledger.every_transfer())

    def end(self) -> None:
        """Every answer that was given on the way can be had again (I11)."""
        ledger, later = self.ledger, self.clock + 400 * DAY_US
        transfers = ledger.every_transfer()
        books = (self.key, transfers, ledger.every_lot(), ledger.every_hold(), later)
        for number, (seen, balance) in enumerate(self.answers):
            again = rebuild(*books, as_of=seen, version=balance.version)
            _agree(again, balance, f"answer {number}, by its instant and version")
            # A command that came later and was stamped with this very instant is known by it too.
            follower = transfers[balance.version : balance.version + 1]
            if not follower or follower[0].recorded_at > seen:
                again = rebuild(*books, known_at=seen)
                _agree(again, balance, f"answer {number}, by what was known then")


def play(ledger: Ledger, key: AccountKey, steps: list[AnyStep]) -> None:
    """The whole game. Raises Disagreement."""
    game = Game(ledger, key)
    for number, step in enumerate(steps):
        game.step(number, step)
    game.end()


def _end(begin: Instant, days: int | None) -> Instant:
    return NEVER if days is None else begin + days * DAY_US


def _agree(real: object, expected: object, where: str) -> None:
    if real != expected:
        raise Disagreement(f"{where}: {real}, not {expected}")


class Told:
    """Follows the transfers of an account, a command at a time, and the reminders."""

    def __init__(self) -> None:
        self.events: list[Said] = []
        self._sums = dict.fromkeys(PLACES, 0)
        self._heard = 0

    def hear(self, transfers: Sequence[Transfer]) -> None:
        """One event a kind for each command, and for each thing that fell due before it."""
        lines = transfers[self._heard :]
        self._heard = len(transfers)
        for _, group in groupby(lines, key=lambda line: (line.origin, line.key)):
            points: dict[str, Points] = {}
            for line in group:
                book(self._sums, line.source, line.target, line.points)
                for kind in TOLD[line.source, line.target]:
                    gained = -line.points if line.target == "adjusted_out" else line.points
                    points[kind] = points.get(kind, 0) + gained
            for kind, moved in points.items():
                self._say(kind, moved, line.version, line.key, line.order_key)

    def remind(self, points: Points) -> None:
        """A lot with so many free points was said to expire soon."""
        self._say(EXPIRING, points, self._heard, "remind", "")

    def _say(self, kind: str, points: Points, version: int, key: str, order_key: str) -> None:
        balance = [self._sums[place] for place in _SHOWN]
        self.events.append((len(self.events) + 1, kind, points, version, *balance, key, order_key))


def said(events: Sequence[Event]) -> list[Said]:
    """What was really told, in the same form."""
    return [
        (
            one.number, one.kind, one.points, one.version, one.pending, one.available, one.held,
            one.owed, one.used, one.key, one.order_key,
        )
        for one in events
    ]  # fmt: skip
