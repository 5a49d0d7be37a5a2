"""Requests a second, side by side: bare uvicorn, the framework, and the balance of a customer."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.load import Load, Slice
from bench.machine import pin, processor_s, unpin
from bench.servers import Running, running
from bench.shop import Shop, folder, make_shop
from bench.table import aim, paired, quantile, show, told
from bench.writer import writing

SLICE_S = 0.07
TOKENS = 2_000
COMMITS = 1_000


class Variant:
    """One line of the table: a server, what is asked of it, and what was measured."""

    def __init__(self, name: str, server: Running, requests: Sequence[bytes]) -> None:
        self.name = name
        self._pid = server.pid
        self._load = Load(server.port, requests)
        self.slices: list[Slice] = []
        self.processor_us: list[float] = []

    def measure(self, seconds: float = SLICE_S) -> None:
        """One more slice."""
        before = processor_s(self._pid)
        done = self._load.run(seconds)
        self.processor_us.append((processor_s(self._pid) - before) / done.answers * 1e6)
        self.slices.append(done)

    def warm(self) -> None:
        """Half a second that does not count."""
        self._load.run(0.5)

    def close(self) -> None:
        """Close the connections."""
        self._load.close()

    @property
    def paces(self) -> list[float]:
        """Answers a second, slice by slice."""
        return [one.pace for one in self.slices]


def interleave(variants: Sequence[Variant], seconds: float) -> None:
    """Give every variant a slice in each round, each round beginning with another one."""
    for variant in variants:
        variant.warm()
    for number in range(max(5, int(seconds / (SLICE_S * len(variants))))):
        turn = number % len(variants)
        for variant in (*variants[turn:], *variants[:turn]):
            variant.measure()


def table(title: str, variants: Sequence[Variant], base: Variant, nothing: Variant) -> None:
    """Print the variants with their ratios to two of them."""
    rows = []
    for one in variants:
        latencies = sorted(ns for part in one.slices for ns in part.latencies_ns)
        rows.append((
            one.name, f"{median(one.paces):,.0f}", f"{quantile(latencies, 0.5) / 1e6:.2f}",
            f"{quantile(latencies, 0.99) / 1e6:.2f}", f"{median(one.processor_us):.1f}",
            f"{paired(one.paces, base.paces):.2f}", f"{paired(one.paces, nothing.paces):.2f}",
        ))  # fmt: skip
    columns = ("server", "requests/s", "p50 ms", "p99 ms", "processor µs", "/ bare", "/ framework")
    show(title, columns, rows)


def run(seconds: float) -> None:
    """Measure and print; half of the time without writes, half with them."""
    with folder() as path, ExitStack() as stack:
        shop = make_shop(path, TOKENS)
        servers = {
            kind: stack.enter_context(running(kind, shop.environ))
            for kind in ("stock", "bare", "framework", "points")
        }
        pin(1)
        try:
            _quiet(shop, servers, seconds)
            _busy(shop, servers, seconds, path)
        finally:
            unpin()


def _quiet(shop: Shop, servers: dict[str, Running], seconds: float) -> None:
    hot = shop.requests(1)
    stock = Variant("uvicorn, its own protocol", servers["stock"], hot)
    base = Variant("bare: uvicorn, fixed body", servers["bare"], hot)
    nothing = Variant("framework, empty route", servers["framework"], hot)
    points = Variant("balance, one token", servers["points"], hot)
    variants = (stock, base, nothing, points)
    interleave(variants, seconds)
    table("Reads, nobody writes; 16 connections", variants, base, nothing)
    aim("balance / bare", "≥ 0.60", f"{paired(points.paces, base.paces):.2f}")
    aim("balance / framework", "≥ 0.80", f"{paired(points.paces, nothing.paces):.2f}")
    for variant in variants:
        variant.close()


def _busy(shop: Shop, servers: dict[str, Running], seconds: float, path: Path) -> None:
    base = Variant("bare: uvicorn, fixed body", servers["bare"], shop.requests(1))
    nothing = Variant("framework, empty route", servers["framework"], shop.requests(1))
    points = Variant(f"balance, {TOKENS:,} tokens", servers["points"], shop.requests(TOKENS))
    variants = (base, nothing, points)
    with writing(shop, TOKENS, COMMITS) as pace:
        interleave(variants, seconds)
    table("Reads, another process commits meanwhile", variants, base, nothing)
    log = path / "bench.db-wal"
    told(f"commits/s of the other process: {pace.per_second:,.0f} (wanted {COMMITS:,});"
         f" log afterwards {log.stat().st_size / 2**20:.1f} MiB")  # fmt: skip
    aim("balance / bare", "≥ 0.55", f"{paired(points.paces, base.paces):.2f}")
    for variant in variants:
        variant.close()
