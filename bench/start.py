"""Cold start of `nuqta serve`, and what a worker holds in memory after 10,000 requests."""

import socket
import subprocess
import sys
import time
from statistics import median

from bench.load import Load
from bench.machine import resident_mib
from bench.servers import free_port
from bench.shop import Shop, folder, make_shop
from bench.table import aim, show

_STARTS = 5
_REQUESTS = 10_000
_CUSTOMERS = 1_000


def _started(shop: Shop) -> tuple[subprocess.Popen[bytes], int, float]:
    """A server that has answered its first request, and the seconds until then."""
    port = free_port()
    command = [sys.executable, "-m", "nuqta", "--db", str(shop.db), "serve", "--port", str(port)]
    began = time.perf_counter()
    # What it says at its start and end would stand between the tables.
    process = subprocess.Popen(command, env=shop.environ, stderr=subprocess.DEVNULL)
    while not _answers(port, shop.requests(1)[0]):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with code {process.returncode}")
        time.sleep(0.002)
    return process, port, time.perf_counter() - began


def _answers(port: int, request: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port)) as one:
            one.send(request)
            return one.recv(65_536).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def run(seconds: float) -> None:
    """Start some servers, load the last one, and print."""
    with folder() as path:
        shop = make_shop(path, _CUSTOMERS)
        took, at_rest, loaded = [], 0.0, 0.0
        for number in range(_STARTS):
            process, port, start_s = _started(shop)
            took.append(start_s)
            if number == _STARTS - 1:
                at_rest = resident_mib(process.pid)
                load, answers = Load(port, shop.requests(_CUSTOMERS)), 0
                while answers < _REQUESTS:
                    answers += load.run(0.1).answers
                loaded = resident_mib(process.pid)
                load.close()
            process.terminate()
            process.wait()
    show(
        "A server process",
        ("what", "figure"),
        [
            ("cold start to the first answer, median", f"{median(took):.2f} s"),
            ("memory after the first answer", f"{at_rest:.0f} MiB"),
            (f"memory after {_REQUESTS:,} requests", f"{loaded:.0f} MiB"),
        ],
    )
    aim("cold start", "< 1 s", f"{median(took):.2f} s")
    aim("memory of a worker", "< 100 MB", f"{loaded * 2**20 / 1e6:.0f} MB")
