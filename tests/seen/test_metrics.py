"""/metrics: who may read it, and that each figure is what has happened, whoever was asked."""

import contextlib
import math
import os
import re
import signal
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from nuqta.api.app import request_meters
from nuqta.api.points import PATH
from nuqta.api.seeing.metrics import BOOKS
from nuqta.engine.outbox import webhooks
from nuqta.seen.door import FAMILIES, FAULT_KINDS
from nuqta.storage.statements import Statement, statement
from nuqta.worker.backup import back_up_when_due
from nuqta.worker.publish import publish
from nuqta.worker.sweep import sweep
from tests.http.server import METRICS_TOKEN, Answer, House, Log, open_house, request
from tests.http.test_serve import free_port, process
from tests.tidy import ROOT
from tests.world import World

AUTHORIZED = {"Authorization": f"Bearer {METRICS_TOKEN}"}


class Figures:
    """What one scrape said."""

    def __init__(self, answer: Answer) -> None:
        assert answer.status == 200, answer.body
        assert answer["cache-control"] == "no-store"
        assert answer["content-type"].startswith("text/plain; version=0.0.4")
        self.families = list(text_string_to_metric_families(answer.body.decode()))

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name whose labels are these, or more."""
        return sum(self.values(name, **labels))

    def values(self, name: str, **labels: str) -> list[float]:
        """Each of them."""
        return [
            sample.value
            for family in self.families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]


def scrape(house: House) -> Figures:
    return Figures(house.ask("GET", "/metrics", AUTHORIZED))


# -- who may read it -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({}, "ERROR_AUTHORIZATION_MISSING"),
        ({"Authorization": ""}, "ERROR_AUTHORIZATION_MISSING"),
        ({"Authorization": "Bearer x"}, "ERROR_AUTHORIZATION_INVALID"),
        ({"Authorization": f"Bearer {METRICS_TOKEN[:-1]}"}, "ERROR_AUTHORIZATION_INVALID"),
        ({"Authorization": f"Bearer {METRICS_TOKEN}x"}, "ERROR_AUTHORIZATION_INVALID"),
        ({"Authorization": f"Basic {METRICS_TOKEN}"}, "ERROR_AUTHORIZATION_INVALID"),
        ({"Authorization": "Bearer \u00e9\u00ff"}, "ERROR_AUTHORIZATION_INVALID"),
        ({"X-Forwarded-For": "127.0.0.1"}, "ERROR_AUTHORIZATION_MISSING"),
    ],
)
def test_who_has_no_token_reads_nothing(house: House, sent: dict[str, str], code: str) -> None:
    answer = house.ask("GET", "/metrics", sent)
    assert (answer.status, answer.code) == (401, code)
    assert answer["www-authenticate"] == "Bearer"
    assert b"nuqta_" not in answer.body


def test_a_token_of_another_kind_reads_nothing(house: House) -> None:
    for headers in (house.partner(house.world.riyadh), house.manager(house.world.riyadh)):
        assert house.ask("GET", "/metrics", headers).status == 401


def test_without_a_token_in_the_settings_there_is_no_such_page(tmp_path: Path) -> None:
    with open_house(tmp_path, metrics_token="") as house:
        for headers in (AUTHORIZED, {"Authorization": "Bearer "}, {}):
            answer = house.ask("GET", "/metrics", headers)
            assert (answer.status, answer.code) == (404, "ERROR_NOT_FOUND")


def test_who_guesses_is_told_to_wait_and_who_knows_is_not(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=60, failed_tries=3) as house:
        wrong = {"Authorization": "Bearer x"}
        codes = [house.ask("GET", "/metrics", wrong).code for _ in range(5)]
        assert codes == ["ERROR_AUTHORIZATION_INVALID"] * 3 + ["ERROR_TOO_MANY_REQUESTS"] * 2
        scrape(house)


def test_it_is_not_counted_as_a_callers_pace(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=1, rate_limit_address=1) as house:
        for _ in range(5):
            scrape(house)


# -- what it says ----------------------------------------------------------------------------------
def test_requests_are_counted_by_route_and_status(alone: House) -> None:
    world, token = alone.world, alone.world.login(alone.world.aisha)
    balance = {"route": PATH, "method": "GET"}
    for _ in range(3):
        assert alone.balance(world.aisha, token).status == 200
    with alone.wire() as wire:  # the short way, which a connection that stays open goes
        for _ in range(4):
            headers = alone.shopper(world.riyadh, token)
            wire.send(request("GET", PATH.replace("{store}", world.riyadh.uuid), headers))
            answer = wire.answer()
            assert answer is not None
            assert answer.status == 200
        assert alone.balance(world.aisha, "x").status == 401
        for path in ("/x", "/y/z", "/metrics/none"):
            assert alone.ask("GET", path).status == 404
        assert alone.ask("DELETE", "/healthz").status == 405
        wrong = alone.ask("GET", "/healthz", {"Content-Length": "x"})
        assert wrong.status == 400, "what is no request is counted too"
        found = scrape(alone)
        assert found("nuqta_open_connections") >= 2
    assert found("nuqta_http_requests_total", **balance, status="2xx") == 7
    assert found("nuqta_http_requests_total", **balance, status="4xx") == 1
    assert found("nuqta_http_request_seconds_count", **balance) == 8
    assert found("nuqta_http_request_seconds_bucket", **balance, le="+Inf") == 8
    assert 0 < found("nuqta_http_request_seconds_sum", **balance) < 60
    assert found("nuqta_http_requests_total", route="other", status="4xx") == 5
    assert found("nuqta_refusals_total", code="ERROR_SESSION_INVALID") == 1
    assert found("nuqta_refusals_total", code="ERROR_NOT_FOUND") == 3
    assert found("nuqta_refusals_total", code="ERROR_METHOD_NOT_ALLOWED") == 1
    assert found("nuqta_refusals_total", code="ERROR_BAD_REQUEST") == 1
    assert found("nuqta_faults_total") == 0


def test_the_door_is_counted(alone: House) -> None:
    world, before = alone.world, scrape(alone)
    for _ in range(5):
        world.adjust(world.aisha, 3)
    found = scrape(alone)
    for what in ("batch_jobs", "commit_seconds", "transaction_seconds"):
        name = f"nuqta_door_{what}_count"
        assert found(name) - before(name) == 5
    assert found("nuqta_door_batch_jobs_sum") - before("nuqta_door_batch_jobs_sum") == 5
    assert found("nuqta_door_commit_seconds_sum") > before("nuqta_door_commit_seconds_sum")
    assert found("nuqta_door_queue_length") == 0
    assert found("nuqta_door_failing") == 0


def test_faults_are_counted_by_kind_at_the_door_and_by_what_was_answered(tmp_path: Path) -> None:
    with open_house(tmp_path, is_whole=False) as house:
        world = house.world
        world.time.jump(10_000)
        path = f"/v1/managers/store/customers/{world.badr.customer_id}/login"
        assert house.send("POST", path, house.manager(world.riyadh)).status == 503
        found = scrape(house)
        assert found("nuqta_door_failed_batches_total", kind="clock_moved") == 1
        assert found("nuqta_faults_total", kind="clock_moved") == 1
        assert found("nuqta_faults_total") == 1
        assert found("nuqta_refusals_total", code="ERROR_SERVICE_UNAVAILABLE") == 1
        assert found("nuqta_door_failing") == 1


def test_an_answer_that_was_given_before_is_counted(alone: House) -> None:
    path = f"/v1/managers/store/customers/{alone.world.badr.customer_id}/login"
    headers = {**alone.manager(alone.world.riyadh), "Idempotency-Key": "one"}
    for _ in range(3):
        assert alone.send("POST", path, headers).status == 200
    assert scrape(alone)("nuqta_replayed_answers_total") == 2


def test_how_late_the_sweeper_is(alone: House) -> None:
    world = alone.world
    world.earn(world.aisha, 10, mature_days=1)
    world.earn(world.badr, 10, mature_days=2)
    assert scrape(alone)("nuqta_sweeper_lag_seconds") == 0
    world.time.forward(days=2, seconds=7)
    assert scrape(alone)("nuqta_sweeper_lag_seconds") == 86_407
    sweep(world.engine)
    assert scrape(alone)("nuqta_sweeper_lag_seconds") == 0


def seal_all(world: World) -> None:
    """Seal until nothing is left to seal."""
    while world.engine.sealer.step().accounts:
        continue


def test_how_late_the_sealer_is(alone: House) -> None:
    world = alone.world
    seal_all(world)
    assert scrape(alone)("nuqta_sealing_lag_seconds") == 0
    world.adjust(world.aisha, 5)
    world.time.forward(seconds=40)
    world.adjust(world.aisha, 5)
    world.adjust(world.badr, 5)
    world.time.forward(seconds=2)
    assert round(scrape(alone)("nuqta_sealing_lag_seconds")) == 42, "since its first, not its last"
    seal_all(world)
    assert scrape(alone)("nuqta_sealing_lag_seconds") == 0


def test_how_old_the_last_copy_is(tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    with open_house(tmp_path, backup_folder=str(copies)) as house:
        world = house.world
        assert scrape(house)("nuqta_backup_age_seconds") == math.inf, "none yet wakes somebody"
        copies.rmdir()
        assert scrape(house)("nuqta_backup_age_seconds") == math.inf, "nor is there a folder"
        copies.mkdir()
        assert back_up_when_due(world.engine)
        world.time.forward(hours=30)
        assert round(scrape(house)("nuqta_backup_age_seconds")) == 30 * 3_600
    (tmp_path / "other").mkdir()
    with open_house(tmp_path / "other") as house:
        assert scrape(house).values("nuqta_backup_age_seconds") == [], "no copies are made here"


def uses_index(world: World, asked: Statement) -> bool:
    """Whether the statement goes to the accounts by the index of those that time will change."""
    values: dict[str, object] = dict.fromkeys(asked.parameters, 1)
    rows = world.engine.vault.reader().rows_of(
        f"EXPLAIN QUERY PLAN {asked.text}", asked.bind(values)
    )
    return any("INDEX accounts_due (next_change_at<?)" in row[3] for row in rows)


@pytest.mark.parametrize("name", ["points.longest_due", "points.due_accounts"])
def test_who_asks_what_is_due_walks_over_no_account_that_is_not(world: World, name: str) -> None:
    """The index has only accounts that time will change; it is used where the statement says so."""
    asked = statement(name)
    assert uses_index(world, asked)
    loose = asked.text.replace("AND next_change_at < 9223372036854775807", "")
    assert not uses_index(world, msgspec.structs.replace(asked, text=loose)), "the control"


def test_how_far_behind_events_and_webhooks_are(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        world = house.world
        made = world.engine.door.write_now(
            "webhook",
            lambda tx: webhooks.add(
                tx, world.riyadh.store_id, "https://shop.example/", "", world.time.wall, "cli",
                most=9,
            ),
        )  # fmt: skip
        assert isinstance(made, webhooks.Webhook)
        for _ in range(3):
            world.earn(world.aisha, 10)
        unplaced = scrape(house)("nuqta_events_unplaced")
        assert unplaced >= 3
        assert publish(world.engine) == unplaced
        found = scrape(house)
        assert found("nuqta_events_unplaced") == 0
        assert found("nuqta_webhook_events_behind") == unplaced
        assert found("nuqta_webhooks_paused") == 0
        world.engine.door.write_now(
            "pause",
            lambda tx: webhooks.pause(tx, made.store_id, made.webhook_id, "x", world.time.wall),
        )
        found = scrape(house)
        assert found("nuqta_webhook_events_behind") == 0
        assert found("nuqta_webhooks_paused") == 1


def test_sizes_and_processes_are_told(alone: House) -> None:
    found = scrape(alone)
    path = alone.world.engine.vault.path
    assert found("nuqta_database_bytes") == path.stat().st_size
    assert found("nuqta_wal_bytes") == path.with_name("nuqta.db-wal").stat().st_size
    if Path("/proc/self/stat").exists():
        assert found("process_resident_memory_bytes", worker="0") > 1_000_000


def test_every_family_is_told_and_no_other(alone: House) -> None:
    known = {family.name for family in (*FAMILIES, *request_meters().sheet.families)}
    found = {family.name for family in scrape(alone).families}
    ours = {name for name in found if name.startswith("nuqta_")}
    assert ours == known | {*BOOKS, "nuqta_build_info"}


def test_what_the_documentation_looks_for_is_there(alone: House) -> None:
    page = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    wanted = set(re.findall(r"\bnuqta_[a-z_]+", page))
    families = scrape(alone).families
    there = {family.name for family in families}
    there |= {f"{family.name}_total" for family in families if family.type == "counter"}
    there |= {f"{family.name}_bucket" for family in families if family.type == "histogram"}
    assert len(wanted) > 10
    assert wanted <= there
    kinds = set(re.findall(r'kind="([a-z_]+)"', page))
    assert kinds
    assert kinds <= set(FAULT_KINDS)


# -- several workers -------------------------------------------------------------------------------
def started(house: House) -> list[float]:
    """When each worker that lives was started."""
    return scrape(house).values("process_start_time_seconds")


def balances(house: House) -> float:
    """How many balances were answered."""
    return scrape(house)("nuqta_http_requests_total", route=PATH, status="2xx")


def one_of(supervisor: int) -> int:
    """A worker process, by its number for the system."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            is_child = f"\nPPid:\t{supervisor}\n" in (folder / "status").read_text()
            if is_child and b"spawn_main" in (folder / "cmdline").read_bytes():
                return int(folder.name)
    raise AssertionError("it has no worker")


def test_whichever_worker_is_asked_tells_of_all(present: World, tmp_path: Path) -> None:
    if not Path("/proc/self/status").exists():  # macOS tells nothing of processes
        return
    port = free_port()
    with process(
        present, "--port", str(port), "--workers", "2", "--no-worker",
        NUQTA_METRICS_TOKEN=METRICS_TOKEN, TMPDIR=str(tmp_path),
    ) as server:  # fmt: skip
        server.wait_for(port)
        house, token = House(present, port, Log()), present.login(present.aisha)
        while len(found := started(house)) < 2:
            continue
        for sent in range(1, 41):  # either of the two answers, as the system has it
            assert house.balance(present.aisha, token).status == 200
            assert balances(house) == sent
        os.kill(one_of(server.popen.pid), signal.SIGKILL)
        while started(house) in (found, found[:1], found[1:]):
            continue
        assert balances(house) == 40, "what the dead one counted stays counted"
        house.balance(present.aisha, token)
        assert balances(house) == 41
