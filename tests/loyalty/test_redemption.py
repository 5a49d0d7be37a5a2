"""Redemption methods: what a basket gets for the points, and what no method may be."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nuqta import refusals
from nuqta.loyalty.money import MINOR_MAX
from nuqta.loyalty.redemption import FIXED, PERCENTAGE, Method, MethodWish, quote
from nuqta.refusals import Refusal

TEN = Method(7, "m", 1, "581", FIXED, 100, 1_000, "SAR", 0, 0, 1, 0, 1, 1, "cli")
TENTH = replace(TEN, rule_type=PERCENTAGE, discount=1_000)


@pytest.mark.parametrize(
    ("method", "basket", "discount"),
    [
        (TEN, 25_000, 1_000),
        (TEN, 1_000, 1_000),
        (TEN, 999, 999),
        (TEN, 1, 1),
        (TEN, 0, refusals.BASKET_TOO_SMALL),
        (TEN, -5, refusals.BASKET_TOO_SMALL),
        (replace(TEN, minimum_basket=5_000), 5_000, 1_000),
        (replace(TEN, minimum_basket=5_000), 4_999, refusals.BASKET_TOO_SMALL),
        (TENTH, 25_000, 2_500),
        (TENTH, 19, 1),
        (TENTH, 9, refusals.BASKET_TOO_SMALL),
        (replace(TENTH, discount=10_000), 777, 777),
        (replace(TENTH, discount=1), MINOR_MAX, MINOR_MAX // 10_000),
        (replace(TENTH, discount=1_250), 99_999, 12_499),
        (replace(TENTH, maximum_discount=2_000), 25_000, 2_000),
        (replace(TENTH, maximum_discount=2_000), 15_000, 1_500),
        (replace(TEN, is_active=0), 25_000, refusals.METHOD_NOT_FOUND),
        (replace(TEN, is_deleted=1), 25_000, refusals.METHOD_NOT_FOUND),
        (replace(TEN, is_active=0), 0, refusals.METHOD_NOT_FOUND),
    ],
)
def test_a_quote(method: Method, basket: int, discount: int | Refusal) -> None:
    assert quote(method, basket) == discount


@given(
    st.booleans(), st.integers(1, 10_000), st.integers(0, MINOR_MAX) | st.integers(0, 99_999),
    st.integers(0, 10**6), st.integers(0, 10**6),
)  # fmt: skip
def test_a_discount_is_never_more_than_the_basket_nor_than_its_maximum(
    is_fixed: bool, discount: int, basket: int, minimum: int, maximum: int
) -> None:
    method = replace(
        TEN if is_fixed else TENTH,
        discount=discount,
        minimum_basket=minimum,
        maximum_discount=0 if is_fixed else maximum,
    )
    found = quote(method, basket)
    worth = discount if is_fixed else basket * discount // 10_000
    if isinstance(found, Refusal):
        assert found is refusals.BASKET_TOO_SMALL
        assert basket < max(minimum, 1) or not worth
    else:
        assert 1 <= found <= min(basket, worth)
        assert is_fixed or not maximum or found <= maximum


RIGHT: dict[str, Any] = {
    "rule_type": PERCENTAGE, "points_to_redeem": 100, "discount": 1_000, "currency": "SAR",
    "minimum_basket": 10, "maximum_discount": 20,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"rule_type": "free_shipping"}, "free_shipping"),
        ({"points_to_redeem": 0}, "points to redeem"),
        ({"points_to_redeem": 10**12 + 1}, "points to redeem"),
        ({"discount": 0}, "discount"),
        ({"discount": 10_001}, "from 1 to 10000"),
        ({"rule_type": FIXED, "maximum_discount": 0, "discount": MINOR_MAX + 1}, "discount"),
        ({"rule_type": FIXED}, "maximum discount"),
        ({"minimum_basket": -1}, "minimum basket"),
        ({"maximum_discount": MINOR_MAX + 1}, "maximum discount"),
        ({"currency": "XYZ"}, "XYZ"),
    ],
)
def test_what_no_method_may_be(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        MethodWish(**{**RIGHT, **changes})


def test_what_methods_may_be() -> None:
    assert MethodWish(**RIGHT).discount == 1_000
    assert MethodWish(FIXED, 10**12, MINOR_MAX, "KWD").maximum_discount == 0
