"""`nuqta customer erase`, `nuqta customer export` and `nuqta compact`."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal


def named(shop: Terminal, verb: str, *more: str) -> tuple[str, ...]:
    """A command about customer 3, or about the one that `more` names."""
    customer = () if "--customer" in more else ("--customer", "3")
    return ("customer", verb, "--store", shop.store, *customer, *more)


def furnished(shop: Terminal) -> None:
    """Customer 3 has a name, addresses and points that were given for a reason."""
    shop.value(
        "customer", "create", "--store", shop.store, "--name", "Munira", "--id", "3",
        "--email", "munira@shop.example", "--mobile", "+966555123987",
    )  # fmt: skip
    shop.value(
        "points", "adjust", "--store", shop.store, "--customer", "3", "--direction", "+",
        "--points", "7", "--reason", "for Munira",
    )  # fmt: skip


def test_a_person_is_erased_and_the_points_stay(shop: Terminal) -> None:
    furnished(shop)
    assert "--yes" in shop.no(2, *named(shop, "erase"))
    assert b"munira@" in Path(shop.db).read_bytes()
    done = shop.value(*named(shop, "erase", "--yes"))
    assert list(done) == ["id", "erased_at"]
    assert shop.value(*named(shop, "erase", "--yes")) == done
    for end in ("", "-wal"):
        file = Path(shop.db + end)
        assert not file.exists() or b"unira" not in file.read_bytes()
    shown = shop.value(*named(shop, "show"))
    assert (shown["name"], shown["email"], shown["erased_at"]) == ("", None, done["erased_at"])
    points = ("--store", shop.store, "--customer", "3")
    assert shop.value("points", "show", *points)["available"] == 7
    assert shop.value("points", "explain", *points)
    assert shop.value("audit")["ok"]
    assert "was erased" in shop.no(1, *named(shop, "login"))
    assert "was erased" in shop.no(1, *named(shop, "tag", "--tag", "VIP"))
    more = ("--direction", "+", "--points", "1", "--reason", "x")
    assert "was erased" in shop.no(1, "points", "adjust", *points, *more)
    again = ("customer", "create", "--store", shop.store, "--name", "Munira", "--id", "3")
    assert "erased" in shop.no(1, *again)
    assert "no customer 99" in shop.no(1, *named(shop, "erase", "--customer", "99", "--yes"))
    assert "is erased" in shop.run(*named(shop, "erase", "--yes")).out


def test_a_large_file_is_written_anew_at_a_quiet_hour(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnished(shop)
    monkeypatch.setenv("NUQTA_CHECK_MEBIBYTES", "0")
    assert "nuqta compact" in shop.run(*named(shop, "erase", "--yes")).out
    assert b"munira@" in Path(shop.db).read_bytes()
    done = shop.value("compact")
    assert done["bytes_after"] == os.stat(shop.db).st_size
    assert b"unira" not in Path(shop.db).read_bytes()
    assert "written anew" in shop.run("compact").out


def test_everything_that_is_kept_is_exported(shop: Terminal, tmp_path: Path) -> None:
    furnished(shop)
    document = json.loads(shop.run(*named(shop, "export")).out)
    assert document["customer"]["email"] == "munira@shop.example"
    assert [line["reason"] for line in document["history"]] == ["for Munira"]
    file = tmp_path / "munira.json"
    assert shop.value(*named(shop, "export", "--to", str(file))) == {"file": str(file)}
    assert json.loads(file.read_bytes())["customer"] == document["customer"]
    assert os.stat(file).st_mode & 0o777 == 0o600
    assert "exists" in shop.no(1, *named(shop, "export", "--to", str(file)))
    shop.no(1, *named(shop, "export", "--customer", "99"))
    shop.value(*named(shop, "erase", "--yes"))
    after = json.loads(shop.run(*named(shop, "export")).out)
    assert "unira" not in json.dumps(after)
    assert after["points"]["available"] == 7
