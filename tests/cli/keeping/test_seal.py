"""Sealing, auditing in full and accepting older books, at the terminal."""

import shutil
from pathlib import Path

import apsw
import pytest

from tests.cli.terminal import Terminal


@pytest.fixture
def shop(tmp_path: Path) -> Terminal:
    """A shop with one customer who has 5 points."""
    one = Terminal(tmp_path / "books.db")
    one.value("init")
    one.store = str(one.value("store", "create", "--name", "x")["id"])
    one.value("customer", "create", "--store", one.store, "--name", "Aisha", "--id", "1")
    one.value(*one.adjust("add", "5"))
    return one


def test_the_books_are_sealed_and_proved(shop: Terminal) -> None:
    before = shop.value("audit", "--full")
    assert (before["ok"], before["sealed"], before["unsealed"]) == (True, 0, 1)
    sealed = shop.value("seal", "now")
    assert sealed["transfers"] == 1
    (head,) = sealed["heads"]
    assert (head["store"], head["head"]) == (int(shop.store), 1)
    after = shop.value("audit", "--full")
    assert (after["sealed"], after["unsealed"]) == (1, 0)
    assert after["roots"] == {shop.store: head["root"]}
    assert after["unknown_to_file"] == []
    heads = Path(f"{shop.db}.heads")
    heads.rename(heads.with_name("elsewhere"))
    lost = shop.value("audit", "--full")
    assert (lost["ok"], lost["unknown_to_file"]) == (True, [int(shop.store)])
    assert "knows nothing of store" in shop.run("audit", "--full").out
    heads.with_name("elsewhere").rename(heads)
    assert "roots" not in shop.value("audit")
    assert head["root"] in shop.run("audit", "--full").out
    assert shop.run("seal", "now").out == "Everything was sealed already.\n"


def test_what_differs_is_named(shop: Terminal) -> None:
    shop.value("seal", "now")
    db = apsw.Connection(shop.db)
    db.execute("UPDATE transfers SET key = 'another'")
    db.close()
    report = shop.value("audit", "--full", code=1)
    assert any("version 1 of account" in one for one in report["violations"])


def test_a_key_is_shown_and_asked_for(shop: Terminal) -> None:
    shop.value("seal", "now")
    key = shop.value("seal", "key")["public_key"]
    assert shop.value("audit", "--full", "--key", key)["ok"] is True
    other = shop.value("audit", "--full", "--key", "0" * 64, code=1)
    assert "another key" in other["violations"][0]
    for words in (["--full", "--key", "12"], ["--full", "--key", "x" * 64], ["--key", key]):
        assert "--key" in shop.no(2, "audit", *words)


def test_an_older_copy_is_refused_until_it_is_accepted(shop: Terminal, tmp_path: Path) -> None:
    shop.value("seal", "now")
    shutil.copy(shop.db, tmp_path / "older.db")
    shop.value(*shop.adjust("add", "7"))
    shop.value("seal", "now")
    shutil.copy(tmp_path / "older.db", shop.db)
    assert "nuqta seal accept" in shop.no(1, *shop.adjust("add", "9"))
    report = shop.value("audit", "--full", code=1)
    assert "do not reach head 2" in report["violations"][0]
    accepted = shop.value("seal", "accept")
    assert len(accepted["given_up"]) == 1
    shop.value(*shop.adjust("add", "9"))
    assert shop.value("seal", "accept")["given_up"] == []
    shop.value("seal", "now")
    assert shop.value("audit", "--full")["ok"] is True


def test_what_signs_is_not_made_anew_in_silence(shop: Terminal) -> None:
    shop.value("seal", "now")
    Path(shop.db + ".seal-key").unlink()
    for words in (["init"], ["serve"], ["worker"]):
        assert "NUQTA_SEAL_KEY" in shop.no(1, *words)
    assert "cannot be read" in shop.no(1, "seal", "key")
    assert shop.value("init", "--new-key")["seal_key"] == shop.db + ".seal-key"
