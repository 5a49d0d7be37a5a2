"""How a tale is told: one move a line, played on paper.

    d0 earn 100 mature 3 expire 30           an order of that day earns; days until each
    d9 earn 100 placed 2 expire 30           … an order of day 2, learned on day 9
    d0 order A 100 mature never              order A earns 100; it waits until more is told
    d4 order A 100 delivered 2 mature 3      … it was delivered on day 2, and matures 3 days later
    d5 order A 100 kept 60                   … a part came back: 60 of the points are kept
    d5 order A 100 placed 3                  … it turns out to be of day 3
    d5 order B 20 cart c pays 30 back 10     order B captures 30 points of its cart's hold, of which
                                             10 have come back
    d6 order B 20 back 30 undone 5 grace 7   … the last on day 5; where their end has come, they
                                             live for 7 days at most
    d6 order A 100 kept 0 forgive            … what is gone is borne by the program
    d1 hold 30 cart c for 2 method m         set aside for a cart, for days; `-> refused …`
    d2 empty c                               the cart is emptied
    d5 spend 40 -> refused NOT_ENOUGH_POINTS
    d5 spend 40 key a -> replay              the key was seen before, with this content
    d6 adjust +5 expire 10                   … days from now; `adjust -5` deducts
    d7 remind 1 within 3                     tells that lot 1 expires within days
    d7 settle
    d31 = available 0 pending 0 used 40      a read; a place that is not named must be 0
    d31 lots 1:0 2:40@50                     what each lot has left, and the day of its end
    | expire 60 lot 1 at d30                 one transfer; such lines together are the whole books
    ! points.expired 60                      one event; such lines together are all that was told

`d3` is the first instant of day 3, `d3-1` a microsecond before it. An order keeps what is not said
anew. A line after which nothing is said must succeed. After every line the invariants hold, and a
refusal has left the books as they were but for its own memory.
"""

import re
from collections.abc import Iterator

from msgspec.structs import replace

from nuqta.ledger.commands import SYSTEM, Command, Order, Release, Remind, Reserve
from nuqta.ledger.history import balance_of
from nuqta.ledger.instants import DAY_US, NEVER, Instant
from nuqta.ledger.lots import Lot
from nuqta.ledger.transfers import Transfer
from tests.ledger.paper import DAY_ZERO, KEY, Decide, Paper, adjust, earn, settle, spend

_INSTANT = re.compile(r"d(\d+)([+-]\d+)?")
_SHOWN = ("available", "pending", "held", "owed", "used")


class Teller:
    """Plays one tale, line by line; `assert` says which line the books did not follow."""

    def __init__(self, decide: Decide | None = None) -> None:
        self.paper = Paper() if decide is None else Paper(decide)
        self._count = 0
        self._orders: dict[str, Order] = {}

    def tell(self, tale: str) -> Paper:
        """Play every line; the books as they are at the end."""
        lines = [line.split("#")[0].strip() for line in tale.strip().splitlines()]
        for line in lines:
            if line and line[0] not in "|!":
                self._line(line)
                wrongs = self.paper.wrongs()
                assert not wrongs, f"{line}: {wrongs}"
        expected = [line.removeprefix("|").strip() for line in lines if line.startswith("|")]
        if expected:
            assert list(map(_told, self.paper.transfers)) == expected
        expected = [line.removeprefix("!").strip() for line in lines if line.startswith("!")]
        if expected:
            assert [f"{event.kind} {event.points}" for event in self.paper.events] == expected
        return self.paper

    def _line(self, line: str) -> None:
        said, _, outcome = line.partition("->")
        when, what, *words = said.split()
        now = instant(when)
        if what == "=":
            wanted = {**dict.fromkeys(_SHOWN, 0), **_numbers(words)}
            balance = balance_of(self.paper.read(now))
            shown = {name: getattr(balance, name) for name in wanted}
            assert shown == wanted, line
        elif what == "lots":
            lots = self.paper.lots.values()
            assert [_left(lot, word) for lot, word in zip(lots, words, strict=True)] == words, line
        else:
            self._post(line, self._command(what, words, now), now, outcome.split())

    def _post(self, line: str, command: Command, now: Instant, outcome: list[str]) -> None:
        paper = self.paper
        before = _books(paper)
        answer = paper.post([command], now)[0]
        code = answer.refusal.code.removeprefix("ERROR_") if answer.refusal else ""
        told = ["refused", code] if code else []
        assert told + ["replay"] * answer.is_replay == outcome, line
        if code or answer.is_replay:
            assert _books(paper) == before, f"{line}: left something behind"

    def _command(self, what: str, words: list[str], now: Instant) -> Command:
        self._count += 1
        match what:
            case "settle":
                return settle()
            case "order":
                return self._order(words, now)
            case "hold" | "empty" | "remind":
                return self._cart(what, words)
        points, *more = words
        options = dict(zip(more[::2], more[1::2], strict=True))
        key = options.get("key", f"k{self._count}")
        expire = options.get("expire")
        match what:
            case "earn":
                placed = f"d{options['placed']}" if "placed" in options else ""
                return earn(
                    int(points), key, instant(placed) if placed else now,
                    int(options.get("mature", 0)), None if expire is None else int(expire),
                )  # fmt: skip
            case "adjust":
                return adjust(
                    int(points), key, NEVER if expire is None else now + int(expire) * DAY_US
                )
            case "spend":
                return spend(int(points), key)
        raise ValueError(f"{what} is no word of a tale")

    def _cart(self, what: str, words: list[str]) -> Command:
        first, *more = words
        options = dict(zip(more[::2], more[1::2], strict=True))
        key = options.get("key", f"k{self._count}")
        if what == "remind":
            return Remind(
                dkey=KEY[0], customer_id=KEY[1], origin=SYSTEM, key=f"remind:{first}",
                lot=int(first), within_us=int(options["within"]) * DAY_US,
            )  # fmt: skip
        if what == "empty":
            return Release(dkey=KEY[0], customer_id=KEY[1], origin="cli", key=key, cart=first)
        return Reserve(
            dkey=KEY[0], customer_id=KEY[1], origin="cli", key=key, cart=options.get("cart", "c"),
            method_id=options.get("method", "m"), points=int(first), discount=int(first),
            currency="SAR", basket=None, life_us=int(options.get("for", 1)) * DAY_US,
            holds_max=int(options.get("most", 9)),
        )  # fmt: skip

    def _order(self, words: list[str], now: Instant) -> Order:
        """What is said anew of an order, on what was said before."""
        name, points, *more = words
        is_forgiving = "forgive" in more
        more = [word for word in more if word != "forgive"]
        said = dict(zip(more[::2], more[1::2], strict=True))
        known = self._orders.get(name)
        placed = instant(f"d{said['placed']}") if "placed" in said else now
        order = known or earn(int(points), name, placed)
        order = replace(
            order, key=f"order:{name}:{self._count}", earned=int(points),
            kept=int(said.get("kept", points)), is_forgiving=is_forgiving,
            returned=int(said.get("back", order.returned)),
            undone_at=instant(f"d{said['undone']}") if "undone" in said else now,
        )  # fmt: skip
        if "placed" in said:
            order = replace(order, granted_at=placed)
        if "grace" in said:
            order = replace(order, grace_us=int(said["grace"]) * DAY_US)
        if "expire" in said:
            order = replace(order, expires_at=order.granted_at + int(said["expire"]) * DAY_US)
        if "mature" in said:
            begin = instant(f"d{said['delivered']}") if "delivered" in said else order.granted_at
            is_known = said["mature"] != "never"
            matures_at = begin + int(said["mature"]) * DAY_US if is_known else NEVER
            order = replace(order, matures_at=matures_at)
        if "cart" in said:
            hold = [hold for hold in self.paper.holds.values() if hold.cart == said["cart"]][-1]
            order = replace(order, hold=hold.hold, redeemed=int(said.get("pays", hold.points)))
        self._orders[name] = order
        return order


def instant(text: str) -> Instant:
    """`d3` or `d3-1` as an instant."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is no instant of a tale")
    return DAY_ZERO + int(match[1]) * DAY_US + int(match[2] or 0)


def _books(paper: Paper) -> tuple[object, ...]:
    return (paper.account, dict(paper.lots), dict(paper.holds), len(paper.transfers),
            len(paper.events), len(paper.notes))  # fmt: skip


def _told(transfer: Transfer) -> str:
    days, rest = divmod(transfer.effective_at - DAY_ZERO, DAY_US)
    when = f"d{days}" if not rest else f"d{days}+{rest}"
    lot = f" lot {transfer.lot}" if transfer.lot else ""
    return f"{transfer.move} {transfer.points}{lot} at {when}"


def _left(lot: Lot, word: str) -> str:
    """What a lot has left, and its end where the tale wants to know it."""
    ends = f"@{(lot.expires_at - DAY_ZERO) // DAY_US}" if "@" in word else ""
    return f"{lot.lot}:{lot.left}{ends}"


def _numbers(words: list[str]) -> dict[str, int]:
    def pairs() -> Iterator[tuple[str, int]]:
        for name, number in zip(words[::2], words[1::2], strict=True):
            yield name, int(number)

    return dict(pairs())
