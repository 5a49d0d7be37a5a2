"""Migrations: one chain of plain SQL steps, each applied once, in a transaction of its own.

The number of the last step is kept in the file's `user_version`. A kill in the middle of a step
leaves the schema before it.
"""

import re
from functools import cache
from importlib.resources import files
from typing import Final
from zlib import crc32

import apsw

from nuqta.storage.faults import CannotStart

APPLICATION_ID: Final = 0x6E757174
"""`nuqt`: marks a file as nuqta's, so that no other program's database is ever migrated."""
_NAMED: Final = re.compile(r"CREATE (?:UNIQUE )?(?:TABLE|INDEX) (\w+)")
_KEEP_CRC: Final = (
    "INSERT INTO meta (name, value) VALUES ('schema_crc', ?1)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


def steps() -> list[tuple[int, str, str]]:
    """Every step: its number, its name, its SQL; numbered from 1 without a gap."""
    found = []
    for file in files("nuqta.storage").joinpath("migrations").iterdir():
        match = re.fullmatch(r"(\d{4})_([a-z_]+)\.sql", file.name)
        if match is not None:
            found.append((int(match[1]), match[2], file.read_text(encoding="utf-8")))
    return sorted(found)


@cache
def newest() -> int:
    """The schema that this program knows: the number of its last step."""
    return len(steps())


def migrate(connection: apsw.Connection, chain: list[tuple[int, str, str]] | None = None) -> int:
    """Apply the steps that the database lacks; how many there were.

    Raises CannotStart for a database that is newer than this program, or not nuqta's.
    """
    chain = steps() if chain is None else chain
    done = 0
    while _version(connection, len(chain)) < len(chain):
        connection.execute("BEGIN IMMEDIATE")  # so that two processes never apply one step twice
        try:
            version = _version(connection, len(chain))
            if version == len(chain):
                break  # another process was faster
            number, _, sql = chain[version]
            connection.execute(sql)
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", number)
            connection.execute(_KEEP_CRC, (schema_crc(connection, chain),))
            connection.execute("COMMIT")
            done += 1
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    return done


def schema_crc(connection: apsw.Connection, chain: list[tuple[int, str, str]]) -> int:
    """A checksum of the tables and indexes that the steps name. Others may have tables here too."""
    ours = _named(chain)
    # Read as bytes: a flipped bit may have made a text none.
    found = connection.execute(
        "SELECT CAST(name AS BLOB), CAST(type || tbl_name || sql AS BLOB) FROM sqlite_schema"
        " WHERE sql <> '' ORDER BY type, name"
    )
    return crc32(repr([row for row in found if row[0].decode(errors="replace") in ours]).encode())


def is_whole(connection: apsw.Connection) -> bool:
    """Whether tables and indexes are what the last step made of them: a bit that flips in a
    column's name passes SQLite's checks. A schema that an older program made is believed; but no
    step makes a trigger, and one on our tables would do what nobody decided."""
    ours = {name.lower() for name in _named(steps())}
    for (table,) in connection.execute(
        "SELECT CAST(tbl_name AS BLOB) FROM sqlite_schema WHERE type = 'trigger'"
    ):
        if bytes(table).decode(errors="replace").lower() in ours:
            return False
    kept = connection.execute("SELECT value FROM meta WHERE name = 'schema_crc'").fetchall()
    return kept in ([], [(schema_crc(connection, steps()),)])


def _named(chain: list[tuple[int, str, str]]) -> set[str]:
    """The tables and indexes that the steps name."""
    return {name for _, _, sql in chain for name in _NAMED.findall(sql)}


def _version(connection: apsw.Connection, newest: int) -> int:
    version = int(connection.pragma("user_version") or 0)
    owner = connection.pragma("application_id")
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()[0][0]
    if tables and owner != APPLICATION_ID:
        raise CannotStart("the file is another program's database")
    if version > newest:
        raise CannotStart(
            f"the database has schema {version}, newer than the {newest} that this program knows"
        )
    return version
