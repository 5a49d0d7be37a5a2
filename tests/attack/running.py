"""A running `nuqta serve` on a world's books, whose log is read as it comes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.http.server import PATIENCE_S
from tests.http.test_serve import Process, free_port, process
from tests.world import World


@contextmanager
def serving(world: World, workers: int) -> Iterator[tuple[int, Process]]:
    """A server whose log is read, and that is told to stop in the end."""
    port = free_port()
    with process(world, "--port", str(port), "--workers", str(workers)) as server:
        stdout = server.popen.stdout
        assert stdout is not None
        drain = threading.Thread(target=lambda: [None for _ in stdout])
        drain.start()
        try:
            server.wait_for(port)
            yield port, server
        finally:
            server.popen.terminate()
            server.popen.wait(PATIENCE_S)
            drain.join(PATIENCE_S)
            stdout.close()
