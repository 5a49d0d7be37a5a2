"""Serving: what stops it before it begins; and the demo, which is run as people run it."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import Terminal, bare_environment, run
from tests.tidy import ROOT


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def demo(folder: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """The demo as a process, whose temporary files lie in `folder`; its log is `log_of(folder)`."""
    line = [sys.executable, "-m", "nuqta", "demo", "--port", str(free_port()), *more]
    env = {**bare_environment(), "TMPDIR": str(folder)}
    # Not a pipe: nobody reads it while the demo runs, and a full one would hold the server.
    with log_of(folder).open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            line, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def log_of(folder: Path) -> Path:
    """What a demo in this folder has said to its log, beside the folder."""
    return folder.with_name(f"{folder.name}.log")


def ask(curl: str) -> tuple[Any, str]:
    """What a printed `curl` line is answered: the body, and its language."""
    words = shlex.split(curl)
    (address,) = [word for word in words if word.startswith("http")]
    headers = [words[at + 1] for at, word in enumerate(words) if word == "-H"]
    data = [words[at + 1].encode() for at, word in enumerate(words) if word == "-d"]
    method = words[words.index("-X") + 1] if "-X" in words else None
    request = urllib.request.Request(
        address,
        data[0] if data else None,
        dict(one.split(": ", 1) for one in headers),
        method=method,
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer), answer.headers["Content-Language"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_prints_calls_that_work_and_leaves_nothing(
    tmp_path: Path, how: signal.Signals
) -> None:
    with demo(tmp_path) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or not lines[-1].startswith("Press Ctrl+C"):
            lines.append(process.stdout.readline())
            assert lines[-1], log_of(tmp_path).read_text()
        english, arabic, cart, order, events = (one for one in lines if one.startswith("curl "))
        before, told = ask(english)
        assert (ask(arabic), told) == ((before, "ar"), "en")
        assert before["points"]["available_poitns"] > 0
        assert before["points"]["used_poitns"] > 0
        assert ask(cart)[0]["code"] == "SUCCESS_WITHOUT_PAYLOAD"
        taken = ask(order)[0]["order"]
        assert (taken["points_redeemed"], taken["points_earned"]) == (50, 225)
        after = ask(english)[0]["points"]
        assert after["used_poitns"] == before["points"]["used_poitns"] + 50
        assert after["available_poitns"] == before["points"]["available_poitns"] - 50 + 225
        kinds: set[str] = set()
        while not {"points.held", "points.redeemed", "points.earned"} <= kinds:
            assert process.poll() is None
            kinds = {event["type"] for event in ask(events)[0]["events"]}
        process.send_signal(how)
        process.communicate(timeout=20)
        assert process.returncode == 128 + how
        assert "Traceback" not in log_of(tmp_path).read_text()
    assert os.listdir(tmp_path) == []


def test_the_demo_can_be_kept(tmp_path: Path) -> None:
    kept = tmp_path / "kept.db"
    with demo(tmp_path, "--keep", str(kept), "--json") as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert ask(told["curl"]["en"])[0]["points"]["used_poitns"] > 0
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)
        assert rest == ""
    shop = Terminal(kept)
    named = ("--store", str(told["store_id"]), "--customer", str(told["customer_id"]))
    assert shop.value("points", "show", *named)["used"] > 0
    assert shop.value("audit")["ok"] is True
    assert "already" in shop.no(1, "demo", "--port", str(free_port()))


def test_a_port_that_is_taken_is_a_sentence(shop: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = shop.no(1, "serve", "--port", port)
        assert f"port {port} of 127.0.0.1 is taken" in said
        assert "make demo" not in said
        outcome = run("demo", "--port", port)
        assert (outcome.code, outcome.out) == (1, "")
        assert f"port {port} of 127.0.0.1 is taken" in outcome.err
        other = int(port) + 1 if int(port) < 65535 else int(port) - 1
        assert f"--port {other} or PORT={other} make demo" in outcome.err


@pytest.mark.parametrize(
    ("how", "codes"), [(signal.SIGINT, [130]), (signal.SIGTERM, [-signal.SIGTERM])]
)
def test_serve_says_when_it_answers_and_when_it_has_stopped(
    shop: Terminal, how: signal.Signals, codes: list[int]
) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    line = [sys.executable, "-m", "nuqta", "serve", "--db", shop.db]
    with subprocess.Popen(
        [*line, "--port", address.rpartition(":")[2]], env=bare_environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        ready = process.stderr.readline()
        assert ready == f"nuqta serves {shop.db} at {address}; Ctrl+C ends it\n"
        with pytest.raises(urllib.error.HTTPError) as answer:
            urllib.request.urlopen(address, timeout=10)
        answer.value.close()
        process.send_signal(how)
        out, err = process.communicate(timeout=20)
    assert (process.returncode in codes, out) == (True, ""), (process.returncode, out, err)
    assert err.splitlines()[-1] == "nuqta has stopped"
    assert "Traceback" not in err


def test_serve_notices_a_misspelt_setting(shop: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUQTA_BACTH", "9")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        outcome = shop.run("serve", "--port", str(taken.getsockname()[1]))
    assert "NUQTA_BACTH (did you mean NUQTA_BATCH?)" in outcome.err.splitlines()[0]


def test_the_demo_claims_no_database_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert "NUQTA_DB" not in run("demo", "--help").out
    assert "NUQTA_DB" in run("serve", "--help").out


def test_serve_needs_books(tmp_path: Path) -> None:
    assert "nuqta init" in Terminal(tmp_path / "none.db").no(1, "serve")


@pytest.mark.parametrize(
    "more",
    [
        *(["--port", port] for port in ("0", "-1", "65536", "http", "", "٨٠٨٠", "8080.0")),
        *(["--workers", count] for count in ("0", "-1", "65", "two", "")),
    ],
)
def test_serve_misused(shop: Terminal, more: list[str]) -> None:
    shop.no(2, "serve", *more)
    if more[0] == "--port":
        shop.no(2, "demo", *more)


def test_codes_are_not_logged_on_a_public_address(shop: Terminal) -> None:
    assert "NUQTA_DELIVERY" in shop.no(1, "serve", "--host", "0.0.0.0", "--port", str(free_port()))


def test_make_lists_its_tasks_and_takes_a_port() -> None:
    env = {name: text for name, text in bare_environment().items() if not name.startswith("MAKE")}
    listed = subprocess.run(["make"], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    tasks = listed.stdout.splitlines()[1:]
    assert {line.index(line[2:].split(maxsplit=1)[1]) for line in tasks} == {13}
    told = subprocess.run(
        ["make", "--dry-run", "demo"], cwd=ROOT, env={**env, "PORT": "8123"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert '--port "8123"' in told.stdout
