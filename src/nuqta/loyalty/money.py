"""Money: whole minor units of an ISO 4217 currency; never a float.

Amounts arrive as plain decimals and are rounded half up to the currency's minor unit, because real
feeds carry up to 14 decimals. Source: design, ledger, sections 1 and 5.
"""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Final, TypeAlias

Minor: TypeAlias = int

_CODES: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF"
    " CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD"
    " HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA"
    " MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN"
    " QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP"
    " TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
"""The active codes of ISO 4217 by their decimals, as of 2026; without the codes of funds, metals
and tests, in which nothing is sold."""

_DECIMALS: Final = {code: decimals for decimals, codes in _CODES.items() for code in codes.split()}

_UNITS: Final = {0: 1, 2: 100, 3: 1000}

MINOR_MAX: Final[Minor] = 10**15
"""The largest amount that is accepted, in minor units."""

_AMOUNT = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?")
_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?")
_EXPONENT_MIN: Final = -60
_WHOLE_DIGITS_MAX: Final = 18


def decimals_of(currency: str) -> int:
    """How many decimals the currency's minor unit has: 0, 2 or 3."""
    return _DECIMALS.get(currency, 2)  # a store may be older than a code's end


def units_of(currency: str) -> int:
    """How many minor units one whole of the currency has: 1, 100 or 1000."""
    return _UNITS[decimals_of(currency)]


def is_currency(text: str) -> bool:
    """Whether the text is an active code of ISO 4217, in capital letters."""
    return text in _DECIMALS


def parse_amount(text: str, currency: str) -> Minor:
    """A plain decimal such as `250.75` in minor units, rounded half up; 0 ... MINOR_MAX.

    Raises ValueError, with a sentence, for anything else: a sign, an exponent, separators, NaN.
    """
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError(f"{_shown(text)} is not a plain decimal amount of 0 or more")
    decimals = decimals_of(currency)
    whole, fraction = match[1], match[2] or ""
    minor = int(whole) * _UNITS[decimals] + int(fraction[:decimals].ljust(decimals, "0") or "0")
    if fraction[decimals : decimals + 1] >= "5":
        minor += 1
    if minor > MINOR_MAX:
        raise ValueError(f"{_shown(text)} is larger than any amount this server accepts")
    return minor


def exact_amount(value: object) -> Fraction:
    """An amount as JSON bodies carry it, a number or a text such as "223.56000086523000", exactly.

    It may be negative. Raises ValueError, with a sentence, for anything else: NaN, infinity,
    binary fractions, more than 18 digits before the point or 60 after it.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) < 10**_WHOLE_DIGITS_MAX:
            return Fraction(value)
    elif isinstance(value, Decimal) and value.is_finite():
        exponent = value.as_tuple().exponent
        is_small = not value or value.adjusted() < _WHOLE_DIGITS_MAX
        if isinstance(exponent, int) and _EXPONENT_MIN <= exponent <= -_EXPONENT_MIN and is_small:
            return Fraction(value)
    raise ValueError("this is not a decimal amount within the limits")


def minor_of(amount: Fraction | Decimal, currency: str) -> Minor:
    """An exact amount of 0 or more in minor units, rounded half up.

    Raises ValueError, with a sentence, below 0 and above MINOR_MAX.
    """
    minor = (2 * units_of(currency) * Fraction(amount) + 1) // 2
    if amount < 0 or minor > MINOR_MAX:
        raise ValueError("an amount is 0 or more, and not larger than this server accepts")
    return minor


def format_amount(minor: Minor, currency: str) -> str:
    """Minor units as a plain decimal with the currency's own decimals."""
    decimals = decimals_of(currency)
    if not decimals:
        return str(minor)
    whole, fraction = divmod(minor, 10**decimals)
    return f"{whole}.{fraction:0{decimals}}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
