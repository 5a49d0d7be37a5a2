"""Redemption: methods turn points into a discount on a basket, in whole minor units.

Source: contract, zid-loyalty, sections 4.5 and 5.6-5.9.
"""

from typing import Final, Literal

import msgspec

from nuqta import refusals
from nuqta.ledger.instants import POINTS_MAX, Instant, Points
from nuqta.loyalty.money import MINOR_MAX, Minor, is_currency
from nuqta.refusals import Refusal

RuleType = Literal["fixed_rate_settings", "percentage_discount_settings"]
FIXED: Final = "fixed_rate_settings"
PERCENTAGE: Final = "percentage_discount_settings"
WHOLE: Final = 10_000
"""A whole basket in basis points, the hundredths of a percent in which percentages are kept."""


class Method(msgspec.Struct, frozen=True):
    """One revision of a redemption method: what `points_to_redeem` (1 ... POINTS_MAX) are worth.

    `discount` is in minor units, 1 ... MINOR_MAX, of a `fixed_rate_settings` method, and in basis
    points, 1 ... WHOLE, of a `percentage_discount_settings` one. `minimum_basket` and
    `maximum_discount` are in minor units, 0 where there is none.
    """

    store_id: int
    method_id: str
    revision: int
    external_id: str
    rule_type: str
    points_to_redeem: Points
    discount: int
    currency: str
    minimum_basket: Minor
    maximum_discount: Minor
    is_active: int
    is_deleted: int
    created_at: Instant
    changed_at: Instant
    changed_by: str


class MethodWish(msgspec.Struct, frozen=True):
    """What a redemption method is to be. Raises ValueError, with a sentence, for what cannot be."""

    rule_type: str
    points_to_redeem: Points
    discount: int
    currency: str
    minimum_basket: Minor = 0
    maximum_discount: Minor = 0

    def __post_init__(self) -> None:
        if self.rule_type not in (FIXED, PERCENTAGE):
            raise ValueError(f"a method is {FIXED} or {PERCENTAGE}, not {self.rule_type[:40]!r}")
        for name, least, most in (
            ("points_to_redeem", 1, POINTS_MAX),
            ("discount", 1, MINOR_MAX if self.rule_type == FIXED else WHOLE),
            ("minimum_basket", 0, MINOR_MAX),
            ("maximum_discount", 0, MINOR_MAX),
        ):
            if not least <= getattr(self, name) <= most:
                raise ValueError(
                    f"{name.replace('_', ' ')} is a whole number from {least} to {most}"
                )
        if self.rule_type == FIXED and self.maximum_discount:
            raise ValueError("a maximum discount belongs to a percentage: a fixed one is its own")
        if not is_currency(self.currency):
            raise ValueError(f"{self.currency[:40]!r} is no currency of ISO 4217, such as SAR")


def quote(method: Method, basket: Minor) -> Minor | Refusal:
    """The discount that the method gives a basket, both in minor units; never more than the basket.

    Refuses METHOD_NOT_FOUND for a method that is off or deleted, and BASKET_TOO_SMALL below its
    minimum and where the discount would be nothing, because the points would be lost. That the
    basket is in the method's currency is for the caller to see (CURRENCY_MISMATCH).
    """
    if method.is_deleted or not method.is_active:
        return refusals.METHOD_NOT_FOUND
    if basket < method.minimum_basket:
        return refusals.BASKET_TOO_SMALL
    if method.rule_type == FIXED:
        discount = method.discount
    else:
        discount = basket * method.discount // WHOLE
        if method.maximum_discount:
            discount = min(discount, method.maximum_discount)
    discount = min(discount, basket)
    return discount if discount > 0 else refusals.BASKET_TOO_SMALL
