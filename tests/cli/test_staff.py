"""Owners who sign in, and applications that ask to be let in, as a script makes them."""

import asyncio
import io
from typing import Any

import pytest

from nuqta.engine.access import clients, staff
from nuqta.engine.access.partners import SCOPES
from nuqta.engine.engine import open_engine
from nuqta.settings import Settings
from tests.cli.terminal import Terminal

EMAIL = "owner@shop.example"
PASSWORD = "a long password"
REDIRECT = "https://app.example/callback"


def piped(monkeypatch: pytest.MonkeyPatch, text: str = PASSWORD + "\n") -> None:
    """Let the next command read this from stdin."""
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def create(shop: Terminal, monkeypatch: pytest.MonkeyPatch, email: str = EMAIL) -> Any:
    piped(monkeypatch)
    return shop.value(
        "staff", "create", "--store", shop.store, "--email", email, "--password-stdin"
    )


# -- staff -----------------------------------------------------------------------------------------
def test_an_owner_is_made_listed_and_disabled(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shop.value("staff", "list") == []
    made = create(shop, monkeypatch, f" {EMAIL.upper()}")
    assert list(made) == ["staff_id", "store", "email", "created_at", "disabled_at"]
    assert (str(made["store"]), made["email"], made["disabled_at"]) == (shop.store, EMAIL, None)
    assert shop.value("staff", "list") == [made]
    assert shop.value("staff", "list", "--store", shop.store) == [made]
    line = ("staff", "disable", "--store", shop.store, "--email", EMAIL)
    assert shop.value(*line) == {"email": EMAIL, "disabled": True}
    assert shop.value("staff", "list")[0]["disabled_at"] is not None
    assert "disabled before" in shop.no(1, *line)


def test_a_password_is_kept_as_a_hash_alone(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, f"{PASSWORD}\nmore\n")
    line = ("staff", "create", "--store", shop.store, "--email", EMAIL, "--password-stdin")
    outcome = shop.run(*line)
    assert outcome.code == 0, outcome
    assert PASSWORD not in outcome.out
    with open_engine(Settings({"NUQTA_DB": shop.db})) as engine:
        known = staff.by_email(engine.vault.reader(), EMAIL)
    assert known is not None
    assert known.password.startswith("$argon2id$")


def test_an_address_belongs_to_one(shop: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    create(shop, monkeypatch)
    second = str(shop.value("store", "create", "--name", "Second")["id"])
    for store in (shop.store, second):
        piped(monkeypatch)
        said = shop.no(1, "staff", "create", "--store", store, "--email", EMAIL, "--password-stdin")
        assert said == "somebody already signs in with this e-mail address"
    said = shop.no(1, "staff", "disable", "--store", second, "--email", EMAIL)
    assert said == f"nobody of Second signs in as {EMAIL}"


@pytest.mark.parametrize(
    ("text", "said"),
    [("short\n", "12 to 128"), ("", "12 to 128"), ("x" * 129, "12 to 128"),
     ("a long\x07password\n", "control characters")],
)  # fmt: skip
def test_a_password_that_cannot_be(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    piped(monkeypatch, text)
    line = ("staff", "create", "--store", shop.store, "--email", EMAIL, "--password-stdin")
    assert said in shop.no(2, *line)
    assert shop.value("staff", "list") == []


def test_a_password_is_asked_for_at_a_terminal_alone(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch)
    said = shop.no(2, "staff", "create", "--store", shop.store, "--email", EMAIL)
    assert "--password-stdin" in said


@pytest.mark.parametrize(("second", "code"), [(PASSWORD, 0), ("another password", 2)])
def test_a_password_is_asked_for_twice(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch, second: str, code: int
) -> None:
    answers = iter([PASSWORD, second])
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    outcome = shop.run("staff", "create", "--store", shop.store, "--email", EMAIL)
    assert outcome.code == code, outcome
    assert PASSWORD not in outcome.out + outcome.err


@pytest.mark.parametrize("email", ["", "x", "a@b", "a b@c.de"])
def test_an_address_that_is_none(shop: Terminal, email: str) -> None:
    for verb in ("create", "disable"):
        said = shop.no(2, "staff", verb, "--store", shop.store, "--email", email)
        assert said.startswith("--email")


def test_another_password(shop: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    create(shop, monkeypatch)
    with open_engine(Settings({"NUQTA_DB": shop.db})) as engine:
        known = staff.by_email(engine.vault.reader(), EMAIL)
        assert known is not None
        now = engine.clock.now()
        token = engine.door.write_now(
            "in", lambda tx: staff.sign_in(tx, engine.keyring, engine.settings, known, now)
        )
        assert token is not None
    line = ("staff", "password", "--store", shop.store, "--email", f" {EMAIL.upper()}")
    piped(monkeypatch, "too short\n")
    assert "12 to 128" in shop.no(2, *line, "--password-stdin")
    piped(monkeypatch, "another long password\n")
    told = shop.value(*line, "--password-stdin")
    assert told == {"email": EMAIL, "sessions_ended": 1}
    with open_engine(Settings({"NUQTA_DB": shop.db})) as engine:
        reader = engine.vault.reader()
        assert staff.signed_in(reader, engine.keyring, token, engine.clock.now()) is None
        later = staff.by_email(reader, EMAIL)
        assert later is not None
        is_right = engine.passwords.is_right
        assert asyncio.run(is_right(later.password, "another long password"))
        assert not asyncio.run(is_right(later.password, PASSWORD))
        assert engine.door.write_now(
            "in", lambda tx: staff.sign_in(tx, engine.keyring, engine.settings, known, now)
        ) is None, "the old password had been right a moment before"  # fmt: skip


def test_who_is_locked_out_is_let_try_again(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(shop, monkeypatch)
    settings = Settings({"NUQTA_DB": shop.db, "NUQTA_SIGN_IN_TRIES": "2"})
    settings.sign_in_tries_address = 4

    def tries(address: str) -> bool:
        with open_engine(settings) as engine:
            now = engine.clock.now()
            return engine.door.write_now(
                "try",
                lambda tx: staff.count_try(tx, engine.keyring, settings, EMAIL, address, now),
            ) is None  # fmt: skip

    line = ("staff", "unlock", "--store", shop.store, "--email", EMAIL)
    assert shop.value(*line) == {"email": EMAIL, "unlocked": False}
    assert [tries("1.2.3.4") for _ in range(3)] == [True, True, False]
    assert shop.value(*line) == {"email": EMAIL, "unlocked": True}
    assert [tries("1.2.3.4") for _ in range(3)] == [True, True, False]
    assert shop.value(*line)["unlocked"]
    assert not tries("1.2.3.4"), "the address had too many as well"
    assert tries("1.2.3.5")
    assert shop.value(*line, "--address", "1.2.3.4")["unlocked"]
    assert tries("1.2.3.4")
    assert "IP address" in shop.no(2, *line, "--address", "somewhere")


@pytest.mark.parametrize("verb", ["password", "unlock", "disable"])
def test_of_another_store_nobody_is_known(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    create(shop, monkeypatch)
    second = str(shop.value("store", "create", "--name", "Second")["id"])
    said = shop.no(1, "staff", verb, "--store", second, "--email", EMAIL)
    assert said == f"nobody of Second signs in as {EMAIL}"


# -- applications ----------------------------------------------------------------------------------
def test_an_application_is_registered_without_a_store(shop: Terminal) -> None:
    made = shop.value("partner", "register", "--name", "App")
    assert list(made) == ["partner_id", "name"]
    (listed,) = [
        one for one in shop.value("partner", "list") if one["partner_id"] == made["partner_id"]
    ]
    assert (listed["store"], listed["tokens"]) == (None, 0)
    shop.no(2, "partner", "register", "--name", "")


def test_an_application_has_a_secret_once(shop: Terminal) -> None:
    partner = str(shop.value("partner", "register", "--name", "App")["partner_id"])
    line = ("partner", "oauth", "--partner", partner, "--redirect", REDIRECT)
    first = shop.value(*line, "--scope", "orders.read")
    assert list(first) == ["client_id", "client_secret", "redirects", "scopes"]
    assert first["client_id"] == partner
    assert first["client_secret"].startswith("nqk_")
    assert (first["redirects"], first["scopes"]) == ([REDIRECT], ["orders.read"])
    again = shop.value(*line, "--redirect", f"{REDIRECT}/2")
    assert again == {**first, "client_secret": None, "redirects": [REDIRECT, f"{REDIRECT}/2"]}
    assert "as before" in shop.run(*line).out
    newer = shop.value(*line, "--new-secret")
    assert newer["client_secret"] not in (None, first["client_secret"])
    with open_engine(Settings({"NUQTA_DB": shop.db})) as engine:
        reader, keyring = engine.vault.reader(), engine.keyring
        assert clients.proved(reader, keyring, partner, first["client_secret"]) is None
        known = clients.proved(reader, keyring, partner, newer["client_secret"])
    assert known is not None
    assert known.redirects == (REDIRECT,)


def test_an_application_asks_for_everything_at_first(shop: Terminal) -> None:
    partner = str(shop.value("partner", "register", "--name", "App")["partner_id"])
    made = shop.value("partner", "oauth", "--partner", partner, "--redirect", REDIRECT)
    assert made["scopes"] == sorted(SCOPES)


def test_an_application_that_cannot_be(shop: Terminal) -> None:
    partner = str(shop.value("partner", "register", "--name", "App")["partner_id"])
    line = ("partner", "oauth", "--partner", partner)
    said = shop.no(2, *line, "--redirect", "http://app.example/")
    assert said.startswith("--redirect: 'http://app.example/' is no address for codes")
    shop.no(2, *line)
    many = [word for n in range(11) for word in ("--redirect", f"{REDIRECT}/{n}")]
    assert "1 to 10" in shop.no(2, *line, *many)
    assert "--scope" in shop.no(2, *line, "--redirect", REDIRECT, "--scope", "everything")
    said = shop.no(1, "partner", "oauth", "--partner", "7", "--redirect", REDIRECT)
    assert said == "there is no partner 7"
