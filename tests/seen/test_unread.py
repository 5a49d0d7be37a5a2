"""A server whose log nobody reads serves on, counts what it lost, and ends when it is told."""

import signal
from pathlib import Path

from nuqta.api.points import PATH
from tests.http.server import METRICS_TOKEN, PATIENCE_S, House, Log, request
from tests.http.test_serve import free_port, process
from tests.seen.test_metrics import Figures
from tests.world import World

PIPE_BYTES = 65_536
LINE_BYTES = 200  # a line of a refusal has more
WAITING = 20
ON_THEIR_WAY = WAITING + 64 + 1
"""Lines that waited, or were about to be written together, as it ended."""


def test_a_log_that_nobody_reads_holds_nobody(present: World, tmp_path: Path) -> None:
    """Its stderr is a pipe that is read when it has ended, and not before."""
    port = free_port()
    with process(
        present, "--port", str(port), "--no-worker", NUQTA_LOG_LINES_WAITING=str(WAITING),
        NUQTA_METRICS_TOKEN=METRICS_TOKEN, TMPDIR=str(tmp_path),
    ) as server:  # fmt: skip
        server.wait_for(port)
        house, sent = House(present, port, Log()), 0
        with house.wire() as wire:
            while sent < 2 * PIPE_BYTES // LINE_BYTES:
                wire.send(request("GET", PATH.replace("{store}", "1")))
                answer = wire.answer()
                assert answer is not None, "it answers, whoever reads"
                assert answer.status == 401
                sent += 1
        found = Figures(house.ask("GET", "/metrics", {"Authorization": f"Bearer {METRICS_TOKEN}"}))
        assert found("nuqta_http_requests_total", route=PATH, status="4xx") == sent
        dropped = found("nuqta_log_lines_dropped_total")
        assert dropped > 100
        server.popen.send_signal(signal.SIGTERM)
        server.popen.wait(2 * PATIENCE_S)
        stdout = server.popen.stdout
        assert stdout is not None
        lines = stdout.read().splitlines()
        stdout.close()
    assert server.popen.returncode == -signal.SIGTERM
    kept = sum('"nuqta.requests"' in line for line in lines)
    assert sent - ON_THEIR_WAY <= kept + dropped <= sent + 1, "what is not there was counted"
