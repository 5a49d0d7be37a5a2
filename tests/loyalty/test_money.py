"""Exact amounts as JSON bodies carry them, and rounding half up to the minor unit."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuqta.loyalty.money import MINOR_MAX, exact_amount, minor_of


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        ("87.41500086523000", "SAR", 8_742),
        ("87.41499999999999", "SAR", 8_741),
        (Decimal("2.675"), "SAR", 268),
        (Decimal("2.6749999999999998"), "SAR", 267),
        (12, "JPY", 12),
        ("12.5", "JPY", 13),
        ("1.0005", "KWD", 1_001),
        ("0.00049", "KWD", 0),
        (Decimal("1E+3"), "SAR", 100_000),
        (Decimal("5E-3"), "SAR", 1),
        ("4.9e-3", "SAR", 0),
        ("-0.00", "SAR", 0),
    ],
)
def test_half_a_minor_unit_is_rounded_up(value: object, currency: str, minor: int) -> None:
    assert minor_of(exact_amount(value), currency) == minor


NO_AMOUNTS: list[object] = [
    None, True, "", " 1", "1,5", "١", "NaN", "Infinity", "+1", "1e999", ".5", "1" * 19,
    10**18, -(10**18), 10**5_000, Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"),
    Decimal("1E+18"), Decimal("1E+999999"), Decimal("1E-999999"), Decimal("0E+999999"), [1], {},
    1 / 4,
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(NO_AMOUNTS)))
def test_what_is_no_amount(number: int) -> None:
    with pytest.raises(ValueError, match="decimal amount"):
        exact_amount(NO_AMOUNTS[number])


@pytest.mark.parametrize("amount", [Fraction(-1, 1_000), Fraction(MINOR_MAX + 1, 100)])
def test_what_is_no_amount_in_minor_units(amount: Fraction) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        minor_of(amount, "SAR")


@given(st.fractions(0, 10**6), st.sampled_from(["JPY", "SAR", "KWD"]))
def test_rounding_moves_an_amount_by_half_a_minor_unit_at_most(
    amount: Fraction, currency: str
) -> None:
    units = {"JPY": 1, "SAR": 100, "KWD": 1_000}[currency]
    assert Fraction(-1, 2) < minor_of(amount, currency) - amount * units <= Fraction(1, 2)
