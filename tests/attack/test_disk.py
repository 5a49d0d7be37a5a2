"""The disk under a server: full, and full no more; the file moved away, and back.

Writes are refused with 503 and nothing of them happened; reads go on; and it recovers by itself.
"""

import os
import resource
import threading
from pathlib import Path

import pytest

from tests.http.server import Answer, House, Log, open_house
from tests.http.test_serve import free_port, process
from tests.world import World


def log_in(house: House) -> Answer:
    """A hand-over, which writes."""
    path = f"/v1/managers/store/customers/{house.world.badr.customer_id}/login"
    return house.send("POST", path, house.manager(house.world.riyadh))


def writes(house: House, count: int) -> set[tuple[int, str]]:
    """What becomes of so many writes."""
    return {(answer.status, answer.code) for answer in (log_in(house) for _ in range(count))}


REFUSED = {(503, "ERROR_SERVICE_UNAVAILABLE")}
DONE = {(200, "")}


def test_a_disk_without_room_stops_writes_alone_and_for_as_long(present: World) -> None:
    if not hasattr(resource, "prlimit"):  # macOS cannot take another process's room away
        return
    present.earn(present.aisha, 7)
    token = present.login(present.aisha)
    port = free_port()
    with process(present, "--port", str(port)) as server:
        stdout = server.popen.stdout
        assert stdout is not None
        said: list[str] = []
        drain = threading.Thread(target=lambda: said.extend(stdout))
        drain.start()
        server.wait_for(port)
        house = House(present, port, Log())
        assert writes(house, 3) == DONE
        log = present.engine.vault.path.with_name("nuqta.db-wal")
        for _ in range(3):
            room = (log.stat().st_size, resource.RLIM_INFINITY)
            resource.prlimit(server.popen.pid, resource.RLIMIT_FSIZE, room)
            before = present.audit().transfers
            assert writes(house, 10) == REFUSED
            assert log_in(house)["retry-after"]
            assert house.balance(present.aisha, token).json["points"]["available_poitns"] == 7
            assert present.audit().transfers == before
            room = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(server.popen.pid, resource.RLIMIT_FSIZE, room)
            assert writes(house, 3) == DONE, "it recovers by itself"
            assert house.balance(present.aisha, token).status == 200
        server.popen.terminate()
        server.popen.wait()
        drain.join()
        stdout.close()
    assert "Traceback" not in "".join(said)


@pytest.mark.parametrize("is_replaced", [False, True], ids=["deleted", "replaced"])
def test_a_file_that_was_moved_away_takes_no_writes(tmp_path: Path, is_replaced: bool) -> None:
    """What is committed to a file without a name is gone with the process: it is not done."""
    with open_house(tmp_path, is_whole=False) as house:
        world = house.world
        token, path = world.login(world.aisha), world.engine.vault.path
        away = path.with_name("away.db")
        assert writes(house, 1) == DONE
        os.rename(path, away)
        if is_replaced:
            path.write_bytes(b"")
        assert writes(house, 2) == REFUSED
        assert house.balance(world.aisha, token).status == 200, "reads go on"
        os.replace(away, path)
        assert writes(house, 2) == DONE
        assert world.audit().ok
