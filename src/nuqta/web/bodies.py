"""Bodies: JSON, url-encoded and multipart forms become one flat or nested mapping of names.

Nothing is guessed: a body that is not what its type says is refused, and so is one that is longer,
deeper or holds a name twice.
"""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import parse_qsl

from blacksheep.multipart import parse_multipart

from nuqta import refusals
from nuqta.refusals import Refusal

_FIELDS_MAX: Final = 200
_STRING: Final = re.compile(rb'"[^"]*"?')
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_SQUARE: Final = bytes.maketrans(b"{}", b"[]")


def decoded(
    body: bytes, content_type: bytes | None, depth_max: int, digits_max: int
) -> dict[str, Any] | Refusal:
    """The names and values of a body. An empty body has none."""
    if not body:
        return {}
    kind, _, parameters = (content_type or b"application/json").partition(b";")
    match kind.strip().lower():
        case b"application/json":
            return _json(body, depth_max, digits_max)
        case b"application/x-www-form-urlencoded":
            return _urlencoded(body)
        case b"multipart/form-data":
            return _multipart(body, parameters)
        case _:
            return refusals.UNSUPPORTED_BODY


def queried(query: bytes | None, *, is_strict: bool) -> dict[str, str] | Refusal:
    """The names and values of a query; the same bounds hold as for a form.

    Where it is not strict, names without a value have "": Zid's published samples end in
    `?STORE_ID`. Source: contract, zid-loyalty, section 0.4.
    """
    found = _urlencoded(query, is_strict=is_strict) if query else {}
    return found if isinstance(found, Refusal) else {name: str(one) for name, one in found.items()}


def _json(body: bytes, depth_max: int, digits_max: int) -> dict[str, Any] | Refusal:
    if body.count(b"{") + body.count(b"[") > depth_max and _is_deeper(body, depth_max):
        return refusals.BAD_REQUEST

    def short(text: str) -> str:
        if len(text) > digits_max:
            raise ValueError("a number without end")
        return text

    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_no_name_twice,
            parse_constant=_no_number,
            parse_int=lambda text: int(short(text)),
            parse_float=lambda text: _decimal(short(text)),
        )
        if b"\\u" in body:  # half of a pair is no character: it could be neither kept nor answered
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except (ValueError, RecursionError):
        return refusals.BAD_REQUEST
    is_plain = isinstance(value, dict) and not any(_stands_twice(name, value) for name in value)
    return value if is_plain else refusals.BAD_REQUEST


def _stands_twice(name: str, value: dict[str, Any]) -> bool:
    """Whether `config[points]` stands beside a "config" that has "points" as well."""
    inner: Any = value
    for part in name.replace("]", "").split("[") if "[" in name else ():
        if not isinstance(inner, dict) or part not in inner:
            return False
        inner = inner[part]
    return "[" in name


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:  # which is no ValueError: the exponent passes its own limits
        raise ValueError(f"{text[:40]} is no number") from error


def _is_deeper(body: bytes, most: int) -> bool:
    """Whether a JSON text nests deeper than that. Each turn takes away what holds nothing more, so
    that nothing here is done byte by byte: 4 MB of brackets took 2 seconds."""
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    rest = _STRING.sub(b"", plain).translate(_SQUARE, _NO_BRACKETS)
    for _ in range(most):
        if b"[]" not in rest:
            break
        rest = rest.replace(b"[]", b"")
    return bool(rest)  # also what is no JSON: closed twice, or never


def _urlencoded(body: bytes, *, is_strict: bool = True) -> dict[str, Any] | Refusal:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=is_strict,
            errors="strict", max_num_fields=_FIELDS_MAX,
        )  # fmt: skip
    except ValueError:
        return refusals.BAD_REQUEST
    return _once(pairs)


def _multipart(body: bytes, parameters: bytes) -> dict[str, Any] | Refusal:
    if b"boundary=" not in parameters:
        return refusals.BAD_REQUEST
    try:
        parts = list(parse_multipart(body))
        pairs = [(part.name.decode(), part.data.decode()) for part in parts[: _FIELDS_MAX + 1]]
    except Exception:  # the parser meets broken input with whatever error it runs into
        return refusals.BAD_REQUEST
    return _once(pairs)


def _once(pairs: list[tuple[str, str]]) -> dict[str, Any] | Refusal:
    found = dict(pairs)
    if len(found) != len(pairs) or len(pairs) > _FIELDS_MAX:
        return refusals.BAD_REQUEST
    return dict(found)
