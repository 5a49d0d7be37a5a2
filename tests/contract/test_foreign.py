"""Other stores' things: whatever a call of Riyadh's names that is Kuwait's changes nothing there,
and is answered like what nobody ever had.

Each route's good call is made about Kuwait, where Clara has the same id as Aisha, and sent by who
may call for Riyadh. Source: contract, decisions, sections 1 and 2.
"""

import copy
import re
import uuid
from typing import Any

import apsw
import pytest

from nuqta.api.routes import TABLE
from nuqta.ledger.account import BUCKETS
from nuqta.web.routes import Route
from tests.calls.callers import right, send
from tests.calls.every import Call, call_of
from tests.http.server import House
from tests.http.test_access import name_of

ROUTES = [route for route in TABLE if route.who not in ("page", "public", "source")]
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def elsewhere(house: House) -> House:
    """The house as it looks from Kuwait: makers of calls make everything there."""
    world = copy.copy(house.world)
    world.riyadh, world.kuwait = world.kuwait, world.riyadh
    world.aisha, world.clara = world.clara, world.aisha
    other = copy.copy(house)
    other.world = world
    return other


def rows_of(house: House, store_id: int) -> dict[str, list[Any]]:
    """Everything that the database keeps of a store."""
    db = apsw.Connection(str(house.world.engine.vault.path), apsw.SQLITE_OPEN_READONLY)
    found: dict[str, list[Any]] = {}
    tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    for (table,) in tables:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        if "dkey" in columns:
            where = f"dkey BETWEEN {store_id * BUCKETS} AND {store_id * BUCKETS + BUCKETS - 1}"
        elif "store_id" in columns:
            where = f"store_id = {store_id}"
        else:
            continue
        found[str(table)] = db.execute(f"SELECT * FROM {table} WHERE {where}").fetchall()  # noqa: S608
    db.close()
    return found


def _renamed(text: str, house: House, foreign: House) -> str:
    """The path of the call with the store in it replaced by the caller's own."""
    mine, theirs = house.world.riyadh, foreign.world.riyadh
    return text.replace(str(theirs.store_id), str(mine.store_id)).replace(theirs.uuid, mine.uuid)


def _unknown(value: Any) -> Any:
    """The same call with ids that nobody has."""
    if isinstance(value, dict):
        return {name: _unknown(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_unknown(one) for one in value]
    if isinstance(value, str) and _UUID.fullmatch(value):
        return str(uuid.UUID(int=value.__hash__() % 2**120, version=4))
    return value


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_what_is_anothers_is_as_if_it_were_not(alone: House, route: Route) -> None:
    foreign = elsewhere(alone)
    call = call_of(route, foreign)
    call = Call(_renamed(call.path, alone, foreign), call.body, call.headers)
    headers = {**call.headers, **right(alone, route)}
    if "Host" in headers:
        headers["Host"] = call_of(route, alone).headers["Host"]
    alone.settle()
    before = rows_of(alone, foreign.world.riyadh.store_id)
    answer = send(alone, route, call, headers)
    alone.settle()
    assert rows_of(alone, foreign.world.riyadh.store_id) == before, answer.body
    shown = answer.body.decode()
    assert str(foreign.world.riyadh.store_id) not in shown
    assert foreign.world.riyadh.uuid not in shown
    body = _unknown(call.body)
    if body != call.body:
        nobody = send(alone, route, Call(call.path, body), headers)
        assert (answer.status, answer.body) == (nobody.status, nobody.body)
        assert answer.status in (404, 422), answer.body


def test_control_the_same_call_changes_its_own_store(alone: House) -> None:
    """The good call, sent by who may call for Kuwait, is seen by the comparison."""
    foreign = elsewhere(alone)
    changed = 0
    writes = [route for route in ROUTES if route.is_write]
    for route in writes:
        call = call_of(route, foreign)
        headers = {**call.headers, **right(foreign, route)}
        before = rows_of(alone, foreign.world.riyadh.store_id)
        send(foreign, route, call, headers)
        foreign.settle()
        changed += rows_of(alone, foreign.world.riyadh.store_id) != before
    assert changed > len(writes) // 2
