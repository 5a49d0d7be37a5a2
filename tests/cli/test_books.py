"""Making the books, sweeping, auditing, the clock and the settings."""

import sqlite3
import time
from pathlib import Path

import pytest

from nuqta.engine.clock import Clock
from nuqta.engine.door import booked_at
from nuqta.engine.engine import open_engine
from nuqta.ledger.account import dkey_of
from nuqta.ledger.commands import Adjust
from nuqta.ledger.instants import DAY_US
from nuqta.settings import TABLE, Settings
from tests.cli.terminal import Terminal, run


def test_init_may_be_run_again(tmp_path: Path) -> None:
    shop = Terminal(tmp_path / "books.db")
    first = shop.value("init")
    assert list(first) == ["db", "schema", "key", "seal_key"]
    assert (first["db"], first["key"]) == (shop.db, shop.db + ".key")
    key = (tmp_path / "books.db.key").read_text()
    shop.store = str(shop.value("store", "create", "--name", "x")["id"])
    assert shop.value("init") == first
    assert (tmp_path / "books.db.key").read_text() == key
    assert shop.value("program", "show", "--store", shop.store)["on"] is True
    block = shop.run("init").out.splitlines()[1:5]
    assert [line.split()[0] for line in block] == ["db", "schema", "key", "seal"]


def test_a_lost_key_is_made_anew_only_when_told(tmp_path: Path) -> None:
    shop = Terminal(tmp_path / "books.db")
    key = Path(shop.value("init")["key"])
    key.unlink()
    shop.value("init")  # there were no tokens that it could end
    shop.store = str(shop.value("store", "create", "--name", "x")["id"])
    shop.value("partner", "create", "--name", "x", "--store", shop.store)
    key.unlink()
    assert "--new-key" in shop.no(1, "init")
    assert not key.exists()
    assert shop.value("init", "--new-key")["key"] == str(key)
    shop.value("partner", "create", "--name", "x", "--store", shop.store)


def test_init_needs_no_key_file_where_a_secret_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUQTA_SECRET", "s" * 32)
    shop = Terminal(tmp_path / "books.db")
    assert shop.value("init")["key"] is None
    assert not (tmp_path / "books.db.key").exists()
    assert shop.value("audit")["ok"] is True


def test_init_where_nothing_can_be_made_is_refused(tmp_path: Path) -> None:
    for db in (tmp_path, tmp_path / "no" / "books.db", "mysql://x"):
        assert run("init", "--db", str(db)).code == 1


def adjusted_by_another_clock(shop: Terminal, days: int, life_days: int = 1) -> None:
    """7 points added to customer 1 so many days from now; they live for `life_days`."""
    clock = Clock(wall=lambda: time.time_ns() // 1000 + days * DAY_US)
    settings = Settings({"NUQTA_DB": shop.db})
    with open_engine(settings, clock, past_gates=True) as engine:
        wish = Adjust(
            dkey=dkey_of(int(shop.store), 1), customer_id=1, origin="system", key="a test",
            points=7, expires_at=clock.now() + life_days * DAY_US,
        )  # fmt: skip
        assert engine.door.post_all([wish])[0].refusal is None


def test_sweep_books_what_fell_due(shop: Terminal) -> None:
    assert shop.value("sweep") == {"accounts": 0, "transfers": 0}
    adjusted_by_another_clock(shop, days=-2)
    line = ("points", "show", "--store", shop.store, "--customer", "1")
    before = shop.value(*line)
    assert (before["available"], before["version"]) == (0, 1)
    assert shop.value("sweep") == {"accounts": 1, "transfers": 1}
    assert shop.value(*line) == {**before, "version": 2}
    assert shop.value("sweep") == {"accounts": 0, "transfers": 0}
    assert "Nothing was due" in shop.run("sweep").out


def test_a_clock_behind_the_books_must_be_accepted(shop: Terminal) -> None:
    adjusted_by_another_clock(shop, days=365)
    assert "nuqta clock accept" in shop.no(1, *shop.adjust("+", "1"))
    assert shop.value("audit")["ok"] is True
    assert list(shop.value("clock", "accept")) == ["accepted_at"]
    assert shop.value(*shop.adjust("+", "1"))["available"] == 8
    assert shop.run("clock", "accept").code == 0
    with open_engine(Settings({"NUQTA_DB": shop.db})) as engine:
        assert booked_at(engine.vault.reader()) <= engine.clock.now()


def test_audit_tells_what_it_found(shop: Terminal) -> None:
    shop.value(*shop.adjust("+", "7"))
    clean = {"ok": True, "accounts": 2, "transfers": 1, "violations": []}
    assert shop.value("audit") == clean
    assert shop.value("audit", "--store", shop.store) == clean
    other = str(shop.value("store", "create", "--name", "Second")["id"])
    assert shop.value("audit", "--store", other)["accounts"] == 0
    assert "in order" in shop.run("audit").out


def test_audit_exits_1_on_a_violation(shop: Terminal) -> None:
    shop.value(*shop.adjust("+", "7"))
    with sqlite3.connect(shop.db) as file:
        file.execute("UPDATE transfers SET points = 8")
    file.close()
    told = shop.value("audit", code=1)
    assert list(told) == ["ok", "accounts", "transfers", "violations"]
    assert told["ok"] is False
    assert told["violations"]
    outcome = shop.run("audit")
    assert outcome.code == 1
    assert "NOT" in outcome.out
    assert outcome.err.count("\n") == 1


def test_a_flipped_bit_is_a_violation_and_never_a_balance(shop: Terminal) -> None:
    shop.value(*shop.adjust("+", "7"))
    with sqlite3.connect(shop.db) as file:
        file.execute("UPDATE accounts SET available = 15 WHERE customer_id = 1")
    file.close()
    assert shop.value("audit", code=1)["violations"]
    shop.no(1, "points", "show", "--store", shop.store, "--customer", "1")
    shop.no(1, *shop.adjust("-", "10"))


def test_settings_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUQTA_SECRET", "do-not-show-" * 4)
    monkeypatch.setenv("NUQTA_BATCH", "99")
    shop = Terminal(Path("any.db"))
    rows = {row["name"]: row for row in shop.value("settings")}
    assert list(rows) == [f"NUQTA_{row.name}" for row in TABLE]
    assert rows["NUQTA_BATCH"]["value"] == 99
    assert rows["NUQTA_DB"]["value"] == "any.db"
    people = shop.run("settings").out
    for row in TABLE:
        assert row.name in people
    assert "do-not-show" not in people + str(rows)


def test_settings_can_be_read_in_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    told = run("settings").out
    assert max(map(len, told.splitlines())) <= 60
    assert "NUQTA_SECRET = (empty)\n" in told


def test_a_misspelt_setting_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("settings").err == ""
    monkeypatch.setenv("NUQTA_BACTH", "9")
    monkeypatch.setenv("NUQTA_X", "9")
    outcome = run("settings", "--json")
    assert outcome.code == 0
    assert outcome.err.count("\n") == 1
    assert "NUQTA_BACTH (did you mean NUQTA_BATCH?), NUQTA_X" in outcome.err
