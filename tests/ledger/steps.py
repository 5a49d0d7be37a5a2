"""The steps of the play: what may happen to an account, in any order, and how likely it is.

A step says how far the clock goes first (µs), and then what happens. Orders and carts are few, so
that steps meet again and again on the same ones. What is printed of a failure can be played again.
"""

from typing import Final, TypeAlias

import msgspec
from hypothesis import strategies as st

from nuqta.ledger.instants import DAY_US


class Step(msgspec.Struct, frozen=True):
    """One move by a person or by time: add, deduct, spend, settle, read, remind."""

    clock: int
    what: str
    points: int = 0
    expire: int | None = None
    key: str = ""


class CartStep(msgspec.Struct, frozen=True):
    """A redemption goes into a cart; with no points, it leaves it."""

    clock: int
    cart: str
    points: int = 0
    method: str = ""
    life: int = DAY_US
    holds_max: int = 9
    key: str = ""


class OrderStep(msgspec.Struct, frozen=True):
    """News of an order. Shares are quarters: of `earned` kept, of what it redeems returned.

    Days are counted from its instant, which is `late` days ago; `mature` None waits for news.
    `hold` chooses among the holds that no order has used, the newest first; None redeems nothing.
    An order that has chosen keeps its hold. It captures the hold but for `less` points.
    """

    clock: int
    order: str
    earned: int
    kept: int = 4
    late: int = 0
    mature: int | None = 0
    expire: int | None = None
    hold: int | None = None
    less: int = 0
    returned: int = 0
    undone: int = 0
    grace: int = 30
    is_forgiving: bool = False
    is_twice: bool = False


AnyStep: TypeAlias = Step | CartStep | OrderStep

_HOUR = DAY_US // 24
_FORWARD = [DAY_US, 2 * DAY_US, 3 * DAY_US, 3 * DAY_US - 1, 7 * DAY_US, 30 * DAY_US, _HOUR, 1]
_STAND_OR_BACK = [0, 0, 0, -1, -DAY_US, -5 * DAY_US]
_CLOCK = st.sampled_from(_FORWARD) | st.sampled_from(_STAND_OR_BACK)
_POINTS = st.integers(1, 60)
_KEY = st.sampled_from(["", "", "", "", "a", "b"])
_EXPIRE = st.sampled_from([None, 0, 1, 3, 7, 30])
_CART = st.sampled_from(["c1", "c2", "c3"])
_SHARE = st.sampled_from([4, 4, 0, 1, 2, 3])
_ORDER = st.builds(
    OrderStep, _CLOCK, st.sampled_from(["o1", "o2", "o3"]), st.integers(0, 60), _SHARE,
    late=st.sampled_from([0, 0, 0, 1, 5, 40, -1]),
    mature=st.sampled_from([0, 0, 1, 3, 7, None]),
    expire=st.sampled_from([None, 1, 3, 7, 30]),
    hold=st.sampled_from([None, 0, 0, 0, 1]),
    less=st.sampled_from([0, 0, 1, 7]),
    returned=st.sampled_from([0, 0, 1, 2, 3, 4, 4]),
    undone=st.sampled_from([0, 0, 1, 5]),
    grace=st.sampled_from([30, 3, 1, 0]),
    is_forgiving=st.sampled_from([False, False, True]),
    is_twice=st.booleans(),
)  # fmt: skip
_RESERVE = st.builds(
    CartStep, _CLOCK, _CART, _POINTS | st.integers(1, 10), st.sampled_from(["m", "n"]),
    st.sampled_from([_HOUR, DAY_US, 3 * DAY_US, 7 * DAY_US]), st.sampled_from([9, 9, 1]), _KEY,
)  # fmt: skip
_ONE: Final[st.SearchStrategy[AnyStep]] = st.one_of(
    _ORDER,
    _ORDER,
    _RESERVE,
    st.builds(CartStep, _CLOCK, _CART, key=_KEY),
    st.builds(Step, _CLOCK, st.just("spend"), _POINTS, key=_KEY),
    st.builds(Step, _CLOCK, st.just("add"), _POINTS, _EXPIRE, _KEY),
    st.builds(Step, _CLOCK, st.just("deduct"), _POINTS, key=_KEY),
    st.builds(Step, _CLOCK, st.just("remind"), st.integers(0, 3), st.sampled_from([1, 7, 30])),
    st.builds(Step, _CLOCK, st.sampled_from(["settle", "read", "again"])),
)

STEPS: Final = st.integers(1, 60).flatmap(
    lambda count: st.lists(_ONE, min_size=count, max_size=count)
)
