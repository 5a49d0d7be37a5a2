"""What lets a store's orders in, and what of a customer its rules ask for."""

from base64 import b64encode

import pytest

from nuqta.engine.access import credentials
from nuqta.engine.engine import open_engine
from nuqta.settings import Settings
from tests.cli.terminal import Terminal


def proves(shop: Terminal, username: str, password: str) -> int | None:
    """The store that a pair proves at the shop's own address."""
    header = b"Basic " + b64encode(f"{username}:{password}".encode())
    with open_engine(Settings({"NUQTA_DB": shop.db})) as engine:
        reader = engine.vault.reader()
        return credentials.store_of(reader, engine.keyring, shop.store, header)


# -- store webhook ---------------------------------------------------------------------------------
def test_a_store_gets_a_pair_for_its_orders(shop: Terminal) -> None:
    line = ("store", "webhook", "--store", shop.store)
    first = shop.value(*line)
    assert list(first) == ["method", "path", "username", "password"]
    assert (first["method"], first["path"]) == ("POST", f"/v1/webhooks/orders/{shop.store}")
    assert proves(shop, first["username"], first["password"]) == int(shop.store)
    second = shop.value(*line)
    assert second["password"] != first["password"]
    assert proves(shop, first["username"], first["password"]) is None
    assert proves(shop, second["username"], second["password"]) == int(shop.store)
    assert shop.value(*line, "--revoke") == {"revoked": True}
    assert proves(shop, second["username"], second["password"]) is None
    said = "Dates and Coffee has no user name and password for its orders"
    assert shop.no(1, *line, "--revoke") == said


def test_people_are_told_where_the_pair_goes(shop: Terminal) -> None:
    told = shop.run("store", "webhook", "--store", shop.store).out
    assert "has ended" not in told
    assert f"/v1/webhooks/orders/{shop.store}\n" in told
    assert "  password  nqo_" in told
    assert "shown this once" in told
    again = shop.run("store", "webhook", "--store", shop.store).out
    assert "user name and password. The former pair has ended." in again
    assert "takes no order webhook any more" in shop.run(
        "store", "webhook", "--store", shop.store, "--revoke"
    ).out  # fmt: skip


def test_a_pair_is_one_store_s(shop: Terminal) -> None:
    other = str(shop.value("store", "create", "--name", "Second")["id"])
    made = shop.value("store", "webhook", "--store", other)
    assert proves(shop, made["username"], made["password"]) is None
    shop.no(1, "store", "webhook", "--store", shop.store, "--revoke")
    assert shop.no(1, "store", "webhook", "--store", "7") == "there is no store 7"


# -- customer tag ----------------------------------------------------------------------------------
def test_a_customer_is_tagged(shop: Terminal) -> None:
    line = ("customer", "tag", "--store", shop.store, "--customer", "1")
    tagged = shop.value(*line, "--tag", "vip", "--tag", "b2b", "--level", "7")
    assert list(tagged) == ["id", "name", "email", "mobile", "tags", "level"]
    assert (tagged["tags"], tagged["level"]) == (["b2b", "vip"], "7")
    assert shop.value(*line, "--tag", "new")["tags"] == ["new"]
    shown = shop.value("customer", "show", "--store", shop.store, "--customer", "1")
    assert (shown["tags"], shown["level"]) == (["new"], "7")
    bare = shop.value(*line, "--tag", "", "--level", "")
    assert (bare["tags"], bare["level"]) == ([], None)
    assert "are set" in shop.run(*line, "--level", "8").out


@pytest.mark.parametrize(
    "more",
    [
        [], ["--tag", " "], ["--tag", "x" * 129], ["--tag", "a\nb"], ["--level", "x" * 129],
        ["--level", "a\nb"], ["--tag", "x", "--customer", "x"],
        [word for number in range(101) for word in ("--tag", str(number))],
    ],
)  # fmt: skip
def test_a_tag_that_cannot_be_is_a_misuse(shop: Terminal, more: list[str]) -> None:
    shop.no(2, "customer", "tag", "--store", shop.store, "--customer", "1", *more)
    shown = shop.value("customer", "show", "--store", shop.store, "--customer", "1")
    assert (shown["tags"], shown["level"]) == ([], None)


def test_another_store_s_customer_is_not_there(shop: Terminal) -> None:
    other = str(shop.value("store", "create", "--name", "Second")["id"])
    said = shop.no(1, "customer", "tag", "--store", other, "--customer", "1", "--tag", "x")
    assert said == "there is no customer 1 in Second"
