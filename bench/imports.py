"""Orders a second through `import orders`, into a fresh database."""

import csv
from importlib.resources import files
from pathlib import Path
from time import perf_counter

from bench.shop import folder, make_shop
from bench.table import aim, show
from nuqta.engine import stores
from nuqta.engine.imports import import_orders
from nuqta.refusals import Refusal

REAL = Path("../shared/data/cdnow_orders.csv")
_LEAST = 50_000


def _repeated(path: Path) -> Path:
    """The packaged sample again and again, with order numbers and customers of its own."""
    text = files("nuqta.data").joinpath("cdnow_sample.csv").read_text(encoding="utf-8")
    header, *rows = csv.reader(text.splitlines())
    number, customer = header.index("order_number"), header.index("customer_id")
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(header)
        for turn in range(-(-_LEAST // len(rows))):
            for row in rows:
                copy = list(row)
                copy[number] = f"{turn}-{row[number]}"
                copy[customer] = str(int(row[customer]) + turn * 1_000_000)
                out.writerow(copy)
    return path


def run(seconds: float) -> None:
    """Import once and print; `seconds` does not matter, the file is as long as it is."""
    with folder() as path:
        file = REAL if REAL.is_file() else _repeated(path / "orders.csv")
        shop = make_shop(path, 1)
        with shop.open() as house:
            store = stores.find(house.vault.reader(), str(shop.store_id))
            assert store is not None
            began = perf_counter()
            result = import_orders(house, file, store)
            took_s = perf_counter() - began
    if isinstance(result, Refusal):
        raise RuntimeError(result.text)
    pace = result.new / took_s
    show(
        f"Import of orders ({'the real file' if file is REAL else 'the sample, repeated'})",
        ("orders read", "new", "refused", "seconds", "orders/s"),
        [(f"{result.read:,}", f"{result.new:,}", f"{len(result.refused):,}", f"{took_s:.1f}",
          f"{pace:,.0f}")],
    )  # fmt: skip
    aim("orders/s", "≥ 10,000", f"{pace:,.0f}")
