"""`nuqta backup` and `nuqta restore`."""

from pathlib import Path

import pytest

from tests.cli.terminal import Terminal, run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where copies go."""
    (tmp_path / "copies").mkdir()
    return tmp_path / "copies"


def test_a_copy_is_made_listed_and_restored(shop: Terminal, folder: Path, tmp_path: Path) -> None:
    shop.value(*shop.adjust("+", "7"))
    made = shop.value("backup", "--to", str(folder))
    assert list(made) == [
        "path", "taken_at", "bytes", "booked_until", "accounts", "transfers", "schema",
        "roots", "keys",
    ]  # fmt: skip
    assert (made["accounts"], made["transfers"], made["keys"]) == (2, 1, [])
    (listed,) = shop.value("backup", "list", "--in", str(folder))
    assert listed == {name: made[name] for name in ("path", "taken_at", "bytes")}
    assert Path(made["path"]).name in shop.run("backup", "list", "--in", str(folder)).out
    shop.value(*shop.adjust("+", "1"))

    other = Terminal(tmp_path / "other.db", shop.store)
    done = shop.value("restore", made["path"], "--to", other.db)
    assert list(done) == [
        "db", "from", "booked_until", "accounts", "transfers", "schema", "roots",
        "aside", "has_key", "given_up",
    ]  # fmt: skip
    assert (done["db"], done["aside"], done["has_key"]) == (other.db, None, False)
    show = ("points", "show", "--store", shop.store, "--customer", "1")
    assert other.value(*show)["available"] == 7
    assert "--replace" in shop.no(1, "restore", made["path"])
    done = shop.value("restore", made["path"], "--replace")
    assert Path(done["aside"]).exists()
    assert done["has_key"]
    assert shop.value(*show)["available"] == 7
    assert shop.value("audit")["ok"]


def test_the_key_comes_along_when_asked(shop: Terminal, folder: Path, tmp_path: Path) -> None:
    shop.value("seal", "now")  # by a key of its own
    made = shop.value("backup", "--to", str(folder), "--with-key")
    assert made["keys"] == [made["path"] + end for end in (".key", ".seal-key")]
    people = shop.run("restore", made["path"], "--to", str(tmp_path / "other.db"))
    assert people.code == 0
    assert "no key" not in people.out
    assert "erased since then" in people.out
    assert "The keys are not in it" in shop.run("backup", "--to", str(folder)).out


def test_the_folder_may_be_a_setting(
    shop: Terminal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "NUQTA_BACKUP_FOLDER" in shop.no(2, "backup")
    assert "NUQTA_BACKUP_FOLDER" in shop.no(2, "backup", "list")
    monkeypatch.setenv("NUQTA_BACKUP_FOLDER", str(folder))
    assert "no copies" in shop.run("backup", "list").out
    made = shop.value("backup")
    assert [one["path"] for one in shop.value("backup", "list")] == [made["path"]]
    assert "alone" in shop.no(2, "backup", "--with-key", "list")


def test_what_cannot_be_is_one_sentence(shop: Terminal, folder: Path, tmp_path: Path) -> None:
    assert "no folder" in shop.no(1, "backup", "--to", str(folder / "none" / "x.db"))
    assert "no database" in run("backup", "--db", str(folder / "x.db"), "--to", str(folder)).err
    assert "no copy" in shop.no(1, "restore", str(folder / "x.db"), "--replace")
    (tmp_path / "text").write_text("no database")
    assert "damaged" in shop.no(1, "restore", str(tmp_path / "text"), "--to", str(folder / "x.db"))
    assert "cannot be read" in shop.no(1, "backup", "list", "--in", str(folder / "none"))
    assert list(folder.iterdir()) == []


def test_help_names_both(shop: Terminal) -> None:
    assert "Copy the books while they are served" in shop.run("backup", "--help").out
    assert "--replace" in shop.run("restore", "--help").out
