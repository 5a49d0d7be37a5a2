"""Erasing a person: nothing of the name, the addresses or the words beside the books is left in any
table, nor in the file; the books still add up, and the id opens nothing any more.

Control: without the file being written anew, what was deleted is found in it.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import apsw
import pytest

from nuqta import refusals
from nuqta.engine import customers, orders
from nuqta.engine import replies as answers
from nuqta.engine.access import sessions
from nuqta.engine.access.sessions import Address
from nuqta.engine.keeping.compact import compact, is_due
from nuqta.engine.keeping.erase import Erased, erase, looked_through
from nuqta.engine.keeping.export import export
from nuqta.ledger.instants import DAY_US
from nuqta.loyalty.order_fields import Decoded
from nuqta.loyalty.orders import placed_and_delivered
from nuqta.refusals import Refusal
from nuqta.worker.compact import compact_when_due
from tests.http.server import Answer, House, logging_all, open_house
from tests.orders.shop import Shop, plain, zid
from tests.tidy import ROOT
from tests.world import Shopper, World

NAME: Final = "Munira Al-Khalid العنود"
EMAIL: Final = "munira@shop.example"
MOBILE: Final = "966555123987"
REASON: Final = "gift for a hard day"
WORDS: Final = (NAME, "Munira", "العنود", EMAIL, "munira@", MOBILE, "555123987", "5551239", REASON)
"""What must be found nowhere, in any encoding of it that we or a shop would write."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A server of the test's own: it sends codes and takes orders."""
    with open_house(tmp_path, rate_limit=0, delivery="none") as one:
        yield one


def munira(world: World) -> Shopper:
    """The person, in Riyadh."""
    return Shopper(world.riyadh.store_id, 4_000_017, NAME, EMAIL, MOBILE)


class Life:
    """A person with everything that nuqta can know of one."""

    def __init__(self, house: House) -> None:
        self.house, self.world = house, house.world
        world = self.world
        self.who = munira(world)
        self.shop = Shop(house, world.riyadh)
        self.shop.rule()
        customer = {"id": self.who.customer_id, "name": NAME, "email": EMAIL.upper(),
                    "mobile": "+966 55 512 3987", "tags": ["VIP"], "level": "gold"}  # fmt: skip
        self.shop.told("1001", plain(self.shop, customer=customer))
        self.token = str(self._login("hand-over").json["customer_token"])
        self._code()
        assert REASON in self.adjusting("adjust-1").body.decode()
        method = self.shop.method(points=20)
        assert self.shop.add(self.who, "cart-1", method).status == 200
        self._refused(customer)

    def _login(self, key: str) -> Any:
        path = f"/v1/managers/store/customers/{self.who.customer_id}/login"
        headers = {**self.house.manager(self.world.riyadh), "Idempotency-Key": key}
        answer = self.house.send("POST", path, headers)
        assert answer.status == 200
        assert NAME in answer.body.decode()
        return answer

    def _code(self) -> None:
        engine, address = self.world.engine, Address("email", EMAIL)
        engine.door.write_now(
            "code",
            lambda tx: sessions.put_code(
                tx, engine.keyring, engine.settings, self.who.store_id, address, "123456",
                self.world.time.wall,
            ),
        )  # fmt: skip

    def adjusting(self, key: str) -> Answer:
        """What an adjustment is answered, for a reason of which nothing may stay."""
        body = {"customerId": self.who.customer_id, "direction": "+", "points": 50,
                "reason": REASON}  # fmt: skip
        headers = {**self.house.manager(self.world.riyadh), "Idempotency-Key": key}
        path = "/v1/managers/loyalty-program/customers/adjust-customer-points"
        return self.house.send("POST", path, headers, body)

    def _refused(self, customer: dict[str, Any]) -> None:
        """Orders that could not be taken in, and are kept as they came."""
        bad = plain(self.shop, customer=customer, status="nonsense")
        escaped = json.dumps({"customer": {"name": NAME}, "email": EMAIL})[:-1].encode()
        form = b"name=Munira+Al-Khalid+%D8%A7&mobile=0555123987&status=%00"
        of_zid = {**zid(self.shop), "status": 1, "customer": customer, "currency_code": "USD"}
        others = {**customer, "id": 2, "name": "Badr"}  # with the person's addresses
        assert self.shop.put("2001", bad).status == 422
        assert self.shop.put("2002", escaped).status == 400
        assert self.shop.put("2003", form).status >= 400
        assert self.shop.webhook(of_zid).status == 422
        assert self.shop.put("2004", plain(self.shop, customer=others, status="x")).status == 422
        somebody = {"id": 2, "name": "Badr", "email": "badr@shop.example"}
        assert self.shop.put("2005", plain(self.shop, customer=somebody, status="x")).status == 422

    def erase(self) -> Erased | Refusal:
        """Forget the person, as the terminal does."""
        return erased(self.world, self.who.customer_id)


def erased(world: World, customer_id: int) -> Erased | Refusal:
    """Forget a customer of Riyadh's."""
    engine, ids = world.engine, (world.riyadh.store_id, customer_id)
    seen = looked_through(engine, *ids)
    return engine.door.write_now(
        "erase", lambda tx: erase(tx, *ids, seen, engine.clock.now(), "cli")
    )


def cells(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every text and blob cell of every table, under the name of its column."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    for table, column in columns(connection):
        for (cell,) in connection.execute(f"SELECT {column} FROM {table}"):  # noqa: S608
            if isinstance(cell, str | bytes):
                yield f"{table}.{column}", cell.encode() if isinstance(cell, str) else cell
    connection.close()


def columns(connection: apsw.Connection) -> list[tuple[str, str]]:
    """Every column of every table that may hold a text or bytes."""
    found = connection.execute(
        "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_info(t.name) AS c"
        " WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"
        " AND c.type IN ('TEXT', 'BLOB') ORDER BY t.name, c.cid"
    )
    return [(str(table), str(column)) for table, column in found]


def rows_with_traces(path: Path) -> list[str]:
    """The columns in which a trace of the person is found."""
    return sorted({column for column, cell in cells(path) if traces_in(cell)})


def traces_in(data: bytes, words: tuple[str, ...] = WORDS) -> list[str]:
    """Which words stand in the bytes: as UTF-8, as JSON escapes them, as UTF-16; in any case."""
    lower = data.lower()
    return [
        word
        for word in words
        if any(
            form.lower() in lower
            for form in (
                word.encode(), json.dumps(word)[1:-1].encode(), word.encode("utf-16-le"),
            )
        )
    ]  # fmt: skip


def test_no_table_holds_a_trace_and_the_books_add_up(house: House) -> None:
    life = Life(house)
    world, path = life.world, life.world.engine.vault.path
    there = rows_with_traces(path)
    assert there == [
        "customers.email", "customers.mobile", "customers.name", "directory.text", "notes.reason",
        "refused_orders.body", "replies.body",
    ]  # fmt: skip
    assert world.audit().ok
    before = world.balance(life.who)
    assert before.held == 20
    world.time.forward(seconds=10)
    assert life.erase() == Erased(life.who.customer_id, world.time.wall)
    assert rows_with_traces(path) == []
    after = world.balance(life.who)
    assert (after.held, after.available) == (0, before.available + 20), "carts are given back"
    assert world.audit().ok
    row = customers.find_ever(world.engine.vault.reader(), life.who.store_id, life.who.customer_id)
    assert row is not None
    assert (row.name, row.email, row.mobile, row.tags, row.level) == ("", "", "", "", "")


def test_other_peoples_orders_and_answers_stay(house: House) -> None:
    life = Life(house)
    world = life.world
    kept = [one for one in life.shop.refused() if b"badr@shop.example" in one.body]
    assert len(kept) == 1
    replies = world.engine.vault.reader().rows_of("SELECT origin, key FROM replies", ())
    life.erase()
    assert life.shop.refused() == kept
    assert world.engine.vault.reader().rows_of("SELECT origin, key FROM replies", ()) == replies


def test_a_repeated_call_is_answered_without_the_person(house: House) -> None:
    life = Life(house)
    life.erase()
    headers = {**house.manager(life.world.riyadh), "Idempotency-Key": "adjust-1"}
    body = {"customerId": life.who.customer_id, "direction": "+", "points": 50, "reason": REASON}
    path = "/v1/managers/loyalty-program/customers/adjust-customer-points"
    again = house.send("POST", path, headers, body)
    assert (again.status, again["idempotent-replayed"]) == (200, "true")
    assert traces_in(again.body) == []
    other = house.send("POST", path, {**headers, "Idempotency-Key": "adjust-2"}, body)
    assert other.code == "ERROR_CUSTOMER_NOT_FOUND"


def test_a_call_that_is_repeated_late_brings_no_words_back(house: House) -> None:
    """Its answer was forgotten, as answers are; its receipt stays, and answers again."""
    life = Life(house)
    life.erase()
    engine, now = house.world.engine, house.world.time.wall
    engine.door.write_now("forget", lambda tx: answers.forget(tx, now + 1, 1_000))
    for _ in range(2):
        answer = life.adjusting("adjust-1")
        assert (answer.status, answer.json["data"]["points"]) == (200, 50)
        assert answer.json["data"]["reason"] is None
    assert rows_with_traces(engine.vault.path) == []


def test_the_file_holds_nothing_once_it_is_written_anew(house: House) -> None:
    life = Life(house)
    engine, path = life.world.engine, life.world.engine.vault.path
    crowd = [
        life.world.customer(life.world.riyadh, 5_000_000 + n, f"Somebody {n}") for n in range(200)
    ]
    life.erase()
    files = [path, path.with_name(path.name + "-wal")]
    assert any(traces_in(one.read_bytes()) for one in files), (
        "control: SQLite keeps what it deleted"
    )
    assert is_due(engine)
    assert compact(engine)
    assert not is_due(engine)
    for one in files:
        assert traces_in(one.read_bytes()) == []
    assert all(life.world.balance(one).version == 0 for one in crowd)
    life.world.adjust(life.world.aisha, 1)


def test_the_worker_writes_a_small_file_anew_and_tells_of_a_large_one(house: House) -> None:
    life = Life(house)
    engine = life.world.engine
    assert not compact_when_due(engine)
    life.erase()
    engine.settings.check_mebibytes = 0
    with logging_all() as log:
        assert not compact_when_due(engine)
    assert "nuqta compact" in log.text
    engine.settings.check_mebibytes = 64
    assert compact_when_due(engine)
    assert traces_in(engine.vault.path.read_bytes()) == []
    assert not compact_when_due(engine)


def test_a_log_that_somebody_reads_is_emptied_later(house: House) -> None:
    life = Life(house)
    engine = life.world.engine
    life.erase()
    engine.vault._lock_ms = 50
    with engine.vault.snapshot() as tx:
        tx.rows_of("SELECT count(*) FROM customers", ())
        assert not compact(engine)
    assert is_due(engine)
    assert compact(engine)
    assert traces_in(engine.vault.path.read_bytes()) == []


def test_the_id_opens_nothing_any_more(house: House) -> None:
    life = Life(house)
    world, store = life.world, life.world.riyadh
    manager = house.manager(store)
    of_customer = f"/v1/managers/store/customers/{life.who.customer_id}"
    life.erase()
    assert house.balance(life.who, life.token).code == "ERROR_SESSION_INVALID"
    nobody = "/v1/managers/store/customers/999999/login"
    unknown = house.send("POST", nobody, manager)
    answer = house.send("POST", f"{of_customer}/login", manager)
    assert (answer.status, answer.body) == (unknown.status, unknown.body)
    listed = house.ask("GET", f"/v1/managers/store/customers?search_term={EMAIL}", manager)
    assert listed.json["customers"] == []
    login = f"/v1/stores/{store.store_id}/auth/verify"
    for body in ({"email": EMAIL, "code": "123456"}, {"mobile": f"+{MOBILE}", "code": "123456"}):
        assert house.send("POST", login, house.partner(store), body).code == "ERROR_CODE_INVALID"
    reader = world.engine.vault.reader()
    for kind, text in (("email", EMAIL), ("mobile", MOBILE)):
        assert customers.find_by(reader, store.store_id, kind, text) is None
    other = world.customer(store, 9, "Another", EMAIL)
    assert other.email == EMAIL, "the address is free again"


def test_points_stay_and_expire_by_their_own_rules(world: World) -> None:
    world.earn(world.aisha, 100, expire_days=30)
    world.earn(world.aisha, 10)
    assert isinstance(erased(world, 1), Erased)
    assert world.balance(world.aisha).available == 110
    world.time.forward(days=30)
    assert world.balance(world.aisha).available == 10


def test_a_new_order_of_the_id_earns_nothing_and_tells_nothing(house: House) -> None:
    life = Life(house)
    life.erase()
    before = life.world.balance(life.who)
    customer = {"id": life.who.customer_id, "name": NAME, "email": EMAIL, "mobile": f"+{MOBILE}"}
    sent = plain(life.shop, customer=customer)
    for _ in range(2):
        answer = life.shop.put("3001", sent)
        assert (answer.status, answer.code) == (422, "ERROR_CUSTOMER_ERASED")
    (kept,) = [one for one in life.shop.refused() if one.code == "ERROR_CUSTOMER_ERASED"]
    assert (kept.source, kept.times, kept.body) == ("plain:3001", 2, b"")
    assert json.loads(kept.fields) == {"order": "3001"}
    arabic = life.shop.put("3001", sent, language="ar")
    assert arabic.code == "ERROR_CUSTOMER_ERASED"
    assert life.world.balance(life.who) == before
    assert rows_with_traces(life.world.engine.vault.path) == []
    other = {**customer, "id": 2}
    assert life.shop.put("3001", plain(life.shop, customer=other)).status == 200, "nobody claims it"


def test_an_order_of_before_still_moves_the_books_and_teaches_nothing(house: House) -> None:
    life = Life(house)
    earned = life.world.balance(life.who).available + life.world.balance(life.who).held
    life.erase()
    life.world.time.forward(seconds=60)
    customer = {"id": life.who.customer_id, "name": NAME, "email": EMAIL, "tags": ["VIP"]}
    told = life.shop.told("1001", plain(life.shop, customer=customer, status="cancelled"))
    assert told["points_kept"] == 0
    assert life.world.balance(life.who).available < earned
    assert rows_with_traces(life.world.engine.vault.path) == []
    row = customers.find_ever(
        life.world.engine.vault.reader(), life.who.store_id, life.who.customer_id
    )
    assert row is not None
    assert row.tags == ""


def test_erasing_twice_is_the_same_answer_and_takes_what_came_since(house: House) -> None:
    life = Life(house)
    first = life.erase()
    life.world.time.forward(days=1)
    customer = {"id": life.who.customer_id, "name": NAME}
    bad = plain(life.shop, customer=customer, status="nonsense")
    assert life.shop.put("4001", bad).code == "ERROR_STATUS_UNKNOWN"
    assert rows_with_traces(life.world.engine.vault.path) == ["refused_orders.body"]
    assert life.erase() == first
    assert rows_with_traces(life.world.engine.vault.path) == []
    assert erased(life.world, 999_999) == refusals.CUSTOMER_NOT_FOUND


def test_what_comes_while_it_is_looked_for_goes_too(house: House) -> None:
    life = Life(house)
    engine, ids = life.world.engine, (life.who.store_id, life.who.customer_id)
    seen = looked_through(engine, *ids)
    customer = {"id": life.who.customer_id, "name": NAME}
    life.shop.put("4001", plain(life.shop, customer=customer, status="nonsense"))
    engine.door.write_now("erase", lambda tx: erase(tx, *ids, seen, life.world.time.wall, "cli"))
    assert rows_with_traces(engine.vault.path) == []


def test_an_erased_id_is_not_made_anew_nor_imported(world: World) -> None:
    erased(world, 1)
    store = world.riyadh
    wish = customers.CustomerWish("Aisha", "aisha@shop.example", "", 1)
    engine, now = world.engine, world.time.wall
    made = engine.door.write_now(
        "create", lambda tx: customers.create(tx, store.store_id, wish, now)
    )
    assert made == refusals.CUSTOMER_ERASED
    tagged = engine.door.write_now(
        "tag", lambda tx: customers.tag(tx, store.store_id, 1, customers.TagWish(("VIP",)))
    )
    assert tagged == refusals.CUSTOMER_NOT_FOUND
    bought = placed_and_delivered("77", 1, now - DAY_US, 10_000, store.currency)
    (outcome,) = engine.door.write_now(
        "order",
        lambda tx: orders.take_in(tx, store, [Decoded(bought)], now, "cli", events_max=10),
    )
    assert outcome == refusals.CUSTOMER_ERASED


def test_every_column_that_may_hold_a_trace_is_accounted_for(world: World) -> None:
    """The decision says of each column of text or bytes why nothing of a person stays in it."""
    text = (ROOT / "docs/decisions/0011-personal-data.md").read_text(encoding="utf-8")
    connection = apsw.Connection(str(world.engine.vault.path), flags=apsw.SQLITE_OPEN_READONLY)
    told = {
        (row[0], column)
        for row in (re.findall(r"`(\w+)`", line) for line in text.splitlines() if line[:2] == "| ")
        for column in row[1:]
    }
    missing = [one for one in columns(connection) if one not in told]
    connection.close()
    assert missing == []


# -- over HTTP, and the copy of everything ---------------------------------------------------------
def test_over_http_it_is_one_effect_and_one_answer(house: House) -> None:
    life = Life(house)
    store = life.world.riyadh
    path = f"/v1/managers/store/customers/{life.who.customer_id}/erase"
    manager = house.manager(store)
    first = house.send("POST", path, {**manager, "Idempotency-Key": "gone"})
    assert first.status == 200
    assert list(first.json["customer"]) == ["id", "erased_at"]
    life.world.time.forward(seconds=5)
    assert house.send("POST", path, manager).json["customer"] == first.json["customer"]
    assert house.send("POST", path, {**manager, "Idempotency-Key": "gone"}).body == first.body
    assert rows_with_traces(life.world.engine.vault.path) == []
    for nobody in ("999999", "007", "x", "0"):
        for method, verb in (("POST", "erase"), ("GET", "export")):
            answer = house.ask(method, f"/v1/managers/store/customers/{nobody}/{verb}", manager)
            assert answer.code == "ERROR_CUSTOMER_NOT_FOUND"
    seen = house.ask("GET", f"/v1/managers/store/customers/{life.who.customer_id}", manager)
    assert seen.status == 200, "the books are looked at by id"
    assert traces_in(seen.body) == []


def test_a_copy_of_everything_has_all_of_it_and_no_secret(house: House) -> None:
    life = Life(house)
    path = f"/v1/managers/store/customers/{life.who.customer_id}/export"
    answer = house.ask("GET", path, house.manager(life.world.riyadh))
    assert answer.status == 200
    document = answer.json["document"]
    assert document["customer"] == {
        "id": life.who.customer_id, "name": NAME, "email": EMAIL, "mobile": MOBILE,
        "tags": ["VIP"], "level": "gold", "created_at": document["customer"]["created_at"],
        "erased_at": None,
    }  # fmt: skip
    assert document["points"]["held"] == 20
    assert [line["reason"] for line in document["history"]].count(REASON) == 1
    assert [one["order_key"] for one in document["orders"]] == ["1001"]
    assert len(document["orders"][0]["told"]) == 1
    assert len(document["orders_refused"]) == 4
    assert len(document["sessions"]) == 2
    ends = {str(one[name]) for one in document["sessions"] for name in one if "_at" in name}
    assert all(end.endswith("Z") for end in ends), "instants are texts"
    assert [one["ending"] for one in document["holds"]] == [""]
    assert {one["kind"] for one in document["events"]} >= {"points.adjusted", "points.held"}
    assert life.token.rsplit("_", 1)[1] not in answer.body.decode()
    digests = life.world.engine.vault.reader().rows_of("SELECT digest FROM sessions", ())
    assert all(digest.hex() not in answer.body.decode() for (digest,) in digests)
    life.erase()
    after = export(life.world.engine, life.who.store_id, life.who.customer_id)
    assert after is not None
    assert after["customer"]["erased_at"] is not None
    assert traces_in(json.dumps(after).encode()) == []
    assert export(life.world.engine, life.who.store_id, 999_999) is None
