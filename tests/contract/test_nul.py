"""NUL in whatever is sent: refused, or ignored with the field, and never kept in a text.

Every route's good call is spoiled in one place at a time; then every text of the database is looked
through. PostgreSQL keeps no NUL in a text, and what SQLite has must fit there.
"""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from nuqta.api.routes import TABLE
from nuqta.storage.statements import Statement
from nuqta.web.routes import Route
from tests.calls.callers import good, send
from tests.http.server import House

NUL = "\x00"


def spoiled(value: Any) -> Iterator[Any]:
    """The value with NUL in one of its texts, once for each of them."""
    if isinstance(value, str):
        yield value + NUL
    elif isinstance(value, dict):
        for name, inner in value.items():
            for one in spoiled(inner):
                yield {**value, name: one}
        yield {**value, f"odd{NUL}name": f"odd{NUL}value"}
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            for one in spoiled(inner):
                yield [*value[:at], one, *value[at + 1 :]]


def spoiled_paths(path: str) -> Iterator[str]:
    """The path with NUL behind one of its parts or values."""
    target, mark, query = path.partition("?")
    parts = target.split("/")
    for at in range(3, len(parts)):
        yield "/".join([*parts[:at], parts[at] + "%00", *parts[at + 1 :]]) + mark + query
    pairs = query.split("&") if query else []
    for at, pair in enumerate(pairs):
        yield f"{target}?{'&'.join([*pairs[:at], pair + '%00', *pairs[at + 1 :]])}"


def statuses(house: House, route: Route) -> Iterator[int]:
    """What comes of every spoiled call of a route."""
    call, headers = good(house, route)
    for path in spoiled_paths(call.path):
        yield send(house, route, replace(call, path=path), headers).status
    for body in spoiled(call.body):
        _, headers = good(house, route)
        yield send(house, route, replace(call, body=body), headers).status


def texts_with_nul(house: House) -> list[str]:
    """The columns of the database in which a text holds NUL."""
    reader = house.world.engine.vault.reader()
    found = []
    for (table,) in reader.rows(_plain("SELECT name FROM sqlite_schema WHERE type = 'table'")):
        for row in reader.rows(_plain(f"PRAGMA table_info({table})")):
            column = row[1]
            count = reader.rows(
                _plain(
                    f"SELECT count(*) FROM {table} WHERE typeof({column}) = 'text'"  # noqa: S608
                    f" AND instr({column}, char(0)) > 0"
                )
            )[0][0]
            found += [f"{table}.{column}"] if count else []
    return found


def _plain(text: str) -> Statement:
    return Statement("test", "", text, ())


def test_no_text_with_nul_is_kept(alone: House) -> None:
    done = 0
    for route in TABLE:
        for status in statuses(alone, route):
            assert status < 500, (route.method, route.path)
            done += 1
    assert done > 200
    assert texts_with_nul(alone) == []
