"""The price of a long history: a balance with 10 and with 1,000,000 transfers behind it.

The million is real: every transfer was decided by the ledger and recorded through the door, and
the audit of the account finds nothing.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median
from time import perf_counter

from bench.machine import pin, unpin
from bench.reads import Variant, interleave
from bench.servers import running
from bench.shop import Shop, adjustment, folder, make_shop
from bench.table import aim, paired, show, told
from nuqta.api.points import PointsRoute
from nuqta.engine.engine import Engine
from nuqta.engine.reading.audit import audit
from nuqta.ledger.account import dkey_of
from nuqta.ledger.commands import Command, Spend
from nuqta.settings import Settings
from nuqta.web.limiter import limiters
from nuqta.web.log import RequestLog

SHORT, LONG = 10, 1_000_000
_BATCH = 5_000
_CALLS = 500


def grow(house: Engine, shop: Shop, number: int, transfers: int) -> None:
    """Bring an account to so many transfers, or one more: points come singly and are spent
    together, one transfer for each lot that they came in."""
    customer = shop.customer_id(number)
    grown = 1
    while grown < transfers:
        size = max(1, min(_BATCH, (transfers - grown) // 2))
        commands: list[Command] = [
            adjustment(shop.store_id, customer, 1, f"in:{grown}:{place}") for place in range(size)
        ]
        commands.append(
            Spend(
                dkey=dkey_of(shop.store_id, customer), customer_id=customer, origin="cli",
                key=f"out:{grown}", points=size,
            )
        )  # fmt: skip
        answers = house.door.post_all(commands)
        if not all(answer.refusal is None for answer in answers):
            raise RuntimeError("the books refused to grow")
        grown = answers[-1].receipt.version


def _in_process(house: Engine, shop: Shop, seconds: float) -> tuple[list[float], list[float]]:
    """Microseconds of one reply, for the short and the long account, in slices."""
    off = limiters(Settings({"NUQTA_RATE_LIMIT": "0"}))
    route = PointsRoute(house, off, RequestLog(0))
    found: tuple[list[float], list[float]] = ([], [])
    ends = perf_counter() + seconds
    while perf_counter() < ends:
        for token, times in zip(shop.tokens[:2], found, strict=True):
            headers = {
                b"authorization": f"Bearer {shop.authorization}".encode(),
                b"x-customer-token": token.encode(),
            }
            began = perf_counter()
            status = 0
            for _ in range(_CALLS):
                status, _, _ = route.reply("GET", str(shop.store_id), headers, "", b"bench")
            times.append((perf_counter() - began) / _CALLS * 1e6)
            if status != 200:
                raise RuntimeError(f"the balance answered {status}")
    return found


def _over_http(shop: Shop, seconds: float) -> Sequence[Variant]:
    with ExitStack() as stack:
        server = stack.enter_context(running("points", shop.environ))
        short, long = (Variant("", server, [request]) for request in shop.requests(2))
        pin(1)
        try:
            interleave((short, long), seconds)
        finally:
            unpin()
            short.close()
            long.close()
        return short, long


def run(seconds: float) -> None:
    """Build the books, measure and print."""
    with folder() as path:
        shop = make_shop(path, 2, points=1)
        with shop.open() as house:
            grow(house, shop, 0, SHORT)
            began = perf_counter()
            grow(house, shop, 1, LONG)
            built_s = perf_counter() - began
            short_us, long_us = _in_process(house, shop, seconds / 4)
        short, long = _over_http(shop, seconds / 2)
        began = perf_counter()
        with shop.open() as house:
            report = audit(house)
        audited_s = perf_counter() - began
    show(
        "One balance read, by the length of the history",
        ("transfers", "reply µs", "requests/s", "processor µs"),
        [
            (f"{size:,}", f"{median(us):.1f}", f"{median(one.paces):,.0f}",
             f"{median(one.processor_us):.1f}")
            for size, us, one in ((SHORT, short_us, short), (LONG, long_us, long))
        ],
    )  # fmt: skip
    told(f"books of {LONG:,} transfers built in {built_s:.0f} s; audit of all {report.transfers:,}:"
         f" {'clean' if report.ok else report.violations[0]} ({audited_s:.0f} s)")  # fmt: skip
    aim("cost with 1,000,000 / with 10, the reply", "1.0", f"{paired(long_us, short_us):.2f}")
    aim(
        "cost with 1,000,000 / with 10, over HTTP", "1.0",
        f"{paired(long.processor_us, short.processor_us):.2f}",
    )  # fmt: skip
