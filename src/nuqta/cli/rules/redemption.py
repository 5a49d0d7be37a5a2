"""`nuqta redemption`: the methods that turn points into a discount."""

import re
from collections.abc import Callable
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
    one_of,
    settled,
    understood,
    whole_or_none,
)
from nuqta.refusals import METHOD_NOT_FOUND, Refusal

if TYPE_CHECKING:
    from nuqta.engine.stores import Store
    from nuqta.ledger.instants import Instant
    from nuqta.loyalty.redemption import Method, MethodWish
    from nuqta.storage.sqlite import Transaction

_PERCENTAGE = re.compile(r"(\d{1,3})(?:\.(\d{1,2})0*)?", re.ASCII)

app = commands("The methods that turn points into a discount.", "redemption")


def _option(metavar: str, sentence: str) -> Any:
    return typer.Option(metavar=metavar, help=sentence)


MethodOption = Annotated[str, typer.Option("--method", metavar="ID", help="The method's id.")]
TypeOption = Annotated[
    str | None,
    typer.Option("--type", metavar="fixed|percentage", help="An amount, or a share of the basket."),
]
PointsOption = Annotated[str | None, _option("P", "Points that it takes: 1 or more.")]
DiscountOption = Annotated[
    str | None,
    _option("D", "An amount in the store's currency, or a percentage with up to 2 decimals."),
]
BasketOption = Annotated[
    str | None, _option("A", "The least basket that it is for, in the store's currency; 0: any.")
]
MaximumOption = Annotated[
    str | None, _option("A", "The most that a percentage gives, in the currency; 0: no limit.")
]


class _Asked:
    """What options say of a method; None where one was left out."""

    def __init__(
        self,
        kind: str | None,
        points: str | None,
        discount: str | None,
        minimum_basket: str | None,
        maximum_discount: str | None,
    ) -> None:
        from nuqta.ledger.instants import POINTS_MAX

        self.kind = one_of(kind, "--type", "fixed", "percentage")
        self.points = whole_or_none(points, "--points", 1, POINTS_MAX)
        self.discount = discount
        self.minimum_basket = minimum_basket
        self.maximum_discount = maximum_discount

    @property
    def is_nothing(self) -> bool:
        """Whether no option was given."""
        return all(one is None for one in vars(self).values())

    def wish(self, store: "Store", before: "Method | None") -> "MethodWish":
        """What the method is to be; what was left out is as before. Misused on what cannot be."""
        from nuqta.loyalty.redemption import FIXED, PERCENTAGE, MethodWish

        rule_type = before.rule_type if before else FIXED
        if self.kind is not None:
            rule_type = FIXED if self.kind == "fixed" else PERCENTAGE
        is_another = before is not None and rule_type != before.rule_type
        if is_another and self.discount is None:
            raise Misused("--type: another type needs its --discount")
        discount = before.discount if before else 0
        if self.discount is not None:
            discount = _discount(self.discount, rule_type, store.currency)
        most = before.maximum_discount if before and not is_another else 0
        with understood():
            return MethodWish(
                rule_type,
                self.points or (before.points_to_redeem if before else 0),
                discount,
                store.currency,
                self._amount("minimum_basket", store, before.minimum_basket if before else 0),
                self._amount("maximum_discount", store, most),
            )

    def _amount(self, name: str, store: "Store", before: int) -> int:
        text: str | None = getattr(self, name)
        option = f"--{name.replace('_', '-')}"
        return before if text is None else money(text, option, store.currency, least=0)


def _discount(text: str, rule_type: str, currency: str) -> int:
    """Minor units of a fixed discount; basis points of a percentage, above 0 and up to 100."""
    from nuqta.loyalty.redemption import FIXED, WHOLE

    if rule_type == FIXED:
        return money(text, "--discount", currency)
    match = _PERCENTAGE.fullmatch(text)
    points = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0")) if match else 0
    if not 1 <= points <= WHOLE:
        raise Misused("--discount: a percentage is above 0, up to 100, with up to 2 decimals")
    return points


@command(app, "list")
def every(frame: Frame, store: StoreOption) -> None:
    """List a store's methods, the cheapest first; deleted ones are left out."""
    from nuqta.engine import redemption

    with frame.open() as engine, engine.vault.snapshot() as tx:
        found = find_store(tx, store)
        methods = redemption.methods_of(tx, found.store_id)
    lines: list[str | dict[str, Any]] = []
    for method in methods:
        lines += [told(method), described(method)]
    frame.answer(
        [described(method) for method in methods],
        lines or ["There is no method yet: `nuqta redemption add` makes one."],
    )


@command(app, "add")
def add(
    frame: Frame,
    store: StoreOption,
    points: Annotated[str, _option("P", "Points that it takes: 1 or more.")],
    discount: Annotated[
        str,
        _option("D", "An amount in the store's currency, or a percentage with up to 2 decimals."),
    ],
    kind: TypeOption = "fixed",
    minimum_basket: BasketOption = None,
    maximum_discount: MaximumOption = None,
) -> None:
    """Add a method, on at once: so many points for an amount, or for a share of the basket."""
    from nuqta.engine import redemption

    asked = _Asked(kind, points, discount, minimum_basket, maximum_discount)
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        wish = asked.wish(found, None)
        now, most = engine.clock.now(), engine.settings.methods_per_store
        made = settled(
            engine.door.write_now(
                "add method",
                lambda tx: redemption.add_method(tx, found, wish, most, now, ORIGIN),
            )
        )
    frame.answer(described(made), [f"The method is added: {told(made)}.", described(made)])


@command(app, "change")
def change(
    frame: Frame,
    store: StoreOption,
    method: MethodOption,
    kind: TypeOption = None,
    points: PointsOption = None,
    discount: DiscountOption = None,
    minimum_basket: BasketOption = None,
    maximum_discount: MaximumOption = None,
) -> None:
    """Change a method; what is not named stays, and carts keep what they were given."""
    from nuqta.engine import redemption

    asked = _Asked(kind, points, discount, minimum_basket, maximum_discount)
    if asked.is_nothing:
        raise Misused("nothing to change: say what with --points, --discount, --minimum-basket, …")

    def work(
        tx: "Transaction", found: "Store", method_id: str, now: "Instant"
    ) -> "Method | Refusal":
        before = redemption.method_of(tx, found.store_id, method_id)
        if isinstance(before, Refusal):
            return before
        wish = asked.wish(found, before)
        return redemption.change_method(tx, found, method_id, wish, now, ORIGIN)

    _revise(frame, store, method, "The method now says: {}.", work)


@command(app, "on")
def on(frame: Frame, store: StoreOption, method: MethodOption) -> None:
    """Offer a method again."""
    _switch(frame, store, method, True)


@command(app, "off")
def off(frame: Frame, store: StoreOption, method: MethodOption) -> None:
    """Offer a method no longer; carts keep what they were given."""
    _switch(frame, store, method, False)


def _switch(frame: Frame, store: str, method: str, is_active: bool) -> None:
    from nuqta.engine import redemption

    _revise(
        frame, store, method, "The method is set: {}.",
        lambda tx, found, method_id, now: redemption.switch_method(
            tx, found.store_id, method_id, is_active, now, ORIGIN
        ),
    )  # fmt: skip


@command(app, "delete")
def delete(frame: Frame, store: StoreOption, method: MethodOption) -> None:
    """Delete a method; carts keep what they were given, and the books what it did."""
    from nuqta.engine import redemption

    _revise(
        frame, store, method, "The method is deleted: {}.",
        lambda tx, found, method_id, now: redemption.delete_method(
            tx, found.store_id, method_id, now, ORIGIN
        ),
    )  # fmt: skip


@command(app, "quote")
def quote(
    frame: Frame,
    store: StoreOption,
    method: MethodOption,
    basket: Annotated[str, _option("A", "What the products cost, in the store's currency.")],
) -> None:
    """Tell what a basket gets off for a method's points; nothing is set aside."""
    from nuqta.engine import redemption
    from nuqta.loyalty.money import format_amount
    from nuqta.loyalty.redemption import quote as quoted

    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        cost = money(basket, "--basket", found.currency, least=0)
        chosen = redemption.method_of(engine.vault.reader(), found.store_id, method.strip().lower())
    if isinstance(chosen, Refusal):
        raise Refused(f"there is no redemption method {method[:40]!r} in {found.name}")
    discount = format_amount(settled(quoted(chosen, cost)), found.currency)
    value = {"points": chosen.points_to_redeem, "discount": discount, "currency": found.currency}
    frame.answer(
        value,
        [
            f"{chosen.points_to_redeem:,} points give {discount} {found.currency} off"
            f" {format_amount(cost, found.currency)} {found.currency}."
        ],
    )


def _revise(
    frame: Frame,
    store: str,
    method: str,
    sentence: str,
    work: "Callable[[Transaction, Store, str, Instant], Method | Refusal]",
) -> None:
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        now, method_id = engine.clock.now(), method.strip().lower()
        made = engine.door.write_now("method", lambda tx: work(tx, found, method_id, now))
    if made is METHOD_NOT_FOUND:
        raise Refused(f"there is no redemption method {method[:40]!r} in {found.name}")
    after = settled(made)
    frame.answer(described(after), [sentence.format(told(after)), described(after)])


def told(method: "Method") -> str:
    """A method in words: what it takes and gives, and for which baskets."""
    from nuqta.loyalty.money import format_amount

    def amount(minor: int) -> str:
        return f"{format_amount(minor, method.currency)} {method.currency}"

    unit = "point" if method.points_to_redeem == 1 else "points"
    words = f"{method.points_to_redeem:,} {unit} for {_worth(method)} off"
    if method.maximum_discount:
        words += f", at most {amount(method.maximum_discount)}"
    if method.minimum_basket:
        words += f", from a basket of {amount(method.minimum_basket)} on"
    return words if method.is_active else f"{words} (off)"


def _worth(method: "Method") -> str:
    from nuqta.loyalty.money import format_amount
    from nuqta.loyalty.redemption import FIXED

    if method.rule_type == FIXED:
        return f"{format_amount(method.discount, method.currency)} {method.currency}"
    return f"{_percentage(method.discount)} %"


def _percentage(basis_points: int) -> str:
    """A percentage as people write it: 12.5, and not 12.50."""
    whole_part, rest = divmod(basis_points, 100)
    return f"{whole_part}.{rest:02}".rstrip("0").rstrip(".") if rest else str(whole_part)


def described(method: "Method") -> dict[str, Any]:
    """A method as a script reads it; amounts and percentages are decimals in texts."""
    from nuqta.loyalty.dates import format_instant
    from nuqta.loyalty.money import format_amount
    from nuqta.loyalty.redemption import FIXED

    is_fixed = method.rule_type == FIXED
    return {
        "id": method.method_id,
        "revision": method.revision,
        "type": "fixed" if is_fixed else "percentage",
        "on": bool(method.is_active) and not method.is_deleted,
        "points": method.points_to_redeem,
        "discount": format_amount(method.discount, method.currency)
        if is_fixed
        else _percentage(method.discount),
        "currency": method.currency,
        "minimum_basket": _or_none(method.minimum_basket, method.currency),
        "maximum_discount": _or_none(method.maximum_discount, method.currency),
        "changed_at": format_instant(method.changed_at),
    }


def _or_none(minor: int, currency: str) -> str | None:
    from nuqta.loyalty.money import format_amount

    return format_amount(minor, currency) if minor else None
