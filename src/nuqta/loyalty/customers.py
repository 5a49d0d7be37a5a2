"""Customers: who a store's shoppers are, and the form in which their addresses are looked up.

Names and addresses are personal data: they stay in the customer's row and never enter the books.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from nuqta.ledger.instants import Instant

ID_MAX: Final = 2**53 - 1
"""The largest id: JSON's safe integers."""
NAME_LENGTH_MAX: Final = 200
EMAIL_LENGTH_MAX: Final = 254
TAGS_MAX: Final = 100
"""The most tags of a customer, and of a cashback rule."""
TAG_LENGTH_MAX: Final = 128
"""The most characters of a tag, and of a level's id."""

_EMAIL = re.compile(
    r"[^\s@\x00-\x1f\x7f<>(),;:\"\[\]\\]+@[^\s@\x00-\x1f\x7f<>(),;:\"\[\]\\]+\.[^\s@.]+"
)
_DIGITS = re.compile(r"[0-9]{7,15}")
_ARABIC_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "0123456789" * 2)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Customer(msgspec.Struct, frozen=True):
    """A shopper of one store. `email` and `mobile` are in their canonical form, or "".

    `tags` is a JSON list of texts, or "" for none; `level` the id of a level, or "". One who was
    erased at an instant (0 for never) has neither name nor addresses any more, only an id.
    """

    dkey: int
    customer_id: int
    name: str
    email: str
    mobile: str
    created_at: Instant
    tags: str = ""
    level: str = ""
    erased_at: Instant = 0


def checked_name(text: str) -> str:
    """A name of 1 ... 200 characters without control characters, trimmed. Raises ValueError."""
    name = text.strip()
    if not 1 <= len(name) <= NAME_LENGTH_MAX or _CONTROL.search(name):
        raise ValueError(f"a name has 1 to {NAME_LENGTH_MAX} characters and no control characters")
    return name


def checked_id(value: int | str) -> int:
    """A customer's id, 1 ... 2^53 - 1. Raises ValueError, with a sentence, for anything else."""
    text = str(value)
    if text.isascii() and text.isdecimal() and len(text) <= 16 and 1 <= int(text) <= ID_MAX:
        return int(text)
    raise ValueError(f"{text[:40]!r} is not a customer id: a whole number from 1 to {ID_MAX}")


def canonical_email(text: str) -> str:
    """An e-mail address in the form in which it is looked up: trimmed, lower case.

    Raises ValueError, with a sentence, for what cannot be one.
    """
    email = text.strip().lower()
    if len(email) > EMAIL_LENGTH_MAX or _EMAIL.fullmatch(email) is None:
        raise ValueError(f"{text[:60]!r} is not an e-mail address")
    return email


def plain_digits(text: str) -> str:
    """The text with Arabic-Indic digits, which Arabic keyboards send, as 0-9."""
    return text.translate(_ARABIC_DIGITS)


def canonical_mobile(text: str, country_code: str = "") -> str:
    """A mobile number in the form in which it is looked up: country code and number, digits only.

    `+966 50 123 4567`, `00966501234567` and (`966`, `0501234567`) are one number. Raises
    ValueError, with a sentence, for what cannot be one, and for a number within a country that
    does not say which: it could never be found again.
    """
    digits = re.sub(r"[\s()\-.]", "", plain_digits(text))
    code = re.sub(r"[\s+]", "", plain_digits(country_code)).removeprefix("00")
    if digits.startswith("+"):
        digits = digits[1:]
    elif digits.startswith("00"):
        digits = digits[2:]
    elif code and not digits.startswith(code):
        digits = code + digits.removeprefix("0")
    if _DIGITS.fullmatch(digits) is None:
        raise ValueError(f"{text[:40]!r} is not a mobile number")
    if digits.startswith("0"):  # no country code does
        raise ValueError(
            f"the mobile number {text[:40]!r} lacks its country: give it with its country code"
        )
    return digits


def checked_tag(text: str) -> str:
    """A tag or the id of a level: 1 ... 128 characters without control characters, trimmed.

    Raises ValueError, with a sentence, for anything else.
    """
    tag = text.strip()
    if not 1 <= len(tag) <= TAG_LENGTH_MAX or _CONTROL.search(tag):
        raise ValueError(
            f"{text[:40]!r} is no tag or level: 1 to {TAG_LENGTH_MAX} characters and no control"
            " characters"
        )
    return tag


def tags_text(tags: Iterable[str]) -> str:
    """Tags as they are kept: a JSON list, sorted, each once; "" for none.

    Raises ValueError, with a sentence, for a text that is no tag, and for more than TAGS_MAX.
    """
    checked = sorted({checked_tag(tag) for tag in tags})
    if len(checked) > TAGS_MAX:
        raise ValueError(f"there may be at most {TAGS_MAX} tags, not {len(checked)}")
    return msgspec.json.encode(checked).decode() if checked else ""


def tags_of(customer: Customer) -> frozenset[str]:
    """The customer's tags."""
    if not customer.tags:
        return frozenset()
    return frozenset(msgspec.json.decode(customer.tags, type=list[str]))
