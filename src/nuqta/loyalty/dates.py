"""Dates and instants as people and files write them, in a store's time zone where they name none.

Instants are UTC microseconds. Source: design, ledger, section 1.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from nuqta.ledger.instants import Instant

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6})\d*)?)?"
    r"(Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)


@lru_cache(maxsize=512)
def zone_of(name: str) -> ZoneInfo:
    """The IANA time zone of that name. Raises ValueError for one that does not exist."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone") from error


@lru_cache(maxsize=4096)
def parse_instant(text: str, zone: str) -> Instant:
    """An ISO 8601 date (its first instant) or date and time, as an instant.

    A text without an offset is in `zone`. A local time that a clock change repeats is its first
    occurrence. Raises ValueError, with a sentence, for anything that names no instant from 1970 on.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a date such as 2026-11-23 or 2026-11-23T10:30:00Z")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
            int((fraction or "0").ljust(6, "0")),
            tzinfo=_offset(offset) if offset else zone_of(zone),
        )  # fmt: skip
        instant = (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:40]!r} is no date of the calendar") from error
    if instant < 0:
        raise ValueError(f"{text[:40]!r} lies before 1970")
    return instant


def _offset(text: str) -> timezone:
    if text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def format_instant(instant: Instant) -> str:
    """ISO 8601 in UTC with six decimals and Z, as the contract writes instants."""
    moment = _EPOCH + timedelta(microseconds=instant)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06}Z"


def format_seconds(instant: Instant, zone: str) -> str:
    """A date and time of day of that time zone to the second, as the contract writes orders'."""
    moment = (_EPOCH + timedelta(microseconds=instant)).astimezone(zone_of(zone))
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def format_local(instant: Instant, zone: str) -> str:
    """A date and time of day as people of that time zone read them, to the minute."""
    moment = (_EPOCH + timedelta(microseconds=instant)).astimezone(zone_of(zone))
    return moment.strftime("%Y-%m-%d %H:%M")
