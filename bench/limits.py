"""What limits cost a balance read: none, one process's own, and the table that workers share.

The limits are those of a busy shop: nobody is refused, and every answer says where its caller
stands.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import perf_counter

from msgspec.structs import replace

from bench.machine import pin, unpin
from bench.reads import Variant, interleave
from bench.servers import running
from bench.shop import Shop, folder, make_shop
from bench.table import aim, paired, show
from nuqta.api.points import PointsRoute
from nuqta.engine.engine import Engine
from nuqta.settings import Settings
from nuqta.web.limiter import Limiter, Memory, Shared, limiters
from nuqta.web.log import RequestLog

TOKENS = 2_000
PER_MINUTE = 1_000
_CALLS = 500
_NAMES = ("no limit", "in the process", "shared by workers")


def _in_process(house: Engine, shop: Shop, path: Path, seconds: float) -> list[list[float]]:
    """Microseconds of one answer under each kind of limiter, in slices that take turns."""
    Shared.make(path / "table", TOKENS)
    kinds = (
        Limiter(0, Memory(1), is_off=True),
        Limiter(PER_MINUTE, Memory(TOKENS)),
        Limiter(PER_MINUTE, Shared(path / "table")),
    )
    paces = [replace(limiters(Settings()), shoppers=limiter) for limiter in kinds]
    routes = [PointsRoute(house, one, RequestLog(0)) for one in paces]
    asked = [
        {b"authorization": f"Bearer {shop.authorization}".encode(), b"x-customer-token": one}
        for one in (token.encode() for token in shop.tokens)
    ]
    store = str(shop.store_id)
    found: list[list[float]] = [[] for _ in routes]
    ends, turn = perf_counter() + seconds, 0
    while perf_counter() < ends:
        chosen = [asked[(turn * _CALLS + at) % len(asked)] for at in range(_CALLS)]
        for route, times in zip(routes, found, strict=True):
            began = perf_counter()
            for headers in chosen:
                status, _, _ = route.answer("GET", store, headers)
                if status != 200:
                    raise RuntimeError(f"the balance answered {status}")
            times.append((perf_counter() - began) / _CALLS * 1e6)
        turn += 1
    return found


def _over_http(shop: Shop, seconds: float) -> Sequence[Variant]:
    """The same over HTTP."""
    limited = {
        **shop.environ, "NUQTA_RATE_LIMIT": str(PER_MINUTE),
        "NUQTA_RATE_LIMIT_SHOPPER": str(PER_MINUTE),
    }  # fmt: skip
    with ExitStack() as stack:
        variants = [
            Variant(name, stack.enter_context(running(kind, environ)), shop.requests(TOKENS))
            for name, kind, environ in zip(
                _NAMES,
                ("points", "points", "shared"),
                (shop.environ, limited, limited),
                strict=True,
            )
        ]
        pin(1)
        try:
            interleave(variants, seconds)
        finally:
            unpin()
            for one in variants:
                one.close()
        return variants


def run(seconds: float) -> None:
    """Measure and print."""
    with folder() as path:
        shop = make_shop(path, TOKENS)
        with shop.open() as house:
            found = _in_process(house, shop, path, seconds / 2)
        served = _over_http(shop, seconds)
    show(
        f"One balance read, {TOKENS:,} tokens, by what counts them",
        ("limits", "reply µs", "/ no limit"),
        [
            (name, f"{median(times):.1f}", f"{paired(times, found[0]):.3f}")
            for name, times in zip(_NAMES, found, strict=True)
        ],
    )
    show(
        "The same over HTTP, where a counted answer has five headers more",
        ("limits", "requests/s", "processor µs"),
        [
            (one.name, f"{median(one.paces):,.0f}", f"{median(one.processor_us):.1f}")
            for one in served
        ],
    )
    for one in served[1:]:
        aim(
            f"cost {one.name} / no limit, over HTTP", "next to 1.0",
            f"{paired(one.processor_us, served[0].processor_us):.2f}",
        )  # fmt: skip
