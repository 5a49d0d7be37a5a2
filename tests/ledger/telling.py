"""How a tale is told: one move a line, played on paper.

    d0 earn 100 mature 3 expire 30           an order of that day earns; days until each
    d9 earn 100 placed 2 expire 30           … an order of day 2, learned on day 9
    d5 spend 40 -> refused NOT_ENOUGH_POINTS
    d5 spend 40 key a -> replay              the key was seen before, with this content
    d6 adjust +5 expire 10                   … days from now; `adjust -5` deducts
    d6 cancel 70                             takes what is available and owes the rest
    d7 settle
    d31 = available 0 pending 0 used 40      a read; a place that is not named must be 0
    d31 lots 1:0 2:40                        what each lot has left
    | expire 60 lot 1 at d30                 one transfer; such lines together are the whole books

`d3` is the first instant of day 3, `d3-1` a microsecond before it. A line after which nothing is
said must succeed. After every line the invariants hold, and a refusal has left the books as they
were but for its own memory.
"""

import re
from collections.abc import Iterator

from nuqta.ledger.commands import Command
from nuqta.ledger.history import balance_of
from nuqta.ledger.instants import DAY_US, NEVER, Instant
from nuqta.ledger.transfers import Transfer
from tests.ledger.paper import DAY_ZERO, Decide, Paper, adjust, cancelling, earn, settle, spend

_INSTANT = re.compile(r"d(\d+)([+-]\d+)?")
_SHOWN = ("available", "pending", "held", "owed", "used")


class Teller:
    """Plays one tale, line by line; `assert` says which line the books did not follow."""

    def __init__(self, decide: Decide | None = None) -> None:
        self.paper = Paper() if decide is None else Paper(decide)
        self._count = 0

    def tell(self, tale: str) -> Paper:
        """Play every line; the books as they are at the end."""
        lines = [line.split("#")[0].strip() for line in tale.strip().splitlines()]
        expected = [line.removeprefix("|").strip() for line in lines if line.startswith("|")]
        for line in lines:
            if line and not line.startswith("|"):
                self._line(line)
                wrongs = self.paper.wrongs()
                assert not wrongs, f"{line}: {wrongs}"
        if expected:
            assert list(map(_told, self.paper.transfers)) == expected
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
            left = [f"{lot.lot}:{lot.left}" for lot in self.paper.lots.values()]
            assert left == words, line
        elif what == "cancel":
            self._count += 1
            facts = self.paper.facts()
            self.paper.write(cancelling(facts, int(words[0]), f"cancel:{self._count}", now))
        else:
            self._post(line, self._command(what, words, now), now, outcome.split())

    def _post(self, line: str, command: Command, now: Instant, outcome: list[str]) -> None:
        paper = self.paper
        before = (paper.account, dict(paper.lots), len(paper.transfers), len(paper.notes))
        answer = paper.post([command], now)[0]
        after = (paper.account, dict(paper.lots), len(paper.transfers), len(paper.notes))
        code = answer.refusal.code.removeprefix("ERROR_") if answer.refusal else ""
        told = ["refused", code] if code else []
        assert told + ["replay"] * answer.is_replay == outcome, line
        if code or answer.is_replay:
            assert after == before, f"{line}: left something behind"

    def _command(self, what: str, words: list[str], now: Instant) -> Command:
        self._count += 1
        if what == "settle":
            return settle()
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


def instant(text: str) -> Instant:
    """`d3` or `d3-1` as an instant."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is no instant of a tale")
    return DAY_ZERO + int(match[1]) * DAY_US + int(match[2] or 0)


def _told(transfer: Transfer) -> str:
    days, rest = divmod(transfer.effective_at - DAY_ZERO, DAY_US)
    when = f"d{days}" if not rest else f"d{days}+{rest}"
    lot = f" lot {transfer.lot}" if transfer.lot else ""
    return f"{transfer.move} {transfer.points}{lot} at {when}"


def _numbers(words: list[str]) -> dict[str, int]:
    def pairs() -> Iterator[tuple[str, int]]:
        for name, number in zip(words[::2], words[1::2], strict=True):
            yield name, int(number)

    return dict(pairs())
