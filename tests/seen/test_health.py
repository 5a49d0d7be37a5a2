"""/healthz and /readyz tell the truth: what fails is named, and what has mended is ready again."""

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from nuqta.engine.door import PROBE_S, accept_clock
from nuqta.storage.migrate import newest
from tests.http.server import Answer, House, Log, open_house
from tests.http.test_access import watching
from tests.http.test_serve import free_port, process
from tests.world import World


def ready(house: House) -> list[str]:
    """What fails, as /readyz says it."""
    answer = house.ask("GET", "/readyz")
    assert answer["cache-control"] == "no-store"
    assert answer["content-type"] == "application/json"
    failing: list[str] = answer.json["failing"]
    assert answer.json == {"status": "failing" if failing else "ok", "failing": failing}
    assert answer.status == (503 if failing else 200)
    return failing


def ready_in_the_end(house: House) -> bool:
    """Whether it becomes ready by itself: a commit is tried again once a second."""
    for _ in range(round(10 / PROBE_S)):
        if not ready(house):
            return True
        threading.Event().wait(PROBE_S / 4)
    return False


def log_in(house: House) -> Answer:
    """A hand-over, which writes."""
    path = f"/v1/managers/store/customers/{house.world.badr.customer_id}/login"
    return house.send("POST", path, house.manager(house.world.riyadh))


def other(house: House) -> apsw.Connection:
    """Another process's connection."""
    return apsw.Connection(str(house.world.engine.vault.path))


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path, is_whole=False, lock_seconds=1, queue=1) as house:
        yield house


def test_whoever_is_well_says_so_to_anybody(tmp_path: Path) -> None:
    with (
        open_house(tmp_path, rate_limit=1, rate_limit_address=1) as house,
        watching(house) as commits,
    ):
        for _ in range(5):
            assert ready(house) == []
            answer = house.ask("GET", "/healthz/")
            assert (answer.status, answer.json) == (200, {"status": "ok", "failing": []})
            assert "ratelimit" not in answer.names, "it is not counted"
            assert house.ask("HEAD", "/readyz").status == 200
        assert commits() == 0, "who asks changes nothing"


def test_a_commit_that_could_not_be_made_is_named_until_one_can(alone: House) -> None:
    assert ready(alone) == []
    lock = other(alone)
    lock.execute("BEGIN IMMEDIATE")
    assert ready(alone) == [], "nobody has tried"
    assert log_in(alone).status == 503
    assert "busy" in ready(alone)
    assert alone.ask("GET", "/healthz").status == 200, "it is alive: a new start would not help"
    lock.execute("ROLLBACK")
    lock.close()
    assert ready_in_the_end(alone)
    assert log_in(alone).status == 200


def test_a_file_that_was_moved_away_is_named(alone: House) -> None:
    path = alone.world.engine.vault.path
    away = path.with_name("away.db")
    assert log_in(alone).status == 200
    path.rename(away)
    assert log_in(alone).status == 503
    assert ready(alone) == ["storage"]
    away.rename(path)
    assert ready_in_the_end(alone)


def test_a_clock_that_jumped_is_named_until_a_person_accepts_it(alone: House) -> None:
    world = alone.world
    world.time.jump(10_000)
    assert ready(alone) == ["clock_moved"], "before anybody has tried to write"
    assert log_in(alone).status == 503
    assert ready(alone) == ["clock_moved"]
    world.engine.door.write_now(
        "accept", lambda tx: accept_clock(tx, world.time.wall), whatever_the_clock=True
    )
    assert ready_in_the_end(alone)
    assert log_in(alone).status == 200


@contextmanager
def writer_held(world: World) -> Iterator[None]:
    """The writer is busy with one piece of work, and another waits."""
    begun, may_end = threading.Event(), threading.Event()

    def work(tx: object) -> None:
        begun.set()
        may_end.wait(10)

    world.engine.door.note("hold", work)
    assert begun.wait(10)
    world.engine.door.note("wait", lambda tx: None)
    try:
        yield
    finally:
        may_end.set()


def test_a_queue_without_room_is_named(alone: House) -> None:
    with writer_held(alone.world):
        assert ready(alone) == ["queue_full"]
        assert alone.ask("GET", "/healthz").status == 200
    assert ready_in_the_end(alone)


def test_a_writer_that_has_ended_is_not_alive(alone: House) -> None:
    alone.world.engine.door.close()
    assert ready(alone) == ["closing"]
    answer = alone.ask("GET", "/healthz")
    assert (answer.status, answer.json["failing"]) == (503, ["writer"])


def test_a_schema_that_is_not_ours_is_named(alone: House) -> None:
    changing = other(alone)
    for version, expected in ((newest() + 1, ["migrations"]), (newest(), [])):
        changing.pragma("user_version", version)
        assert ready(alone) == expected
    changing.close()


def test_what_is_wrong_with_one_row_is_wrong_with_no_server(alone: House) -> None:
    world = alone.world
    changing = other(alone)
    changing.execute("UPDATE accounts SET available = 77 WHERE customer_id = 1")
    changing.close()
    token = world.login(world.aisha)
    assert alone.balance(world.aisha, token).status == 503
    assert ready(alone) == []


def test_it_tries_at_most_once_a_second(alone: House) -> None:
    """However often it is asked; the clock stands wrong all the while."""
    engine = alone.world.engine
    alone.world.time.jump(10_000)
    sheet = engine.door.meters.sheet
    cell = sheet.at("nuqta_door_failed_batches", ("clock_moved",))
    with alone.wire() as wire:
        for _ in range(50):
            wire.send(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = wire.answer()
            assert answer is not None
            assert answer.json["failing"] == ["clock_moved"]
    assert 1 <= sheet.pages()[0].cells[cell] < 25


def test_a_disk_without_room_is_named_and_a_disk_with_room_is_ready(present: World) -> None:
    if not hasattr(resource, "prlimit"):  # macOS cannot take another process's room away
        return
    port = free_port()
    with process(present, "--port", str(port), "--no-worker") as server:
        server.wait_for(port)
        house = House(present, port, Log())
        assert log_in(house).status == 200
        log = present.engine.vault.path.with_name("nuqta.db-wal")
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        room = (log.stat().st_size, resource.RLIM_INFINITY)
        resource.prlimit(server.popen.pid, resource.RLIMIT_FSIZE, room)
        assert log_in(house).status == 503
        (failing,) = ready(house)
        assert failing in ("full", "storage", "unknown"), "as the system says it"
        resource.prlimit(server.popen.pid, resource.RLIMIT_FSIZE, unlimited)
        assert ready_in_the_end(house), "by itself, though nobody writes"
