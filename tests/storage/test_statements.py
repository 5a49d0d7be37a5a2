"""Named SQL: every statement compiles, binds what it names, and says whose rows it means."""

import re

import apsw
import pytest

from nuqta.storage.migrate import steps
from nuqta.storage.sqlite import Vault
from nuqta.storage.statements import NOUNS, Statement, noun, statement

EVERY = [one for name in NOUNS for one in noun(name).values()]
WITH_DKEY = frozenset(
    match[1]
    for _, _, sql in steps()
    for match in re.finditer(r"CREATE TABLE (\w+) \(\s*dkey INTEGER", sql)
)


def tables_in(text: str) -> set[str]:
    """The tables that the text reads or writes."""
    return set(re.findall(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+([a-z_]+)", text))


def loose(one: Statement) -> list[str]:
    """The tables with a dkey of which the statement does not say whose rows it means."""
    if one.sentence.startswith("store-wide: ") and len(one.sentence) > len("store-wide: ") + 20:
        return []
    touched = tables_in(one.text) & WITH_DKEY
    insert = re.match(r"INSERT INTO \w+ \(dkey\b.*?VALUES \(\?1\b", one.text, re.DOTALL)
    if insert:
        return []
    return [
        table
        for table in sorted(touched)
        if re.search(rf"\b{table}\b[^;]*?\bdkey = (\?\d+|[a-z]\.dkey)", one.text, re.DOTALL) is None
    ]


def test_the_tables_with_a_dkey_are_known() -> None:
    assert {"accounts", "lots", "transfers", "receipts", "customers", "sessions"} <= WITH_DKEY
    assert not WITH_DKEY & {"stores", "partners", "meta"}


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
def test_it_compiles_and_binds(vault: Vault, one: Statement) -> None:
    values: dict[str, object] = dict.fromkeys(one.parameters, 1)
    vault.reader().rows_of(f"EXPLAIN {one.text}", one.bind(values))
    assert one.sentence, "says nothing about itself"
    assert ":" not in re.sub(r"'[^']*'", "", one.text), "a parameter was left as it is written"
    if one.parameters:
        values.pop(one.parameters[0])
        with pytest.raises(KeyError):
            one.bind(values)


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
def test_it_names_one_dkey_or_says_why_not(one: Statement) -> None:
    assert loose(one) == []


def sample(text: str, sentence: str = "A sample.") -> Statement:
    return Statement("sample", sentence, text, ("dkey",))


@pytest.mark.parametrize(
    ("one", "tables"),
    [
        (sample("SELECT 1 FROM accounts WHERE customer_id = ?1"), ["accounts"]),
        (sample("UPDATE lots SET held = 0 WHERE customer_id = ?1"), ["lots"]),
        (sample("DELETE FROM sessions WHERE digest = ?1", "store-wide: no."), ["sessions"]),
        (
            sample("SELECT 1 FROM sessions n JOIN accounts a ON a.lots = 1 WHERE n.digest = ?1"),
            ["accounts", "sessions"],
        ),
        (sample("INSERT INTO notes (customer_id) VALUES (?1)"), ["notes"]),
    ],
)  # fmt: skip
def test_control_a_statement_without_dkey_is_noticed(one: Statement, tables: list[str]) -> None:
    assert loose(one) == tables


def test_control_what_does_not_compile_is_noticed(vault: Vault) -> None:
    with pytest.raises(apsw.SQLError):
        vault.reader().rows_of("EXPLAIN SELECT nothing FROM accounts", ())


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        statement("points.nothing")


@pytest.mark.parametrize("name", ["customers.page", "orders.of_store"])
def test_a_list_of_a_whole_store_is_a_walk_over_an_index(vault: Vault, name: str) -> None:
    """Neither a scan of all stores nor a sorting of more than the page."""
    one = statement(name)
    plan = vault.reader().rows_of(
        f"EXPLAIN QUERY PLAN {one.text}", one.bind(dict.fromkeys(one.parameters, 1))
    )
    steps_of = {
        parent: [text for _, of, _, text in plan if of == parent] for _, parent, _, _ in plan
    }
    (page,) = (row[0] for row in plan if row[3].startswith(("CO-ROUTINE", "MATERIALIZE")))
    assert len(steps_of[page]) == 1, plan
    assert "USING COVERING INDEX" in steps_of[page][0], plan
    assert "_newest (<expr>=?)" in steps_of[page][0], plan


def test_every_index_of_the_hot_path_is_used(vault: Vault) -> None:
    """The balance read looks rows up by key alone: no scan of anything that grows."""
    for name in ("points.balance", "points.account", "points.open_lots", "points.receipt"):
        one = statement(name)
        plan = vault.reader().rows_of(
            f"EXPLAIN QUERY PLAN {one.text}", one.bind(dict.fromkeys(one.parameters, 1))
        )
        assert [
            row[3] for row in plan if re.match(r"SCAN (?!CONSTANT|\(subquery)", row[3])
        ] == [], name
