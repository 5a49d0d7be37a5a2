"""A login is repeated under its key: the same token comes back, and stands nowhere meanwhile."""

from pathlib import Path

from nuqta.engine.access import sessions
from nuqta.engine.access.sessions import Address
from nuqta.engine.access.tokens import CUSTOMER, Keyring
from tests.http.post import webhook
from tests.http.server import Answer, House, open_house

PATH = "/v1/managers/store/customers/1/login"


def hand_over(house: House, key: str = "") -> Answer:
    """A token for Aisha, by her shop."""
    headers = house.manager(house.world.riyadh)
    return house.ask("POST", PATH, {**headers, "Idempotency-Key": key} if key else headers)


def everything(house: House) -> bytes:
    """The whole database, as its files hold it, and the log."""
    files = Path(house.world.engine.vault.path).parent.glob("nuqta.db*")
    kept = b"".join(file.read_bytes() for file in files if not file.name.endswith(".key"))
    return kept + house.log.text.encode()


def test_a_repeated_hand_over_has_the_same_token_which_works(alone: House) -> None:
    first, again = hand_over(alone, "one"), hand_over(alone, "one")
    token = first.json["customer_token"]
    assert again.body == first.body
    assert again["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.names
    assert alone.balance(alone.world.aisha, token).status == 200
    ended = alone.ask("DELETE", PATH, alone.manager(alone.world.riyadh))
    assert ended.json["ended"] == 1


def test_the_token_of_a_repeatable_call_stands_nowhere(alone: House) -> None:
    token = hand_over(alone, "one").json["customer_token"]
    hand_over(alone, "one")
    digits = token.rsplit("_", 1)[-1].encode()
    assert b"SQLite" in everything(alone)
    assert b"seed_" in everything(alone), "what is kept in its place"
    assert digits not in everything(alone)


def test_another_key_and_no_key_have_tokens_of_their_own(alone: House) -> None:
    answers = [hand_over(alone, key) for key in ("one", "two", "", "")]
    assert len({answer.json["customer_token"] for answer in answers}) == 4


def test_a_key_that_was_forgotten_opens_another_session(alone: House) -> None:
    first = hand_over(alone, "one").json["customer_token"]
    alone.world.engine.door.write_now("forget", lambda tx: tx.rows_of("DELETE FROM replies", ()))
    again = hand_over(alone, "one")
    assert again.status == 200
    assert again.json["customer_token"] != first


def test_a_repeated_code_opens_one_session(alone: House) -> None:
    world, address = alone.world, Address("email", "aisha@shop.example")
    engine, store_id = world.engine, world.riyadh.store_id
    engine.door.write_now(
        "code",
        lambda tx: sessions.put_code(
            tx, engine.keyring, engine.settings, store_id, address, "123456", world.time.wall
        ),
    )
    path = f"/v1/stores/{store_id}/auth/verify"
    headers = {**alone.partner(world.riyadh), "Idempotency-Key": "one"}
    body = {"email": address.text, "code": "123456"}
    first, again = (alone.send("POST", path, headers, body) for _ in range(2))
    assert (first.status, again.body) == (200, first.body)
    token = first.json["customer_token"]
    assert alone.balance(world.aisha, token).status == 200
    assert token.rsplit("_", 1)[-1].encode() not in everything(alone)
    ended = alone.ask("DELETE", PATH, alone.manager(world.riyadh))
    assert ended.json["ended"] == 1


def test_a_repeated_wish_for_a_code_sends_none(tmp_path: Path) -> None:
    with webhook() as hooks, open_house(
        tmp_path, delivery="webhook", delivery_webhook=hooks.url, code_pause_seconds=0
    ) as house:  # fmt: skip
        world = house.world
        path = f"/v1/stores/{world.riyadh.store_id}/auth/login"
        body = {"email": "aisha@shop.example"}
        for key in ("one", "one", "two"):
            headers = {**house.partner(world.riyadh), "Idempotency-Key": key}
            assert house.send("POST", path, headers, body).status == 200
        hooks.next()
        hooks.next()
        assert hooks.is_empty


def test_who_reads_a_seed_needs_the_digest_key_too() -> None:
    ours, theirs = Keyring(["a" * 32]), Keyring(["b" * 32])
    seed = ours.mint("seed", 7)
    token = ours.grown(seed, CUSTOMER, "one")
    assert token.startswith(f"nqc{seed.removeprefix('seed')[:11]}")
    assert Keyring(["c" * 32, "a" * 32]).grown(seed, CUSTOMER, "one") == token
    assert theirs.grown(seed, CUSTOMER, "one") != token
    assert ours.grown(seed, CUSTOMER, "two") != token
    assert seed.rsplit("_", 1)[-1] not in token
