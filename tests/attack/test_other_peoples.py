"""Other people's tokens and stores: one answer for all of them, at one cost.

Two stores, two partners, customers whose ids coincide; every token is tried in every place and in
every spelling. Nothing is read or changed under a credential that is not for it (I10), and what is
refused alike looks alike: status, headers, body, statements, and the work that they do.
"""

from collections.abc import Callable, Iterator
from itertools import product

import apsw
import pytest

from nuqta.api.points import PointsRoute
from nuqta.engine.access import partners
from nuqta.engine.stores import Store
from nuqta.settings import Settings
from nuqta.web.limiter import limiters
from nuqta.web.log import RequestLog
from tests.http.server import Answer, House, path_of
from tests.world import Shopper

POINTS = {"Aisha": 111_111_111, "Badr": 222_222_222, "Clara": 333_333_333}


class Crowd:
    """Two partners on two stores, and everybody's tokens."""

    def __init__(self, house: House) -> None:
        world = house.world
        self.house = house
        self.stores = (world.riyadh, world.kuwait)
        self.shoppers = world.shoppers
        for shopper in self.shoppers:
            world.earn(shopper, POINTS[shopper.name])
        other = world.install(world.riyadh, name="Other")
        away = world.engine.door.write_now(
            "install",
            lambda tx: partners.install(
                tx, world.engine.keyring, other.partner_id, world.kuwait.store_id, "",
                world.time.wall,
            ),
        )  # fmt: skip
        assert isinstance(away, partners.Installed)
        self.installed = {
            (0, store.store_id): world.tokens[store.store_id] for store in self.stores
        }
        self.installed[1, world.riyadh.store_id] = other
        self.installed[1, world.kuwait.store_id] = away
        self.tokens = {shopper.name: world.login(shopper) for shopper in self.shoppers}

    def ask(self, store: object, authorization: str, token: str) -> Answer:
        """A balance read."""
        return self.house.ask(
            "GET", path_of(store), {"Authorization": authorization, "X-CUSTOMER-TOKEN": token}
        )

    def logins(self, authorization: str, manager: str, customer_id: int, method: str) -> Answer:
        """A hand-over, or its end."""
        headers = {"Authorization": authorization, "X-Manager-Token": manager}
        return self.house.ask(method, f"/v1/managers/store/customers/{customer_id}/login", headers)


@pytest.fixture(scope="module")
def crowd(house: House) -> Crowd:
    return Crowd(house)


def seen(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """All that a caller sees, but the request's own id."""
    kept = [(name, value) for name, value in answer.headers if name != "x-request-id"]
    return answer.status, kept, answer.body


def test_a_balance_is_shown_to_its_own_store_alone(crowd: Crowd) -> None:
    """Every partner's every token, in every store, with every customer's token."""
    refusals = set()
    for installed, store, shopper in product(
        crowd.installed.values(), crowd.stores, crowd.shoppers
    ):
        answer = crowd.ask(store.store_id, installed.authorization, crowd.tokens[shopper.name])
        if shopper.store_id == store.store_id:
            assert answer.json["points"]["available_poitns"] == POINTS[shopper.name]
        else:
            assert answer.code == "ERROR_SESSION_INVALID"
            refusals.add(str(seen(answer)))
    assert len(refusals) == 1


def test_a_manager_token_serves_its_installation_alone(crowd: Crowd) -> None:
    world, refusals = crowd.house.world, set()
    owners = crowd.installed.items()
    for ((partner, _), one), ((other, store_id), two) in product(owners, owners):
        answer = crowd.logins(one.authorization, two.access_token, 1, "POST")
        if partner != other:
            assert answer.code == "ERROR_SESSION_INVALID"
            refusals.add(str(seen(answer)))
            continue
        assert answer.status == 200, "any live authorization proves the partner"
        token = answer.json["customer_token"]
        of_store = "Aisha" if store_id == world.riyadh.store_id else "Clara"
        balance = crowd.ask(store_id, one.authorization, token)
        assert balance.json["points"]["available_poitns"] == POINTS[of_store]
    wrong = next(iter(crowd.installed.values()))
    for manager in (wrong.authorization, crowd.tokens["Aisha"], "x", wrong.access_token + "0"):
        for method in ("POST", "DELETE"):
            refusals.add(str(seen(crowd.logins(wrong.authorization, manager, 1, method))))
    assert len(refusals) == 1


def test_an_end_of_sessions_ends_those_of_its_own_store_alone(crowd: Crowd) -> None:
    world = crowd.house.world
    tokens = {shopper.name: world.login(shopper) for shopper in crowd.shoppers}
    away = world.tokens[world.kuwait.store_id]
    assert crowd.logins(away.authorization, away.access_token, 2, "DELETE").status == 404
    assert crowd.logins(away.authorization, away.access_token, 1, "DELETE").status == 200
    for shopper in crowd.shoppers:
        answer = crowd.ask(shopper.store_id, away.authorization, tokens[shopper.name])
        assert answer.status == (401 if shopper.name == "Clara" else 200)
    crowd.tokens["Clara"] = world.login(world.clara)


def spelled(token: str) -> Iterator[str]:
    """Texts that are nearly a token."""
    prefix, key, *shard, digits = token.split("_")
    shards = "".join(f"{one}_" for one in shard)
    yield from (token.upper(), token[:-1], token[1:], token + "0", token + "_", token + token)
    yield from (f"x {token}", f"{token} x", f"{token},{token}", f'"{token}"', f"{token}\xa0", "_")
    yield from (f"{prefix}_{key}_{shards}{digits.upper()}", f"{prefix}_{key}_{shards}", "nqc___")
    yield from (f"{other}_{key}_{shards}{digits}" for other in ("nqp", "nqm", "nqc", "NQC", "nqx"))
    yield from (f"{prefix}_{other}_{shards}{digits}" for other in ("0" * 8, key.upper(), "", "é"))
    for other in ("0", "-1", "f" * 16, "7" + "f" * 15, "f" * 17, "0x1", "+1", "1_1", " 1", "²"):
        yield f"{prefix}_{key}_{other}_{digits}"
    yield from (f"{prefix}_{key}_0{shards}{digits}", f"{prefix}_{key}_{shards}{'0' * 64}")


def test_every_other_spelling_of_a_customer_token_is_one_refusal(crowd: Crowd) -> None:
    store = crowd.stores[0].store_id
    partner = crowd.installed[0, store]
    others = [partner.authorization, partner.access_token, crowd.tokens["Clara"]]
    right = crowd.tokens["Aisha"]
    answers = [
        crowd.ask(store, partner.authorization, text)
        for text in (*spelled(right), *others)
        if text != right
    ]
    assert {str(seen(answer)) for answer in answers} == {str(seen(answers[0]))}
    assert answers[0].code == "ERROR_SESSION_INVALID"
    for padded in (f" {right}", f"{right} ", f"\t{right}\t "):  # HTTP's own white space
        assert crowd.ask(store, partner.authorization, padded).status == 200


def test_every_other_spelling_of_a_partner_token_is_one_refusal(crowd: Crowd) -> None:
    store = crowd.stores[0].store_id
    installed = crowd.installed[0, store]
    right = installed.authorization
    texts = [*spelled(right), installed.access_token, crowd.tokens["Aisha"], "Bearer", "Basic eDp5"]
    texts += [f"Bearer{right}", f"Bearer Bearer {right}", f"Token {right}", f"Bearer: {right}"]
    answers = [crowd.ask(store, text, crowd.tokens["Aisha"]) for text in texts if text != right]
    assert {str(seen(answer)) for answer in answers} == {str(seen(answers[0]))}
    assert answers[0].code == "ERROR_AUTHORIZATION_INVALID"


def test_a_uuid_has_one_spelling_but_for_its_case(crowd: Crowd) -> None:
    store, away = crowd.stores
    right, token = crowd.installed[0, store.store_id].authorization, crowd.tokens["Aisha"]
    for text in (store.uuid, store.uuid.upper()):
        assert crowd.ask(text, right, token).status == 200
    wrong = [
        store.uuid.replace("-", ""), f"%7B{store.uuid}%7D", f"urn:uuid:{store.uuid}",
        store.uuid[:-1], store.uuid + "0", store.uuid.replace("-", "--", 1), "0" * 32,
        f"0{store.store_id}", f"+{store.store_id}", "0",
    ]  # fmt: skip
    answers = [crowd.ask(text, right, token) for text in wrong]
    assert {str(seen(answer)) for answer in answers} == {str(seen(answers[0]))}
    assert answers[0].code == "ERROR_STORE_NOT_FOUND"
    assert crowd.ask(away.uuid, right, token).code == "ERROR_SESSION_INVALID"


# -- equal work ------------------------------------------------------------------------------------


class Meter:
    """Counts the statements of this thread's reader, and the steps that they take."""

    def __init__(self, house: House) -> None:
        engine = house.world.engine
        off = limiters(Settings({"NUQTA_RATE_LIMIT": "0", "NUQTA_FAILED_TRIES": "0"}))
        self._route = PointsRoute(engine, off, RequestLog(0))
        self._reader = engine.vault.reader()._connection
        self.statements = self.steps = 0

    def _count(self, event: dict[str, int | dict[str, int]]) -> None:
        status = event["stmt_status"]
        assert isinstance(status, dict)
        self.statements += 1
        self.steps += status["SQLITE_STMTSTATUS_VM_STEP"]

    def read(self, store: Store, authorization: str, token: str) -> tuple[int, int, int]:
        """The status of a balance read, its statements and its steps."""
        headers = {b"authorization": authorization.encode(), b"x-customer-token": token.encode()}
        self.statements = self.steps = 0
        count: Callable[[dict[str, int | dict[str, int]]], None] = self._count
        self._reader.trace_v2(apsw.SQLITE_TRACE_PROFILE, count)
        try:
            status, _, _ = self._route.answer("GET", str(store.store_id), headers)
        finally:
            self._reader.trace_v2(0, None)
        return status, self.statements, self.steps


def test_what_is_refused_alike_costs_alike(crowd: Crowd, house: House) -> None:
    meter, store = Meter(house), crowd.stores[0]
    right = crowd.installed[0, store.store_id].authorization
    aisha: Shopper = crowd.shoppers[0]
    status, statements, most = meter.read(store, right, crowd.tokens[aisha.name])
    assert (status, statements) == (200, 1), "the hot path is one statement"
    closed = house.world.login(aisha)
    headers = house.shopper(store, closed)
    path = f"/v1/stores/{store.store_id}/auth/logout"
    assert house.ask("POST", path, headers).status == 200
    for token in (*spelled(crowd.tokens["Aisha"]), crowd.tokens["Clara"], closed, right):
        if token.isascii() and token.strip() != crowd.tokens["Aisha"]:
            status, statements, steps = meter.read(store, right, token)
            assert (status, statements) == (401, 1)
            assert abs(steps - most) <= 20, "a row that is not found costs what one does"
    stranger = house.world.install(crowd.stores[1], name="Stranger").authorization
    unknown = Store(1, "", "", "SAR", "UTC", 0)
    for where, who in ((store, stranger), (unknown, right)):
        status, statements, _ = meter.read(where, who, crowd.tokens["Aisha"])
        assert (status, statements) == (404, 1)
