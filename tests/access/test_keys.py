"""The key under which tokens are kept turns over: old tokens live on under the former key, new ones
are made under the new, and what was made under a third ends; in every process, without a restart
and after one. Source: contract, decisions, section 3.
"""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nuqta.engine.access.tokens import Keyring, key_file, key_ids, read_keyring, rotate_key_file
from nuqta.storage.faults import CannotStart
from tests.access.conftest import working
from tests.attack.conftest import present
from tests.calls.oauth import an_app
from tests.cli.terminal import Terminal
from tests.contract.oauth.browser import exchange
from tests.http.server import PATIENCE_S, House, open_house
from tests.orders.shop import Shop, basic
from tests.world import World

__all__ = ["present"]


def terminal(world: World) -> Terminal:
    return Terminal(world.engine.vault.path, str(world.riyadh.store_id))


def status(house: House, token: str) -> int:
    return house.balance(house.world.aisha, token).status


# -- one process -----------------------------------------------------------------------------------
def test_a_running_server_takes_the_new_key_up(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        world = house.world
        old, app = world.login(world.aisha), an_app(house)
        pair = Shop(house, world.riyadh).pair()
        told = terminal(world).value("key", "rotate")
        assert (told["former"], told["dropped"]) == (old.split("_")[1], None)
        new = world.login(world.aisha)
        assert new.split("_")[1] == told["key"] == key_ids(world.engine.vault.path)[0]
        assert (status(house, old), status(house, new)) == (200, 200)
        sent = house.send("POST", f"/v1/webhooks/orders/{world.riyadh.store_id}",
                          {"Authorization": basic(pair.username, pair.password)}, {})  # fmt: skip
        assert sent.status == 422
        assert exchange(house, app.exchanging("x")).json["error"] == "invalid_grant"


def test_a_token_of_another_process_under_a_key_never_seen(tmp_path: Path) -> None:
    """The first that the server hears of the new key is a token under it."""
    with open_house(tmp_path) as house:
        world = house.world
        path = world.engine.vault.path
        rotate_key_file(path)
        elsewhere = read_keyring("", path)
        assert elsewhere.mint("nqc", 1).split("_")[1] == key_ids(path)[0]
        line = ("customer", "login", "--store", str(world.riyadh.store_id), "--customer", "1")
        token = terminal(world).value(*line)["customer_token"]
        assert status(house, token) == 200


def test_the_answer_to_a_repeated_call_is_the_same_after_the_key_turned(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        world = house.world
        path = "/v1/managers/store/customers/1/login"
        headers = {**house.manager(world.riyadh), "Idempotency-Key": "once"}
        first = house.send("POST", path, headers)
        terminal(world).value("key", "rotate")
        second = house.send("POST", path, headers)
        assert second["idempotent-replayed"] == "true"
        assert first.body == second.body
        assert status(house, second.json["customer_token"]) == 200


def test_the_second_turn_ends_what_is_older(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        world, shop = house.world, terminal(house.world)
        old = world.login(world.aisha)
        first = shop.value("key", "rotate")
        kept = world.login(world.aisha)
        said = shop.no(1, "key", "rotate")
        assert "4 partner tokens" in said
        assert "--end-older" in said
        assert (status(house, old), status(house, kept)) == (200, 200)
        second = shop.value("key", "rotate", "--end-older")
        assert second["dropped"] == first["former"]
        assert second["former"] == first["key"]
        new = world.install(world.riyadh)
        for token, wanted in ((old, 401), (kept, 200)):
            headers = {"Authorization": new.authorization, "X-CUSTOMER-TOKEN": token}
            path = f"/v1/customers/loyalty-program/{world.riyadh.store_id}/points"
            assert house.ask("GET", path, headers).status == wanted
        assert house.balance(world.aisha, kept).code == "ERROR_AUTHORIZATION_INVALID"


def test_nothing_is_asked_where_nothing_ends(tmp_path: Path) -> None:
    shop = Terminal(tmp_path / "nuqta.db")
    shop.value("init")
    ids = [shop.value("key", "rotate") for _ in range(4)]
    assert [one["former"] for one in ids[1:]] == [one["key"] for one in ids[:-1]]
    assert [one["former_ends_at"] for one in ids] == [None] * 4
    outcome = shop.run("key", "rotate")
    assert "nothing that is alive" in outcome.out


def test_keys_of_the_setting_are_turned_in_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = ("k" * 32, "l" * 32, "m" * 32)
    monkeypatch.setenv("NUQTA_SECRET", first)
    shop = Terminal(tmp_path / "nuqta.db")
    shop.value("init")
    assert "NUQTA_SECRET" in shop.no(1, "key", "rotate")
    token = Keyring([first]).mint("nqc", 1)
    wanted = Keyring([first]).digest(token)
    assert Keyring([second, first]).digest(token) == wanted
    assert Keyring([third, second, first]).digest(token) != wanted


# -- the file --------------------------------------------------------------------------------------
def test_the_file_keeps_two_keys_and_its_mode(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        path = house.world.engine.vault.path
        file = key_file(path)
        before = file.read_text().split()
        for _ in range(3):
            rotate_key_file(path)
        keys = file.read_text().split()
        assert len(keys) == 2
        assert not set(keys) & set(before)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert not list(tmp_path.glob("*.new"))


def test_a_turn_that_was_cut_hinders_no_other(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        path = house.world.engine.vault.path
        (tmp_path / f"{path.name}.key.new").write_text("half")
        assert rotate_key_file(path)[0] == key_ids(path)[0]
        assert status(house, house.world.login(house.world.aisha)) == 200


def test_many_turns_at_once_follow_one_another(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        path = house.world.engine.vault.path
        with ThreadPoolExecutor(8) as pool:
            turns = list(pool.map(lambda _: rotate_key_file(path), range(16)))
        assert len({turn[0] for turn in turns}) == 16
        formers = [turn[1] for turn in turns]
        assert len(set(formers)) == 16, "none was put before the same key as another"


@pytest.mark.parametrize("text", ["", "too short", None])
def test_a_file_that_is_none_changes_nothing_in_a_running_server(
    tmp_path: Path, text: str | None
) -> None:
    with open_house(tmp_path) as house:
        world = house.world
        token, file = world.login(world.aisha), key_file(world.engine.vault.path)
        kept = file.read_text()
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        assert status(house, token) == 200
        assert status(house, "nqc_00000000_1_" + "0" * 64) == 401
        with pytest.raises(CannotStart):
            read_keyring("", world.engine.vault.path)
        file.write_text(kept)
        os.utime(file, (1, 1))
        assert status(house, token) == 200


# -- several processes -----------------------------------------------------------------------------
def answers(house: House, token: str, times: int = 24) -> set[int]:
    """The statuses over as many connections, which the workers share."""
    return {status(house, token) for _ in range(times)}


def test_all_workers_agree_at_once_and_after_a_restart(present: World) -> None:
    world, shop = present, terminal(present)
    old = world.login(world.aisha)
    with working(world, 3) as house:
        assert answers(house, old) == {200}
        told = shop.value("key", "rotate")
        path = "/v1/managers/store/customers/1/login"
        line = ("customer", "login", "--store", str(world.riyadh.store_id), "--customer", "1")
        by_terminal = shop.value(*line)["customer_token"]
        assert answers(house, by_terminal) == {200}
        for _ in range(8):  # whichever worker makes it
            made = house.send("POST", path, house.manager(world.riyadh)).json["customer_token"]
            assert made.split("_")[1] == told["key"]
            assert answers(house, made, 8) == {200}
        assert answers(house, old) == {200}
        shop.value("key", "rotate", "--end-older")
        new = world.install(world.riyadh)
        path = f"/v1/customers/loyalty-program/{world.riyadh.store_id}/points"

        def ended() -> set[int]:
            headers = {"Authorization": new.authorization, "X-CUSTOMER-TOKEN": old}
            return {house.ask("GET", path, headers).status for _ in range(24)}

        for _ in range(PATIENCE_S * 20):  # each worker looks once a second
            if ended() == {401}:
                break
        assert ended() == {401}
    with working(world, 2) as house:
        headers = {"Authorization": new.authorization, "X-CUSTOMER-TOKEN": by_terminal}
        assert {house.ask("GET", path, headers).status for _ in range(24)} == {200}
        assert ended() == {401}
