"""Webhooks at the terminal, and the worker as a command."""

import json
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from nuqta.engine.engine import open_engine
from nuqta.settings import Settings
from tests.cli.terminal import Terminal, bare_environment
from tests.cli.test_serve import free_port
from tests.worker.receiver import receiving

URL = "https://shop.example/events"


def test_a_webhook_is_added_listed_and_removed(shop: Terminal) -> None:
    named = ("--store", shop.store)
    assert shop.value("webhook", "list", *named) == []
    assert "no webhook" in shop.run("webhook", "list", *named).out
    made = shop.value("webhook", "add", *named, "--url", URL, "--kind", "points.earned")
    assert made["secret"].startswith("nqw_")
    assert made["kinds"] == ["points.earned"]
    listed = shop.value("webhook", "list", *named)
    assert listed == [{name: value for name, value in made.items() if name != "secret"}]
    one = (*named, "--webhook", str(made["id"]))
    shown = shop.run("webhook", "list", *named).out
    assert made["secret"] not in shown
    assert shown.startswith(f"Webhook {made['id']} is told what happens.\n")
    assert shop.value("webhook", "resume", *one) == listed[0]
    assert shop.value("webhook", "replay", *one) == listed[0]
    assert "cursor" in shop.no(1, "webhook", "replay", *one, "--after", "x")
    assert shop.value("webhook", "remove", *one) == {"removed": made["id"]}
    for verb in ("remove", "resume", "replay"):
        assert f"no webhook {made['id']}" in shop.no(1, "webhook", verb, *one)
        shop.no(2, "webhook", verb, *named, "--webhook", "x")


def test_what_is_refused(shop: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    named = ("--store", shop.store)
    said = shop.no(1, "webhook", "add", *named, "--url", "http://127.0.0.1/")
    assert "public" in said
    assert "NUQTA_WEBHOOK_PRIVATE_TARGETS=1" in said
    assert "points.earned" in shop.no(2, "webhook", "add", *named, "--url", URL, "--kind", "x")
    assert "no store" in shop.no(1, "webhook", "add", "--store", "1", "--url", URL)
    monkeypatch.setenv("NUQTA_WEBHOOKS_PER_STORE", "1")
    shop.value("webhook", "add", *named, "--url", URL)
    assert "webhooks" in shop.no(1, "webhook", "add", *named, "--url", URL)
    monkeypatch.setenv("NUQTA_WEBHOOK_PRIVATE_TARGETS", "1")
    monkeypatch.setenv("NUQTA_WEBHOOKS_PER_STORE", "2")
    people = shop.run("webhook", "add", *named, "--url", "http://127.0.0.1/").out
    assert "nqw_" in people
    assert "every kind" in people
    assert "this once" in people


@pytest.mark.parametrize("command", [["worker"], ["serve"], ["serve", "--workers", "2"]])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_tells_until_it_is_stopped(
    shop: Terminal, how: signal.Signals, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUQTA_WEBHOOK_PRIVATE_TARGETS", "1")
    if command[0] == "serve":
        command = [*command, "--port", str(free_port())]
    with receiving() as receiver:
        shop.value("webhook", "add", "--store", shop.store, "--url", receiver.url)
        shop.value(*shop.adjust("+", "7"))
        env = {
            **bare_environment(), "NUQTA_WEBHOOK_PRIVATE_TARGETS": "1",
            "NUQTA_WORKER_PAUSE_MS": "10",
        }  # fmt: skip
        with subprocess.Popen(
            [sys.executable, "-m", "nuqta", "--db", shop.db, *command], env=env,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            receiver.wait_until(lambda: len(receiver.told) == 1)
            process.send_signal(how)
            out, err = process.communicate(timeout=20)
        assert (out, err.splitlines()[-1]) == ("", "nuqta has stopped")
        assert "Traceback" not in err
        assert process.returncode in (130, -signal.SIGTERM)
        assert receiver.told[0].event["type"] == "points.adjusted"
    with closing(open_engine(Settings({"NUQTA_DB": shop.db}))) as engine:
        rows = engine.vault.reader().rows_of("SELECT count(*) FROM leases", ())
    assert rows == [(0,)], "the lease was given back"
    assert not Path(shop.db + "-wal").exists(), "and the log was folded into the file"


def test_serving_without_a_worker(shop: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUQTA_WEBHOOK_PRIVATE_TARGETS", "1")
    with receiving() as receiver:
        shop.value("webhook", "add", "--store", shop.store, "--url", receiver.url)
        shop.value(*shop.adjust("+", "7"))
        env = {**bare_environment(), "NUQTA_WEBHOOK_PRIVATE_TARGETS": "1"}
        line = [sys.executable, "-m", "nuqta", "--db", shop.db, "serve", "--no-worker"]
        with subprocess.Popen(
            [*line, "--port", str(free_port())], env=env, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            assert "serves" in process.stderr.readline()
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
        assert receiver.told == []
    with closing(open_engine(Settings({"NUQTA_DB": shop.db}))) as engine:
        placed = engine.vault.reader().rows_of("SELECT max(position) FROM events", ())
    assert placed == [(0,)]


def test_a_worker_needs_books(shop: Terminal) -> None:
    assert "nuqta init" in Terminal(Path(shop.db).with_name("none.db")).no(1, "worker")


def test_json_is_one_value(shop: Terminal) -> None:
    outcome = shop.run("webhook", "add", "--store", shop.store, "--url", URL, "--json")
    assert json.loads(outcome.out)["url"] == URL
