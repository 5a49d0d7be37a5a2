"""Fields: what a body or a query may hold, as one row each; read here, described from here.

Zid's clients send one thing in several ways: JSON with nested objects, forms with names in
brackets (`config[points]`), numbers and booleans as texts. A field is found in any of them, and a
sentence about it carries the name that it has in a form. Source: contract, decisions, section 4,
items 3, 5 and 16.
"""

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

import msgspec

from nuqta.ledger.instants import POINTS_MAX
from nuqta.loyalty.customers import plain_digits
from nuqta.loyalty.money import exact_amount
from nuqta.texts import english, say

Kind: TypeAlias = Literal["whole", "amount", "text", "flag", "any"]
"""What a field holds: a whole number; an exact decimal, 0 or more; a text; true or false; or
whatever it holds, which its handler looks at."""

Sentences: TypeAlias = dict[str, list[str]]
"""What is wrong, by the names of the fields."""

_FLAGS: Final = {"1": True, "true": True, "0": False, "false": False}
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,19}")
_LINES: Final = str.maketrans("", "", "\n\r\t")
MISSING: Final = english("This field is required.")
UNKNOWN: Final = english("There is no such field.")
_BAD_WHOLE: Final = english("Send a whole number from {least} to {most}.")
_BAD_AMOUNT: Final = english("Send a plain decimal number, 0 or more.")
_BAD_TEXT: Final = english("Send a text of {least} to {most} characters, none of them for control.")
_BAD_FLAG: Final = english("Send 1 or 0, or true or false.")
_BAD_CHOICE: Final = english("Send one of these: {choices}.")


class Field(msgspec.Struct, frozen=True):
    """One field. `name` is its name in a form: `points`, or `config[points]` where it is nested.

    A whole number is `least` ... `most`, a text has `least` ... `most` characters; of a text with
    `choices` only these are taken. `sentence` says what it is, `example` is one that is taken.
    """

    name: str
    kind: Kind
    sentence: str = ""
    example: Any = None
    is_required: bool = True
    least: int = 0
    most: int = POINTS_MAX
    choices: tuple[str, ...] = ()

    @property
    def path(self) -> tuple[str, ...]:
        """The names that lead to it in JSON: ("config", "points")."""
        return tuple(self.name.replace("]", "").split("["))


def read(
    fields: tuple[Field, ...], sent: Mapping[str, Any], language: str
) -> tuple[dict[str, Any], Sentences]:
    """What was sent, by the fields' names, each as its kind; and the sentences about bad ones.

    A field that is not required and was not sent, or was sent as null, is in neither.
    """
    found: dict[str, Any] = {}
    faults: Sentences = {}
    for field in fields:
        value = _sent(field, sent)
        if value is None:
            if field.is_required:
                faults[field.name] = [say(MISSING, language)]
            continue
        try:
            found[field.name] = _READ[field.kind](field, value)
        except ValueError:
            faults[field.name] = [_sentence(field, language)]
    return found, faults


def unknown(fields: tuple[Field, ...], sent: Mapping[str, Any], language: str) -> Sentences:
    """A sentence about every name that no field has; names within an `any` are its handler's."""
    known = {field.name for field in fields} | {field.path[0] for field in fields}
    return {name: [say(UNKNOWN, language)] for name in sent if name not in known}


def _sent(field: Field, sent: Mapping[str, Any]) -> Any:
    """The field's value under its name in a form, or where JSON nests it; None for none."""
    if field.name in sent:
        return sent[field.name]
    value: Any = sent
    for name in field.path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _whole(field: Field, value: object) -> int:
    """A whole number, also as a text of digits, or as a decimal without a fraction."""
    if isinstance(value, str):
        text = plain_digits(value.strip())
        if _WHOLE.fullmatch(text) is None:
            raise ValueError("no whole number")
        value = int(text)
    # Compared as it is: to take its absolute value may overflow, at an exponent of seven digits.
    if isinstance(value, Decimal) and value.is_finite() and -POINTS_MAX <= value <= POINTS_MAX:
        whole = int(value)
        value = whole if whole == value else None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("no whole number")
    if not field.least <= value <= field.most:
        raise ValueError("out of bounds")
    return value


def _amount(field: Field, value: object) -> Any:
    amount = exact_amount(plain_digits(value.strip()) if isinstance(value, str) else value)
    if amount < 0:
        raise ValueError("less than nothing")
    return amount


def _text(field: Field, value: object) -> str:
    """A text, or a number as one: a client may send an id either way."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError("no text")
    if field.choices and value not in field.choices:
        raise ValueError("no choice")
    is_long = len(value) < field.least or len(value) > field.most
    if is_long or any(
        unicodedata.category(one) in ("Cc", "Cs") for one in value if one not in "\n\r\t"
    ):
        raise ValueError("bad text")
    return value


def _flag(field: Field, value: object) -> bool:
    text = plain_digits(str(value).strip()).lower() if isinstance(value, (str, int)) else ""
    if text not in _FLAGS:
        raise ValueError("neither true nor false")
    return _FLAGS[text]


def _any(field: Field, value: object) -> object:
    return value


_READ: Final = {"whole": _whole, "amount": _amount, "text": _text, "flag": _flag, "any": _any}


def _sentence(field: Field, language: str) -> str:
    if field.choices:
        return say(_BAD_CHOICE, language, choices=", ".join(field.choices))
    if field.kind == "whole":
        return say(_BAD_WHOLE, language, least=field.least, most=field.most)
    if field.kind == "text":
        return say(_BAD_TEXT, language, least=field.least, most=field.most)
    if field.kind == "flag":
        return say(_BAD_FLAG, language)
    return say(_BAD_AMOUNT, language)
