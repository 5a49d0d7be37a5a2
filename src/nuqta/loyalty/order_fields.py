"""The fields of an order's body: read one by one, with every fault told by the field's own name.

A `Reading` gathers faults while a decoder goes on, so that whoever sent the order learns of all of
them at once. A reader that finds a fault notes it and gives a harmless value in its place; nothing
is made of it, because a reading with faults ends in a `BadOrder`. The two decoders of orders,
plain_orders.py and zid_orders.py, know which fields there are; the kinds of fields live here.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from nuqta import refusals
from nuqta.ledger.instants import Instant
from nuqta.loyalty.customers import checked_id
from nuqta.loyalty.dates import parse_instant
from nuqta.loyalty.money import MINOR_MAX, Minor, exact_amount, minor_of
from nuqta.loyalty.orders import STATUSES, OrderEvent, checked_number
from nuqta.refusals import Refusal
from nuqta.texts import english

LINES_MAX: Final = 1_000
"""The most lines that an order may have."""
QUANTITY_MAX: Final = 10**9
"""The largest quantity of one line."""
TEXT_LENGTH_MAX: Final = 128
"""The most characters of a text that names something: a cart, a line, a tag, a level."""
FAULTS_MAX: Final = 100
"""The most faults that are told at once; the rest is found when these are mended."""

Body: TypeAlias = Mapping[str, Any]
T = TypeVar("T")


class Fault(msgspec.Struct, frozen=True):
    """What can be wrong with a field: the refusal that names its kind, and the field's sentence,
    in English."""

    refusal: Refusal
    text: str


MISSING: Final = Fault(refusals.VALIDATION, english("This field is required."))
UNKNOWN: Final = Fault(refusals.VALIDATION, english("There is no such field."))
NOT_AN_OBJECT: Final = Fault(refusals.VALIDATION, english("Send an object with named fields."))
BAD_TEXT: Final = Fault(
    refusals.VALIDATION, english("Send a text of 1 to 128 characters without control characters.")
)  # fmt: skip
BAD_NUMBER: Final = Fault(
    refusals.VALIDATION, english("An order number has 1 to 64 letters, digits and . _ / # -.")
)  # fmt: skip
BAD_ID: Final = Fault(refusals.VALIDATION, english("A customer id is a whole number from 1 on."))
BAD_NAME: Final = Fault(
    refusals.VALIDATION, english("A name has 1 to 200 characters and no control characters.")
)  # fmt: skip
BAD_EMAIL: Final = Fault(refusals.VALIDATION, english("This is not an e-mail address."))
BAD_MOBILE: Final = Fault(
    refusals.VALIDATION, english("This is not a mobile number with its country code.")
)  # fmt: skip
BAD_TAGS: Final = Fault(refusals.VALIDATION, english("Send a list of at most 100 texts."))
BAD_LINES: Final = Fault(refusals.VALIDATION, english("Send a list of 1 to 1000 lines."))
LINE_TWICE: Final = Fault(
    refusals.VALIDATION, english("Another line has the same name: give each line an id of its own.")
)  # fmt: skip
BAD_CHANNEL: Final = Fault(refusals.VALIDATION, english("A channel is online or pos."))
BAD_CURRENCY: Final = Fault(
    refusals.CURRENCY_MISMATCH, english("This is not the store's currency.")
)  # fmt: skip
BAD_QUANTITY: Final = Fault(
    refusals.QUANTITY_INVALID, english("A quantity is a whole number from 1 to 1000000000.")
)  # fmt: skip
BAD_RETURNED: Final = Fault(
    refusals.QUANTITY_INVALID, english("A returned quantity is a whole number from 0 on.")
)  # fmt: skip
RETURNED_TOO_MANY: Final = Fault(
    refusals.RETURN_TOO_LARGE, english("More was returned than was bought.")
)  # fmt: skip
BAD_POINTS: Final = Fault(
    refusals.POINTS_OUT_OF_RANGE, english("Points are a whole number from 0 to 1000000000000.")
)  # fmt: skip
BAD_AMOUNT: Final = Fault(
    refusals.AMOUNT_INVALID,
    english("Send a plain decimal amount of 0 or more, within this server's limits."),
)
DISCOUNT_TOO_LARGE: Final = Fault(
    refusals.TOTALS_MISMATCH, english("The discount is larger than what the line costs.")
)  # fmt: skip
REDEMPTION_TOO_LARGE: Final = Fault(
    refusals.TOTALS_MISMATCH, english("The points paid more than the order costs.")
)  # fmt: skip
BAD_TOTAL: Final = Fault(
    refusals.TOTALS_MISMATCH,
    english("The total is not the sum of the lines and shipping, less what points paid."),
)
BAD_DATE: Final = Fault(
    refusals.DATE_INVALID, english("Send a date from 1970 on, such as 2026-11-23T10:30:00Z.")
)  # fmt: skip
IN_FUTURE: Final = Fault(refusals.EFFECTIVE_IN_FUTURE, english("This date has not come yet."))
PLACED_TOO_LATE: Final = Fault(
    refusals.DATE_INVALID, english("An order cannot be placed after its last change.")
)  # fmt: skip
DELIVERED_TOO_EARLY: Final = Fault(
    refusals.DATE_INVALID, english("An order cannot be delivered before it was placed.")
)  # fmt: skip
BAD_STATUS: Final = Fault(
    refusals.STATUS_UNKNOWN, english("This is not a status of an order, such as new or delivered.")
)  # fmt: skip


class CustomerFacts(msgspec.Struct, frozen=True):
    """What an order says of its customer beside the id: personal data, kept out of the event.

    `name`, canonical `email` and `mobile` are "" where the order does not say; `tags` and `level`
    None.
    """

    name: str = ""
    email: str = ""
    mobile: str = ""
    tags: frozenset[str] | None = None
    level: str | None = None


class Decoded(msgspec.Struct, frozen=True):
    """An order, understood. `customer` is None where nothing but the id is said of it; `notes` are
    codes of what a person should look at."""

    event: OrderEvent
    customer: CustomerFacts | None = None
    notes: tuple[str, ...] = ()


class BadOrder(msgspec.Struct, frozen=True):
    """An order's body that cannot be: its sentences, in English, by the path of the field.

    `refusal` names the kind of fault where all faults are of one kind, and is VALIDATION otherwise.
    """

    refusal: Refusal
    fields: dict[str, str]


def squeezed(text: str) -> str:
    """A status word without case, spaces, dashes and underscores."""
    return re.sub(r"[\s_-]", "", text).casefold()


WORDS: Final[dict[str, str]] = {
    **{squeezed(status): status for status in STATUSES},
    "canceled": "cancelled",
    "reversed": "returned",
    "refunded": "returned",
}
"""The status that each squeezed word means."""

_TEXT = re.compile(rf"[^\x00-\x1f\x7f\ud800-\udfff]{{1,{TEXT_LENGTH_MAX}}}")
_PATH_LENGTH_MAX: Final = 80
_DATE_LENGTH_MAX: Final = 40


class Reading:
    """One order being read, in the store's currency and time zone, at `now`.

    `skew_us` is how far, in microseconds, another's clock may run before ours. Paths are written
    `lines[0].quantity`.
    """

    def __init__(self, currency: str, zone: str, now: Instant, skew_us: int) -> None:
        self.currency = currency
        self._zone = zone
        self._latest = now + skew_us
        self._skew_us = skew_us
        self._faults: dict[str, Fault] = {}

    def fault(self, path: str, fault: Fault) -> None:
        """Note what is wrong with a field; the first fault of a field is the one that is told."""
        if len(self._faults) < FAULTS_MAX:
            self._faults.setdefault(path[:_PATH_LENGTH_MAX], fault)

    def is_sound(self, *paths: str) -> bool:
        """Whether nothing is wrong so far with the fields of these paths and the fields in them."""
        return not any(
            fault == path or fault.startswith((f"{path}.", f"{path}["))
            for path in paths
            for fault in self._faults
        )

    def bad(self) -> BadOrder | None:
        """What was wrong, if anything was."""
        if not self._faults:
            return None
        kinds = {fault.refusal for fault in self._faults.values()}
        return BadOrder(
            kinds.pop() if len(kinds) == 1 else refusals.VALIDATION,
            {path: fault.text for path, fault in self._faults.items()},
        )

    # -- the kinds of fields; `value` is what was sent, None where nothing was --

    def record(self, path: str, value: object) -> Body:
        """An object with named fields."""
        if isinstance(value, Mapping):
            return value
        self.fault(path, MISSING if value is None else NOT_AN_OBJECT)
        return {}

    def lines(self, path: str, value: object) -> list[tuple[str, Body]]:
        """The objects of a list of 1 ... LINES_MAX lines, each with its path."""
        if not isinstance(value, list) or not 1 <= len(value) <= LINES_MAX:
            self.fault(path, MISSING if value is None else BAD_LINES)
            return []
        found = []
        for number, line in enumerate(value):
            if isinstance(line, Mapping):
                found.append((f"{path}[{number}]", line))
            else:
                self.fault(f"{path}[{number}]", NOT_AN_OBJECT)
        return found

    def number(self, path: str, value: object) -> str:
        """An order's number, as `checked_number` keeps it."""
        return self._made(path, value, checked_number, BAD_NUMBER, "")

    def customer_id(self, path: str, value: object) -> int:
        """A customer's id, as `checked_id` takes it."""
        return self._made(path, value, checked_id, BAD_ID, 0)

    def text(self, path: str, value: object) -> str:
        """A text, or a whole number, that names something: 1 ... TEXT_LENGTH_MAX characters."""
        return self._made(path, value, checked_text, BAD_TEXT, "")

    def person(self, path: str, value: object, check: Callable[[str], str], fault: Fault) -> str:
        """A name or an address in the form that `check` gives it; "" where none was sent."""
        return "" if value in (None, "") else self._made(path, value, check, fault, "")

    def whole(self, path: str, value: object, least: int, most: int, fault: Fault) -> int:
        """A whole number, as a number or a text of digits, from `least` to `most`."""
        if value is None:
            self.fault(path, MISSING)
            return least
        found = _whole(value)
        if found is None or not least <= found <= most:
            self.fault(path, fault)
            return least
        return found

    def amount(self, path: str, value: object, *, default: Fraction | None = None) -> Fraction:
        """An amount of 0 or more, exactly; `default` where none was sent, else it is required."""
        if value is None and default is not None:
            return default
        if value is None:
            self.fault(path, MISSING)
            return Fraction(0)
        try:
            found = exact_amount(value)
            minor_of(found, self.currency)
        except ValueError:
            self.fault(path, BAD_AMOUNT)
            return Fraction(0)
        return found

    def minor(self, path: str, amount: Fraction) -> Minor:
        """An exact amount in minor units, rounded half up, 0 ... MINOR_MAX; below 0 it is 0."""
        try:
            return minor_of(max(amount, Fraction(0)), self.currency)
        except ValueError:
            self.fault(path, BAD_AMOUNT)
            return 0

    def within_limits(self, path: str, amounts: list[Minor]) -> None:
        """The amounts together are not larger than any amount that is accepted."""
        if sum(amounts) > MINOR_MAX:
            self.fault(path, BAD_AMOUNT)

    def status(self, path: str, value: object, words: Mapping[str, str] = WORDS) -> str:
        """A status of STATUSES, by the word that a source has for it."""
        if value is None or value == "":
            self.fault(path, MISSING)
        elif isinstance(value, str) and (status := words.get(squeezed(value))):
            return status
        else:
            self.fault(path, BAD_STATUS)
        return "initial"

    def in_currency(self, path: str, value: object) -> None:
        """The store's currency, and no other."""
        if value is None or value == "":
            self.fault(path, MISSING)
        elif not isinstance(value, str) or value.strip().upper() != self.currency:
            self.fault(path, BAD_CURRENCY)

    def instant(self, path: str, value: object) -> Instant:
        """An instant from 1970 to now."""
        if value is None or value == "":
            self.fault(path, MISSING)
            return 0
        try:
            if not isinstance(value, str) or len(value) > _DATE_LENGTH_MAX:
                raise ValueError("not a date")
            found = parse_instant(value.strip(), self._zone)
        except ValueError:
            self.fault(path, BAD_DATE)
            return 0
        if found > self._latest:
            self.fault(path, IN_FUTURE)
            return 0
        return found

    def optional_instant(self, path: str, value: object) -> Instant | None:
        """An instant where one was sent."""
        return None if value is None or value == "" else self.instant(path, value)

    def placed_before(self, path: str, placed_at: Instant, updated_at: Instant) -> None:
        """An order is placed before it changes; two clocks of one shop may differ by the skew."""
        if self.is_sound("updated_at") and placed_at > updated_at + self._skew_us:
            self.fault(path, PLACED_TOO_LATE)

    def delivered(self, path: str, value: object, placed_at: Instant | None) -> Instant | None:
        """When an order was delivered, where it says so: not before it was placed."""
        at = self.optional_instant(path, value)
        if at is None or placed_at is None or not self.is_sound(path):
            return at
        if at < placed_at - self._skew_us:
            self.fault(path, DELIVERED_TOO_EARLY)
        return at

    def _made(
        self, path: str, value: object, check: Callable[[str], T], fault: Fault, harmless: T
    ) -> T:
        """What `check` makes of a text or a whole number; a ValueError of it is the fault."""
        if value is None or value == "":
            self.fault(path, MISSING)
            return harmless
        try:
            return check(as_text(value))
        except ValueError:
            self.fault(path, fault)
            return harmless


def as_text(value: object) -> str:
    """A text, or a whole number as text, as clients send ids. Raises ValueError for other kinds."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return str(value)
    if isinstance(value, str):
        return value
    raise ValueError("not a text")


def checked_text(text: str) -> str:
    """A name of something, trimmed: 1 ... TEXT_LENGTH_MAX characters, none of them for control.

    Raises ValueError for any other text.
    """
    trimmed = text.strip()
    if _TEXT.fullmatch(trimmed) is None:
        raise ValueError("not a text that names something")
    return trimmed


def _whole(value: object) -> int | None:
    """A whole number, however it is written; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, Decimal | str):
        return None
    try:
        exact = exact_amount(value)
    except ValueError:
        return None
    return int(exact) if exact.denominator == 1 else None
