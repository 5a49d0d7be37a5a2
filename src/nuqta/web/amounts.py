"""Amounts on the wire: JSON numbers in a currency's own units, exact in both directions."""

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Final, TypeAlias

import msgspec

from nuqta.loyalty.money import MINOR_MAX, Minor, decimals_of, format_amount, units_of
from nuqta.texts import english

Amount: TypeAlias = Annotated[
    Decimal, msgspec.Meta(extra_json_schema={"type": "number", "format": "decimal"})
]
"""A number of whole units, such as 2.5; whole ones have no fraction."""

BAD_AMOUNT: Final = english(
    "Send an amount above 0 and up to {most}, with at most this many decimals: {decimals}."
)
"""What is said of an amount that `exact_minor` does not take, with the values of `bounds`."""


def shown_amount(minor: Minor, currency: str) -> Amount:
    """Minor units as a number of whole ones."""
    return _plain(format_amount(minor, currency))


def shown_percent(basis_points: int) -> Amount:
    """Hundredths of a percent as a percentage."""
    return _plain(f"{basis_points // 100}.{basis_points % 100:02}")


def exact_minor(amount: Fraction, currency: str) -> Minor:
    """An amount in minor units, 1 ... MINOR_MAX.

    Raises ValueError for less, for more, and for one that the currency has no coins for.
    """
    minor = amount * units_of(currency)
    if minor.denominator != 1 or not 1 <= minor <= MINOR_MAX:
        raise ValueError(f"an amount has at most {decimals_of(currency)} decimals")
    return int(minor)


def bounds(currency: str) -> dict[str, object]:
    """The largest amount that is taken and the decimals that it may have, for a sentence."""
    return {"most": MINOR_MAX // units_of(currency), "decimals": decimals_of(currency)}


def exact_basis_points(percent: Fraction) -> int:
    """A percentage in hundredths of a percent. Raises ValueError for finer ones."""
    found = percent * 100
    if found.denominator != 1:
        raise ValueError("a percentage has at most two decimals")
    return int(found)


def _plain(text: str) -> Amount:
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)
