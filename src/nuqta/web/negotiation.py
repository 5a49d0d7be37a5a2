"""What a caller accepts: JSON or not, English or Arabic, as RFC 9110 says (section 12).

A header that cannot be understood is treated as if it were absent: it excludes nothing.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from nuqta.texts import ARABIC, ENGLISH

_WEIGHT = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_RANGE = re.compile(rf"(?:\*/\*|{_TOKEN}/(?:\*|{_TOKEN}))")
_LANGUAGE = re.compile(r"(?:\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)")


@lru_cache(maxsize=256)
def accepts_json(header: bytes | None) -> bool:
    """Whether an Accept header leaves room for JSON; the most specific range decides."""
    items = list(_items(header, _RANGE))
    ranges = dict(reversed(items))  # of two equal ranges, the first counts
    for name in ("application/json", "application/*", "*/*"):
        if name in ranges:
            return ranges[name] > 0
    return not items


@lru_cache(maxsize=1024)
def language(header: bytes | None) -> str:
    """`en` or `ar`: the one with the greater weight, regions included; English where neither is."""
    weights: dict[str, int] = {}
    anything = 0
    for name, weight in _items(header, _LANGUAGE):
        primary = name.split("-", 1)[0]
        if primary == "*":
            anything = max(anything, weight)
        elif primary in (ENGLISH, ARABIC):
            weights[primary] = max(weights.get(primary, 0), weight)
    english = weights.get(ENGLISH, anything)
    arabic = weights.get(ARABIC, anything)
    if arabic > english:
        return ARABIC
    if arabic == english > 0 and ENGLISH in weights and ARABIC in weights:
        return _first(header)
    return ENGLISH


def _first(header: bytes | None) -> str:
    """Which of the two stands first in the header, where both weigh the same."""
    for name, _ in _items(header, _LANGUAGE):
        primary = name.split("-", 1)[0]
        if primary in (ENGLISH, ARABIC):
            return primary
    return ENGLISH


def _items(header: bytes | None, form: re.Pattern[str]) -> Iterator[tuple[str, int]]:
    """The well-formed items of a list header, lower case, with their weights in thousandths."""
    for item in (header or b"").decode("latin-1").split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        if form.fullmatch(name) is None:
            continue
        weight = "1"
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "q":
                weight = value.strip()
        if _WEIGHT.fullmatch(weight):
            whole, _, fraction = weight.partition(".")
            yield name.lower(), int(whole) * 1000 + int(fraction.ljust(3, "0"))
