"""`nuqta cashback`: the rules by which orders earn."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nuqta.cli.frame import (
    ORIGIN,
    Frame,
    Misused,
    Refused,
    StoreOption,
    command,
    commands,
    find_store,
    money,
    money_or_none,
    one_of,
    settled,
    understood,
    whole,
    whole_or_none,
)
from nuqta.refusals import RULE_NOT_FOUND

if TYPE_CHECKING:
    from nuqta.engine.stores import RuleWish, Store
    from nuqta.loyalty.cashback import Rule

app = commands("The rules by which orders earn.", "cashback")

RuleOption = Annotated[str, typer.Option("--rule", metavar="ID", help="The rule's id.")]
PointsOption = Annotated[str, typer.Option(metavar="P", help="Points for each --amount spent.")]
AmountOption = Annotated[
    str, typer.Option(metavar="A", help="A plain decimal in the store's currency.")
]
OnOption = Annotated[
    bool | None,
    typer.Option("--on/--off", help="Whether orders earn by it.", show_default=False),
]
TagOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="T",
        help="Only for customers with this tag, or one of several; may be given again.",
    ),
]
LevelOption = Annotated[
    str | None, typer.Option(metavar="L", help="Only for customers of the level with this id.")
]
LevelNameOption = Annotated[
    str | None, typer.Option(metavar="TEXT", help="What people call the --level.")
]


@command(app, "list")
def every(frame: Frame, store: StoreOption) -> None:
    """List a store's rules; of those that fit an order, the one that rewards most counts."""
    from nuqta.engine import stores

    with frame.open() as engine, engine.vault.snapshot() as tx:
        found = find_store(tx, store)
        rules = stores.rules_of(tx, found.store_id)
    lines: list[str | dict[str, Any]] = []
    for rule in rules:
        lines += [told(rule, found), _shown(rule, found)]
    frame.answer([_described(rule, found) for rule in rules], lines)


@command(app, "add")
def add(
    frame: Frame,
    store: StoreOption,
    points: PointsOption,
    amount: AmountOption,
    channel: Annotated[
        str, typer.Option(metavar="online|pos", help="Which orders it is for.")
    ] = "online",
    is_on: OnOption = None,
    tag: TagOption = None,
    level: LevelOption = None,
    level_name: LevelNameOption = None,
) -> None:
    """Add a rule, for everybody or for customers with a tag or of a level."""
    from nuqta.engine import stores
    from nuqta.ledger.instants import POINTS_MAX

    one_of(channel, "--channel", "online", "pos")
    rewarded = whole(points, "--points", 1, POINTS_MAX)
    limits = _limits(tag, level, level_name)
    if level_name is not None and not level:
        raise Misused("--level-name goes with --level")
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        wish = _wish(rewarded, money(amount, "--amount", found.currency), is_on, limits)
        now, most = engine.clock.now(), engine.settings.cashback_rules
        made = settled(
            engine.door.write_now(
                "add rule",
                lambda tx: stores.add_rule(tx, found.store_id, channel, wish, most, now, ORIGIN),
            )
        )
    frame.answer(
        _described(made, found),
        [f"The rule is added: {told(made, found)}.", _shown(made, found)],
    )


@command(app, "change")
def change(
    frame: Frame,
    store: StoreOption,
    rule: RuleOption,
    points: Annotated[
        str | None, typer.Option(metavar="P", help="Points for each --amount spent.")
    ] = None,
    amount: Annotated[
        str | None, typer.Option(metavar="A", help="A plain decimal in the store's currency.")
    ] = None,
    is_on: OnOption = None,
    tag: TagOption = None,
    level: LevelOption = None,
    level_name: LevelNameOption = None,
) -> None:
    """Change a rule for orders to come; what is not named stays. --tag "" or --level "" lifts the
    limit. Orders that have earned keep the revision by which they did."""
    from nuqta.engine import stores
    from nuqta.ledger.instants import POINTS_MAX

    rewarded = whole_or_none(points, "--points", 1, POINTS_MAX)
    limits = _limits(tag, level, level_name)
    if all(one is None for one in (rewarded, amount, is_on, *limits)):
        raise Misused("nothing to change: say what with --points, --amount, --off, --tag, …")
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        wish = _wish(rewarded, money_or_none(amount, "--amount", found.currency), is_on, limits)
        now, rule_id = engine.clock.now(), rule.strip().lower()
        made = engine.door.write_now(
            "change rule",
            lambda tx: stores.change_rule(tx, found.store_id, rule_id, wish, now, ORIGIN),
        )
    if made is RULE_NOT_FOUND:
        raise Refused(f"there is no cashback rule {rule[:40]!r} in {found.name}")
    after = settled(made)
    frame.answer(
        _described(after, found),
        [f"The rule now says: {told(after, found)}.", _shown(after, found)],
    )


_Limits = tuple[tuple[str, ...] | None, str | None, str | None]


def _limits(tag: list[str] | None, level: str | None, level_name: str | None) -> _Limits:
    """Whom a rule is for, as options say it. Misused on what is no tag, level or name."""
    from nuqta.loyalty.customers import checked_name, checked_tag, tags_text

    tags = None if tag is None else tuple(one for one in tag if one != "")
    with understood("--tag"):
        tags_text(tags or ())
    with understood("--level"):
        if level:
            checked_tag(level)
    with understood("--level-name"):
        if level_name:
            checked_name(level_name)
    return tags, level, level_name


def _wish(
    points: int | None, amount: int | None, is_active: bool | None, limits: _Limits
) -> "RuleWish":
    from nuqta.engine.stores import RuleWish

    return RuleWish(points, amount, is_active, *limits)


def told(rule: "Rule", store: "Store") -> str:
    """A rule in words: its rate, and whom it is for."""
    from nuqta.loyalty.money import format_amount

    amount = f"{format_amount(rule.amount_to_spend, store.currency)} {store.currency}"
    unit = "point" if rule.points_rewarded == 1 else "points"
    words = f"{rule.points_rewarded:,} {unit} for each {amount} spent"
    words += " online" if rule.channel == "online" else " at a point of sale"
    wanted = sorted(rule.limited_to)
    if wanted:
        words += f", for customers tagged {' or '.join(wanted)}"
    if rule.level:
        words += (
            f"{' and' if wanted else ', for customers'} of level {rule.level_name or rule.level}"
        )
    return words if rule.is_active else f"{words} (off)"


def _described(rule: "Rule", store: "Store") -> dict[str, Any]:
    from nuqta.loyalty.dates import format_instant
    from nuqta.loyalty.money import format_amount

    return {
        "id": rule.rule_id,
        "revision": rule.revision,
        "channel": rule.channel,
        "on": bool(rule.is_active),
        "points": rule.points_rewarded,
        "amount": format_amount(rule.amount_to_spend, store.currency),
        "currency": store.currency,
        "tags": sorted(rule.limited_to),
        "level": rule.level or None,
        "level_name": rule.level_name or None,
        "changed_at": format_instant(rule.changed_at),
    }


def _shown(rule: "Rule", store: "Store") -> dict[str, Any]:
    value = _described(rule, store)
    return {**value, "tags": ", ".join(value["tags"])}
