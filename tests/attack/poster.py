"""A process that posts through the door until it is killed; what was acknowledged, it writes down.

`python poster.py DATABASE DKEY CUSTOMER FIRST ACKNOWLEDGED`: command number n adds one point under
the key n, from FIRST on; each acknowledgement is synced to the file before the next command.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from nuqta.engine.engine import open_engine
from nuqta.ledger.commands import Adjust
from nuqta.settings import Settings

MOST = 20_000


def main() -> None:
    """Post until killed, or until the bound is reached."""
    database, dkey, customer, first, acknowledged = sys.argv[1:]
    handle = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with open_engine(Settings({"NUQTA_DB": database})) as engine, ThreadPoolExecutor(4) as threads:

        def add(number: int) -> None:
            command = Adjust(
                dkey=int(dkey), customer_id=int(customer), origin="cli", key=str(number),
                points=1, reason="kill",
            )  # fmt: skip
            receipt = engine.door.post_all([command])[0].receipt
            os.write(handle, f"{number} {receipt.version}\n".encode())
            os.fsync(handle)

        for begin in range(int(first), MOST, 64):
            list(threads.map(add, range(begin, begin + 64)))


if __name__ == "__main__":
    main()
