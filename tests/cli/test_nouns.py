"""Stores, programs, partners and customers, as a script asks for them."""

import re
import uuid
from typing import Any

import pytest

from nuqta.engine.access.partners import SCOPES
from nuqta.engine.engine import open_engine
from nuqta.settings import Settings
from nuqta.storage.statements import statement
from tests.cli.terminal import Terminal, run

HUGE = [str(2**63), str(2**64), "9" * 400]
NO_IDS = ["0", "-1", "x", "", "1.5", "٣", "1_000", " 1e3", *HUGE]

PROGRAM_KEYS = [
    "store", "revision", "on", "earn_points", "earn_amount", "currency", "maturity_days",
    "maturity_from", "expiry_days", "owed", "earn_at", "with_shipping", "with_tax", "hold_minutes",
    "grace_days", "rule_revision",
]  # fmt: skip


def create_store(shop: Terminal, *more: str) -> Any:
    return shop.value("store", "create", "--name", "Second", *more)


# -- store -----------------------------------------------------------------------------------------
def test_a_store_is_made(shop: Terminal) -> None:
    made = create_store(shop, "--domain", "A.example.com", "--domain", "b.example.com")
    assert list(made) == ["id", "uuid", "name", "currency", "timezone", "domains", "created_at"]
    assert (made["name"], made["currency"], made["timezone"]) == ("Second", "SAR", "Asia/Riyadh")
    assert made["domains"] == ["a.example.com", "b.example.com"]
    assert str(uuid.UUID(made["uuid"])) == made["uuid"]
    by_uuid = shop.value("program", "show", "--store", made["uuid"])
    assert by_uuid["store"] == made["id"]
    assert by_uuid == shop.value("program", "show", "--store", made["uuid"].upper())


def test_a_domain_belongs_to_one_store(shop: Terminal) -> None:
    create_store(shop, "--domain", "shop.example.com")
    line = ("store", "create", "--name", "Third", "--domain", "SHOP.example.com")
    assert "domain" in shop.no(1, *line)


@pytest.mark.parametrize(
    "more",
    [
        ["--name", ""], ["--name", " "], ["--name", "x" * 201], ["--name", "two\nlines"],
        ["--currency", "sa"], ["--currency", "ABC"], ["--currency", "RIYAL"], ["--currency", ""],
        ["--currency", "XTS"], ["--currency", "XAU"], ["--currency", "ſar"],
        ["--timezone", "Mars/Olympus"], ["--timezone", ""], ["--timezone", "../../etc/passwd"],
        ["--timezone", "Asia"], ["--domain", ""], ["--domain", "a b"], ["--domain", "http://x"],
        ["--domain", "x" * 300],
    ],
)  # fmt: skip
def test_a_store_that_cannot_be_is_a_misuse(shop: Terminal, more: list[str]) -> None:
    shop.no(2, "store", "create", "--name", "Second", *more)


@pytest.mark.parametrize("store", ["12345", str(uuid.UUID(int=7)), *NO_IDS])
def test_an_unknown_store_is_refused(shop: Terminal, store: str) -> None:
    is_a_name = store.translate(str.maketrans("-_", "xx")).isalnum() and len(store) <= 40
    said = f"there is no store {store if is_a_name else repr(store[:40])}"
    assert shop.no(1, "program", "show", "--store", store) == said
    assert shop.no(1, "program", "set", "--store", store, "--off") == said
    assert shop.no(1, "audit", "--store", store) == said
    assert shop.no(1, "points", "show", "--store", store, "--customer", "1") == said
    assert shop.no(1, "customer", "login", "--store", store, "--customer", "1") == said
    assert shop.no(1, "customer", "create", "--store", store, "--name", "x") == said
    assert shop.no(1, "partner", "create", "--store", store, "--name", "x") == said


def test_stores_are_listed(shop: Terminal) -> None:
    made = create_store(shop, "--domain", "b.example.com", "--domain", "a.example.com")
    first, second = shop.value("store", "list")
    assert str(first["id"]) == shop.store
    assert second == {**made, "domains": ["a.example.com", "b.example.com"]}
    assert "a.example.com, b.example.com" in shop.run("store", "list").out


def test_a_currency_may_be_written_small(shop: Terminal) -> None:
    assert create_store(shop, "--currency", "kwd")["currency"] == "KWD"
    said = shop.no(2, "store", "create", "--name", "x", "--currency", "ABC")
    assert said.startswith("--currency: 'ABC' is no currency of ISO 4217")


@pytest.mark.parametrize(
    ("line", "option"),
    [
        (["store", "create", "--name", "x", "--timezone", "Mars"], "--timezone"),
        (["store", "create", "--name", ""], "--name"),
        (["store", "create", "--name", "x", "--domain", "a b"], "--domain"),
        (["program", "set", "--store", "S", "--owed", "x"], "--owed"),
        (["program", "set", "--store", "S", "--earn-amount", "x"], "--earn-amount"),
        (["partner", "create", "--store", "S", "--name", "x", "--scope", "x"], "--scope"),
        (["customer", "create", "--store", "S", "--name", "x", "--email", "x"], "--email"),
        (["customer", "create", "--store", "S", "--name", "x", "--mobile", "x"], "--mobile"),
        (["customer", "create", "--store", "S", "--name", "x", "--id", "x"], "--id"),
        (["customer", "show", "--store", "S", "--customer", "x"], "--customer"),
        (["points", "show", "--store", "S", "--customer", "1", "--as-of", "x"], "--as-of"),
    ],
)
def test_a_misuse_names_its_option(shop: Terminal, line: list[str], option: str) -> None:
    said = shop.no(2, *[shop.store if word == "S" else word for word in line])
    assert said.startswith(option)
    assert not said.endswith(".")


# -- program ---------------------------------------------------------------------------------------
def test_a_program_is_set_and_shown(shop: Terminal) -> None:
    line = ("program", "set", "--store", shop.store)
    first = shop.value("program", "show", "--store", shop.store)
    assert list(first) == PROGRAM_KEYS
    assert (first["earn_points"], first["earn_amount"], first["expiry_days"]) == (1, "1.00", 365)
    changed = shop.value(
        *line, "--off", "--earn-points", "5", "--earn-amount", "12.50", "--maturity-days", "14",
        "--maturity-from", "delivered", "--expiry-days", "0", "--owed", "forgive",
    )  # fmt: skip
    assert changed == shop.value("program", "show", "--store", shop.store)
    assert changed == {
        **first, "revision": first["revision"] + 1, "on": False, "earn_points": 5,
        "earn_amount": "12.50", "maturity_days": 14, "maturity_from": "delivered",
        "expiry_days": 0, "owed": "forgive", "rule_revision": first["rule_revision"] + 1,
    }  # fmt: skip
    assert shop.value(*line, "--on")["on"] is True


def test_a_program_with_nothing_to_set_is_a_misuse(shop: Terminal) -> None:
    assert "nothing to change" in shop.no(2, "program", "set", "--store", shop.store)


def test_people_read_words_and_not_python(shop: Terminal) -> None:
    shown = shop.run("program", "show", "--store", shop.store).out.splitlines()
    assert "  on             yes" in shown
    shop.value("program", "set", "--store", shop.store, "--off")
    assert "  on             no" in shop.run("program", "show", "--store", shop.store).out
    made = shop.run("customer", "create", "--store", shop.store, "--name", "x").out.splitlines()
    assert made[-2:] == ["  email   none", "  mobile  none"]


@pytest.mark.parametrize(
    ("currency", "amount", "shown"),
    [("KWD", "0.001", "0.001"), ("JPY", "100", "100"), ("SAR", "1.500", "1.50")],
)
def test_amounts_have_the_currency_s_decimals(
    shop: Terminal, currency: str, amount: str, shown: str
) -> None:
    store = str(create_store(shop, "--currency", currency)["id"])
    line = ("program", "set", "--store", store, "--earn-points", "1", "--earn-amount", amount)
    assert shop.value(*line)["earn_amount"] == shown


@pytest.mark.parametrize(
    "more",
    [
        *(["--earn-amount", amount] for amount in (
            "0", "0.00", "-1", "1e5", "NaN", "٣", "1,5", "", "0.001", "1.005", "inf", "9" * 30)),
        *(["--earn-points", points] for points in ("0", "-1", "1.5", "x", "", "9" * 30, "٣")),
        *([option, days] for option in ("--maturity-days", "--expiry-days") for days in (
            "-1", "36501", "x", "1.0", "")),
        ["--maturity-from", "shipped"], ["--maturity-from", ""], ["--owed", "never"],
    ],
)  # fmt: skip
def test_a_program_that_cannot_be_is_a_misuse(shop: Terminal, more: list[str]) -> None:
    before = shop.value("program", "show", "--store", shop.store)
    shop.no(2, "program", "set", "--store", shop.store, *more)
    assert shop.value("program", "show", "--store", shop.store) == before


# -- partner ---------------------------------------------------------------------------------------
def test_a_partner_is_made_and_installed(shop: Terminal) -> None:
    made = shop.value("partner", "create", "--name", "App", "--store", shop.store)
    assert list(made) == ["partner_id", "authorization", "access_token"]
    second = str(create_store(shop)["id"])
    line = ("partner", "install", "--partner", str(made["partner_id"]), "--store", second)
    further = shop.value(*line)
    assert list(further) == list(made)
    assert further["partner_id"] == made["partner_id"]
    assert len({*made.values(), *further.values()}) == 5
    scoped = shop.value(*line, "--scope", "orders.read", "--scope", "third_customers_read")
    assert scoped["partner_id"] == made["partner_id"]


def installed(shop: Terminal, *more: str) -> Any:
    return shop.value("partner", "list", *more)


def test_installing_again_leaves_the_scopes_there_as_they_are(shop: Terminal) -> None:
    made = shop.value("partner", "create", "--name", "App", "--store", shop.store)
    second = str(create_store(shop)["id"])
    line = ("partner", "install", "--partner", str(made["partner_id"]), "--store", second)
    shop.value(*line, "--scope", "orders.read")
    shop.value(*line)
    (there,) = installed(shop, "--store", second)
    assert (there["scopes"], there["tokens"]) == (["orders.read"], 4)
    shop.value(*line, "--scope", "customers.login")
    assert installed(shop, "--store", second)[0]["scopes"] == ["customers.login"]
    third = str(create_store(shop)["id"])
    shop.value(*line[:-1], third)
    assert set(installed(shop, "--store", third)[0]["scopes"]) == set(SCOPES)


def test_partners_are_listed_without_their_tokens(shop: Terminal) -> None:
    assert installed(shop) == []
    made = shop.value("partner", "create", "--name", "App", "--store", shop.store)
    (one,) = installed(shop)
    assert list(one) == [
        "partner_id", "name", "store", "scopes", "installed_at", "tokens", "per_minute",
        "shopper_per_minute",
    ]  # fmt: skip
    assert (one["partner_id"], one["name"]) == (made["partner_id"], "App")
    assert (one["store"], one["tokens"]) == (int(shop.store), 2)
    second = str(create_store(shop)["id"])
    assert installed(shop, "--store", second) == []
    told = shop.run("partner", "list").out
    assert str(made["partner_id"]) in told
    assert "nqp_" not in told
    assert "nqm_" not in told
    shop.no(1, "partner", "list", "--store", "7")


def limits(shop: Terminal) -> list[tuple[Any, Any]]:
    return [(one["per_minute"], one["shopper_per_minute"]) for one in installed(shop)]


def test_a_partner_has_limits_of_its_own(shop: Terminal) -> None:
    number = str(
        shop.value("partner", "create", "--name", "A", "--store", shop.store)["partner_id"]
    )
    second = str(create_store(shop)["id"])
    shop.value("partner", "install", "--partner", number, "--store", second)
    assert limits(shop) == [("default", "default")] * 2
    line = ("partner", "limit", number)
    told = shop.value(*line, "--store", second, "--per-minute", "600")
    assert told == {
        "partner_id": int(number), "store": int(second), "stores": 1, "per_minute": 600,
    }  # fmt: skip
    assert limits(shop) == [("default", "default"), (600, "default")]
    told = shop.value(*line, "--shopper-per-minute", "0")
    assert told == {
        "partner_id": int(number), "store": None, "stores": 2, "shopper_per_minute": 0,
    }  # fmt: skip
    assert limits(shop) == [("default", 0), (600, 0)]
    shop.value("partner", "install", "--partner", number, "--store", second)
    assert limits(shop) == [("default", 0), (600, 0)], "installing again leaves them"
    shop.value(*line, "--per-minute", "default", "--shopper-per-minute", "1000000")
    assert limits(shop) == [("default", 1_000_000)] * 2
    people = shop.run("partner", "list").out
    assert "per_minute          default\n" in people
    assert "shopper_per_minute  1,000,000\n" in people
    shop.value("partner", "uninstall", "--partner", number, "--store", second)
    shop.no(1, *line, "--store", second, "--per-minute", "1")
    shop.value("partner", "uninstall", "--partner", number, "--store", shop.store)
    assert limits(shop) == [(None, None)]
    assert "any store" in shop.no(1, *line, "--per-minute", "1")


@pytest.mark.parametrize("wrong", ["-1", "-2", "x", "", "1.5", "1000001", "Default", "9" * 400])
def test_a_limit_that_cannot_be_is_a_misuse(shop: Terminal, wrong: str) -> None:
    number = str(
        shop.value("partner", "create", "--name", "A", "--store", shop.store)["partner_id"]
    )
    for option in ("--per-minute", "--shopper-per-minute"):
        assert option in shop.no(2, "partner", "limit", number, f"{option}={wrong}")
    shop.no(2, "partner", "limit", number)
    for no_id in NO_IDS:
        assert "PARTNER" in shop.no(2, "partner", "limit", "--per-minute", "1", "--", no_id)
    shop.no(1, "partner", "limit", "7", "--per-minute", "1")
    shop.no(1, "partner", "limit", number, "--per-minute", "1", "--store", "7")
    assert limits(shop) == [("default", "default")]


def test_a_partner_is_taken_off_a_store_with_all_its_tokens(shop: Terminal) -> None:
    made = shop.value("partner", "create", "--name", "App", "--store", shop.store)
    number, second = str(made["partner_id"]), str(create_store(shop)["id"])
    kept = shop.value("partner", "install", "--partner", number, "--store", second)
    line = ("partner", "uninstall", "--partner", number, "--store", shop.store)
    told = {"partner_id": made["partner_id"], "store": int(shop.store), "revoked": 2}
    assert shop.value(*line) == told
    assert f"partner {number} is not installed on Dates and Coffee" == shop.no(1, *line)
    shop.no(1, "partner", "uninstall", "--partner", "7", "--store", second)
    assert [one["store"] for one in installed(shop)] == [int(second)]
    with open_engine(Settings({"NUQTA_DB": shop.db})) as engine:
        tokens = [made["authorization"], made["access_token"], kept["authorization"]]
        known = [
            engine.vault.reader().row(
                statement("partners.caller"), partner_digest=engine.keyring.digest(token),
                manager_digest=engine.keyring.digest(token), store_id=int(second), store_uuid=None,
            )
            for token in tokens
        ]  # fmt: skip
    alive = [row is not None and (row[0] or row[4]) is not None for row in known]
    assert alive == [False, False, True]
    shop.value("partner", "uninstall", "--partner", number, "--store", second)
    (nowhere,) = installed(shop)
    assert (nowhere["store"], nowhere["installed_at"], nowhere["tokens"]) == (None, None, 0)
    assert shop.value("partner", "install", "--partner", number, "--store", second)


def test_every_scope_is_in_the_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    told = run("partner", "create", "--help").out
    for scope in SCOPES:
        assert scope in told.replace(",", " ").replace(".\n", " \n").split()


def test_people_are_told_that_tokens_are_shown_once(shop: Terminal) -> None:
    line = ("--name", "App", "--store", shop.store, "--scope", "orders.read")
    told = shop.run("partner", "create", *line).out
    assert "shown this once" in told
    assert "  scopes         orders.read\n" in told
    assert "  tokens end at  2" in told
    assert any(line.startswith("  authorization  nqp_") for line in told.splitlines())


@pytest.mark.parametrize(
    "line",
    [
        ["create", "--name", "App", "--scope", "everything"],
        ["create", "--name", "App", "--scope", ""],
        ["create", "--name", ""],
        *(["install", "--partner", number] for number in NO_IDS),
        ["install", "--partner", "1", "--scope", "x"],
    ],
)
def test_a_partner_that_cannot_be_is_a_misuse(shop: Terminal, line: list[str]) -> None:
    shop.no(2, "partner", *line, "--store", shop.store)


def test_an_unknown_partner_is_refused(shop: Terminal) -> None:
    line = ("partner", "install", "--partner", "7", "--store", shop.store)
    assert shop.no(1, *line) == "there is no partner 7"


# -- customer --------------------------------------------------------------------------------------
def test_a_customer_is_made(shop: Terminal) -> None:
    line = ("customer", "create", "--store", shop.store, "--name", " نورة ")
    made = shop.value(*line, "--email", "N@Example.com", "--mobile", "+966 50 123 4567")
    assert list(made) == ["id", "name", "email", "mobile"]
    assert (made["name"], made["email"]) == ("نورة", "n@example.com")
    assert made["mobile"] == "966501234567"
    assert shop.value(*line, "--id", str(2**53 - 1))["id"] == 2**53 - 1
    shop.no(1, *line, "--id", str(2**53 - 1))
    shop.no(1, *line, "--email", "n@example.com")
    shop.no(1, *line, "--mobile", "00966501234567")
    shop.no(1, *line, "--mobile", "0501234567", "--country-code", "+966")
    other = shop.value(*line, "--mobile", "0501234568", "--country-code", "966")
    assert (other["mobile"], other["email"]) == ("966501234568", None)


def test_a_customer_is_shown(shop: Terminal) -> None:
    line = ("customer", "show", "--store", shop.store, "--customer")
    shown = shop.value(*line, "1")
    assert list(shown) == ["id", "name", "email", "mobile", "tags", "level", "created_at"]
    assert (shown["id"], shown["name"], shown["email"], shown["mobile"]) == (1, "Aisha", None, None)
    assert shown["created_at"].endswith("Z")
    assert "Aisha" in shop.run(*line, "1").out
    shop.no(1, *line, "404")


@pytest.mark.parametrize(
    "more",
    [
        *(["--id", number] for number in NO_IDS), ["--id", str(2**53)], ["--name", ""],
        ["--email", "nobody"], ["--email", "a@b"], ["--email", "x" * 300 + "@example.com"],
        ["--mobile", "12"], ["--mobile", "call me"], ["--mobile", "०५०१२३४५६७"],
        ["--mobile", "0501234567"], ["--mobile", "+0501234567"], ["--country-code", "966"],
        ["--mobile", "501234567", "--country-code", "SA"],
    ],
)  # fmt: skip
def test_a_customer_that_cannot_be_is_a_misuse(shop: Terminal, more: list[str]) -> None:
    shop.no(2, "customer", "create", "--store", shop.store, "--name", "x", *more)


def test_a_customer_signs_in(shop: Terminal) -> None:
    line = ("customer", "login", "--store", shop.store, "--customer")
    session = shop.value(*line, "1")
    assert list(session) == ["customer_token", "expires_at"]
    assert session["expires_at"].endswith("Z")
    assert session["customer_token"] != shop.value(*line, "1")["customer_token"]
    assert shop.no(1, *line, "404") == "there is no customer 404 in Dates and Coffee"
    assert session["customer_token"][:4] in shop.run(*line, "2").out


@pytest.mark.parametrize("customer", NO_IDS)
def test_what_is_no_customer_s_id_is_a_misuse(shop: Terminal, customer: str) -> None:
    named = ("--store", shop.store, "--customer", customer)
    shop.no(2, "customer", "login", *named)
    shop.no(2, "points", "show", *named)
    shop.no(
        2, "points", "adjust", *named, "--direction", "+", "--points", "1", "--reason", "x"
    )  # fmt: skip


@pytest.mark.parametrize("noun", ["cashback", "customer", "order", "store"])
def test_help_breaks_no_line_where_the_code_does(
    noun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    shown = run(noun, "--help").out
    verbs = shown.partition("Commands")[2].strip("─╮╭╰╯│ \n").splitlines()
    assert all(re.match(r"│ [a-z]+ ", line) for line in verbs[1:-1]), shown
