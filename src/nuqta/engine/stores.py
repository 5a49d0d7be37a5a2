"""Stores and their programs: making them, changing them, reading what is in force."""

import re
import uuid
from typing import Any

import msgspec

from nuqta import refusals
from nuqta.engine.ids import new_id
from nuqta.ledger.instants import POINTS_MAX, Instant, Points
from nuqta.loyalty import program as programs
from nuqta.loyalty.cashback import Rule, best
from nuqta.loyalty.customers import checked_name, checked_tag, tags_text
from nuqta.loyalty.dates import zone_of
from nuqta.loyalty.money import MINOR_MAX, Minor, decimals_of, is_currency
from nuqta.loyalty.program import (
    DAYS_MAX,
    EARN_AT,
    GRACE_DAYS_MAX,
    HOLD_MINUTES_MAX,
    Program,
)
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_ADD = statement("program.add_store")
_STORE = statement("program.store")
_STORES = statement("program.stores")
_FIRST_TWO = statement("program.first_two")
_DOMAINS = statement("program.domains")
_ADD_DOMAIN = statement("program.add_domain")
_DOMAIN_OF = statement("program.domain")
_CURRENT = statement("program.current")
_ADD_REVISION = statement("program.add_revision")
_PROGRAM_AT = statement("program.at_revision")
_RULES = statement("cashback.current")
_RULE_AT = statement("cashback.at_revision")
_ADD_RULE = statement("cashback.add_revision")
_DOMAIN = re.compile(r"(?=.{1,253}\Z)(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)*(?!-)[a-z0-9-]{1,63}(?<!-)")


class Store(msgspec.Struct, frozen=True):
    """A merchant's shop. `uuid` and `store_id` name it equally; both are fixed for ever."""

    store_id: int
    uuid: str
    name: str
    currency: str
    timezone: str
    created_at: Instant


class StoreWish(msgspec.Struct, frozen=True):
    """What a new store is to be. Raises ValueError, with a sentence, for what cannot be."""

    name: str
    currency: str
    timezone: str
    domains: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checked_name(self.name)
        zone_of(self.timezone)
        if not is_currency(self.currency):
            raise ValueError(f"{self.currency!r} is no currency of ISO 4217, such as SAR")
        for domain in self.domains:
            if _DOMAIN.fullmatch(domain) is None:
                raise ValueError(f"{domain!r} is not a domain such as shop.example.com")


def named(text: str) -> tuple[int | None, str | None]:
    """What a store's name in a path or an option stands for: (id, None) or (None, UUID).

    A text that is neither gives the id -1, which no store has.
    """
    if text.isascii() and text.isdecimal() and len(text) <= 16 and text[0] != "0":
        return int(text), None
    try:
        canonical = str(uuid.UUID(text))
    except ValueError:
        return -1, None
    return (None, canonical) if canonical == text.lower() else (-1, None)


def find(tx: Transaction, text: str) -> Store | None:
    """The store of that id or UUID."""
    store_id, store_uuid = named(text)
    return tx.one(_STORE, Store, store_id=store_id, store_uuid=store_uuid)


def known(tx: Transaction, store_id: int) -> Store:
    """The store of a caller who has proved to be of it."""
    found = tx.one(_STORE, Store, store_id=store_id, store_uuid=None)
    if found is None:
        raise LookupError(f"store {store_id} proved itself and is gone")
    return found


def domains_of(tx: Transaction, store_id: int) -> list[str]:
    """A store's domains, by the alphabet."""
    return [domain for owner, domain in tx.rows(_DOMAINS) if owner == store_id]


def is_at(tx: Transaction, store_id: int, domain: str) -> bool:
    """Whether a store is reached at a domain."""
    row = tx.row(_DOMAIN_OF, domain=domain)
    return row is not None and row[0] == store_id


def at_domain(tx: Transaction, host: str) -> Store | None:
    """The store of a domain; where there is a single store, that one, whatever the domain."""
    row = tx.row(_DOMAIN_OF, domain=host)
    if row is not None:
        return known(tx, row[0])
    only = tx.all(_FIRST_TWO, Store)
    return only[0] if len(only) == 1 else None


def every(tx: Transaction) -> list[tuple[Store, list[str]]]:
    """Every store, the oldest first, with its domains."""
    domains: dict[int, list[str]] = {}
    for store_id, domain in tx.rows(_DOMAINS):
        domains.setdefault(store_id, []).append(domain)
    stores = sorted(tx.all(_STORES, Store), key=lambda store: (store.created_at, store.store_id))
    return [(store, domains.get(store.store_id, [])) for store in stores]


def create(tx: Transaction, wish: StoreWish, now: Instant, by: str) -> Store | Refusal:
    """A new store with its first program and its two rules. Refuses a domain that is taken."""
    if any(tx.row(_DOMAIN_OF, domain=domain) for domain in wish.domains):
        return refusals.DOMAIN_TAKEN
    store = Store(new_id(), str(uuid.uuid4()), wish.name.strip(), wish.currency, wish.timezone, now)
    tx.run(_ADD, **msgspec.structs.asdict(store))
    for domain in wish.domains:
        tx.run(_ADD_DOMAIN, domain=domain, store_id=store.store_id)
    tx.run(_ADD_REVISION, **msgspec.structs.asdict(programs.first(store.store_id, now, by)))
    unit = 10 ** decimals_of(wish.currency)
    for channel, external_id, is_active in (("online", str(new_id()), 1), ("pos", "pos", 0)):
        rule = Rule(
            store.store_id, str(uuid.uuid4()), 1, channel, external_id, 1, unit, is_active,
            now, now, by,
        )  # fmt: skip
        tx.run(_ADD_RULE, **msgspec.structs.asdict(rule))
    return store


def program_of(tx: Transaction, store_id: int) -> Program:
    """The program in force."""
    found = tx.one(_CURRENT, Program, store_id=store_id)
    if found is None:
        raise LookupError(f"store {store_id} has no program")
    return found


def program_at(tx: Transaction, store_id: int, revision: int) -> Program:
    """The program as it was at a revision."""
    found = tx.one(_PROGRAM_AT, Program, store_id=store_id, revision=revision)
    if found is None:
        raise LookupError(f"store {store_id} has no program {revision}")
    return found


def rule_at(tx: Transaction, store_id: int, rule_id: str, revision: int) -> Rule:
    """A cashback rule as it was at a revision."""
    found = tx.one(_RULE_AT, Rule, store_id=store_id, rule_id=rule_id, revision=revision)
    if found is None:
        raise LookupError(f"store {store_id} has no rule {rule_id} {revision}")
    return found


def rules_of(tx: Transaction, store_id: int) -> list[Rule]:
    """The cashback rules in force."""
    return tx.all(_RULES, Rule, store_id=store_id)


def rule_for(tx: Transaction, store_id: int, channel: str) -> Rule | None:
    """The active rule of a channel that is for everybody: the oldest, where there are several."""
    everybody = [rule for rule in rules_of(tx, store_id) if not rule.limited_to and not rule.level]
    return next((rule for rule in everybody if rule.channel == channel and rule.is_active), None)


def best_rule_for_all(tx: Transaction, store_id: int) -> Rule | None:
    """The active online rule that rewards most, of those that are for everybody."""
    return best(rules_of(tx, store_id), "online", frozenset(), "")


class ProgramWish(msgspec.Struct, frozen=True):
    """What is to change in a program; None leaves as it is.

    `earn_points` 1 ... POINTS_MAX and `earn_amount` 1 ... MINOR_MAX (minor units) set the online
    rule that the store began with. The rest is as in `Program`. Raises ValueError, with a sentence,
    for what cannot be.
    """

    is_on: bool | None = None
    earn_points: int | None = None
    earn_amount: int | None = None
    maturity_days: int | None = None
    maturity_from: str | None = None
    expiry_days: int | None = None
    owed: str | None = None
    earn_at: str | None = None
    with_shipping: bool | None = None
    without_tax: bool | None = None
    hold_minutes: int | None = None
    grace_days: int | None = None

    def __post_init__(self) -> None:
        for name, least, most in (
            ("earn_points", 1, POINTS_MAX),
            ("earn_amount", 1, MINOR_MAX),
            ("maturity_days", 0, DAYS_MAX),
            ("expiry_days", 0, DAYS_MAX),
            ("hold_minutes", 1, HOLD_MINUTES_MAX),
            ("grace_days", 0, GRACE_DAYS_MAX),
        ):
            _check_whole(name, getattr(self, name), least, most)
        if self.maturity_from not in (None, "placed", "delivered"):
            raise ValueError(f"points mature from placed or delivered, not {self.maturity_from!r}")
        if self.owed not in (None, "owe", "forgive"):
            raise ValueError(f"what is owed is owe or forgive, not {self.owed!r}")
        if self.earn_at not in (None, *EARN_AT):
            raise ValueError(f"orders earn at {', '.join(EARN_AT)}, not {self.earn_at!r}")


def _check_whole(name: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise ValueError(f"{name.replace('_', ' ')} is a whole number from {least} to {most}")


def change_program(
    tx: Transaction, store_id: int, wish: ProgramWish, now: Instant, by: str
) -> Refusal | None:
    """Book the wish as a new revision of the program and of the online rule, where they change.

    Refuses points that would expire before they could be spent.
    """
    before = program_of(tx, store_id)
    changes: dict[str, Any] = {
        name: getattr(wish, name)
        for name in (
            "maturity_days", "maturity_from", "expiry_days", "owed", "earn_at", "hold_minutes",
            "grace_days",
        )
        if getattr(wish, name) is not None
    }  # fmt: skip
    for name in ("is_on", "with_shipping", "without_tax"):
        if getattr(wish, name) is not None:
            changes[name] = int(getattr(wish, name))
    after = msgspec.structs.replace(before, **changes)
    if after.expiry_days and after.maturity_days >= after.expiry_days:
        return refusals.NEVER_USABLE
    if after != before:
        after = msgspec.structs.replace(
            after, revision=before.revision + 1, changed_at=now, changed_by=by
        )
        tx.run(_ADD_REVISION, **msgspec.structs.asdict(after))
    if wish.earn_points is None and wish.earn_amount is None:
        return None
    rule = next(rule for rule in rules_of(tx, store_id) if rule.channel == "online")
    change_rule(
        tx, store_id, rule.rule_id, RuleWish(wish.earn_points, wish.earn_amount, True), now, by
    )
    return None


class RuleWish(msgspec.Struct, frozen=True):
    """What a cashback rule is to be; None leaves as it is, or as a new rule begins.

    `points_rewarded` 1 ... POINTS_MAX for each `amount_to_spend` 1 ... MINOR_MAX (minor units).
    `tags` (at most 100) and `level` limit the rule to customers who have one of these tags, and
    that level; () and "" are for everybody. `level_name` is what people call the level. Raises
    ValueError, with a sentence, for what cannot be.
    """

    points_rewarded: Points | None = None
    amount_to_spend: Minor | None = None
    is_active: bool | None = None
    tags: tuple[str, ...] | None = None
    level: str | None = None
    level_name: str | None = None

    def __post_init__(self) -> None:
        _check_whole("points_rewarded", self.points_rewarded, 1, POINTS_MAX)
        _check_whole("amount_to_spend", self.amount_to_spend, 1, MINOR_MAX)
        tags_text(self.tags or ())
        if self.level:
            checked_tag(self.level)
        if self.level_name:
            checked_name(self.level_name)

    def changes(self) -> dict[str, Any]:
        """The fields of a rule that it sets, as they are kept."""
        changes: dict[str, Any] = {
            name: value.strip() if isinstance(value, str) else value
            for name, value in msgspec.structs.asdict(self).items()
            if value is not None
        }
        if self.tags is not None:
            changes["tags"] = tags_text(self.tags)
        if self.is_active is not None:
            changes["is_active"] = int(self.is_active)
        if self.level == "":
            changes["level_name"] = ""  # the name goes with what it names
        return changes


def add_rule(
    tx: Transaction,
    store_id: int,
    channel: str,
    wish: RuleWish,
    rules_max: int,
    now: Instant,
    by: str,
) -> Rule | Refusal:
    """A new cashback rule, active at once unless the wish says otherwise. Refuses too many.

    Raises ValueError for a channel that is neither online nor pos, and a wish without a rate.
    """
    if channel not in ("online", "pos"):
        raise ValueError(f"a rule is for online or pos, not {channel[:40]!r}")
    if wish.points_rewarded is None or wish.amount_to_spend is None:
        raise ValueError("a rule needs the points it rewards and the amount to spend for them")
    if len(rules_of(tx, store_id)) >= rules_max:
        return refusals.TOO_MANY_RULES
    rule = Rule(
        store_id, str(uuid.uuid4()), 1, channel, str(new_id()), wish.points_rewarded,
        wish.amount_to_spend, 1, now, now, by,
    )  # fmt: skip
    rule = msgspec.structs.replace(rule, **wish.changes())
    tx.run(_ADD_RULE, **msgspec.structs.asdict(rule))
    return rule


def change_rule(
    tx: Transaction, store_id: int, rule_id: str, wish: RuleWish, now: Instant, by: str
) -> Rule | Refusal:
    """A rule is something else from now on, as a new revision where anything changes.

    Awards keep the revision by which they were made. Refuses an unknown rule, and another store's.
    """
    before = next((rule for rule in rules_of(tx, store_id) if rule.rule_id == rule_id), None)
    if before is None:
        return refusals.RULE_NOT_FOUND
    after = msgspec.structs.replace(before, **wish.changes())
    if after == before:
        return before
    after = msgspec.structs.replace(
        after, revision=before.revision + 1, changed_at=now, changed_by=by
    )
    tx.run(_ADD_RULE, **msgspec.structs.asdict(after))
    return after
