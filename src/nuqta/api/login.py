"""Customer login: the hand-over from a shop's own server, and the one-time code.

Both end in a customer token. Source: contract, decisions, section 3.
"""

from typing import Any, Final

from nuqta import refusals
from nuqta.engine import customers
from nuqta.engine.access import sessions
from nuqta.engine.access.sessions import Address, Session
from nuqta.engine.customers import find
from nuqta.loyalty.customers import (
    Customer,
    canonical_email,
    canonical_mobile,
    checked_id,
    plain_digits,
)
from nuqta.loyalty.dates import format_instant
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.texts import ARABIC
from nuqta.web.routes import Invalid, Request

_TEXTS: Final = {
    "login": (
        ("Customer login", "The customer is signed in"),
        ("تسجيل دخول العميل", "تم تسجيل دخول العميل"),
    ),
    "ended": (
        ("Customer logout", "Every session of the customer has ended"),
        ("تسجيل خروج العميل", "تم إنهاء جميع جلسات العميل"),
    ),
    "sent": (
        ("Sign in", "If the address is a customer's, a code was sent to it"),
        ("تسجيل الدخول", "إذا كان العنوان مسجلا فقد أرسلنا إليه رمز التحقق"),
    ),
    "verified": (("Sign in", "Signed in"), ("تسجيل الدخول", "تم تسجيل الدخول")),
    "logout": (("Sign out", "Signed out"), ("تسجيل الخروج", "تم تسجيل الخروج")),
}
_FIELD_TEXTS: Final = {
    "address": ("Send an email or a mobile.", "أرسل البريد الإلكتروني أو رقم الجوال."),
    "email": ("This is not an e-mail address.", "هذا ليس بريدا إلكترونيا صحيحا."),
    "mobile": ("This is not a mobile number.", "هذا ليس رقم جوال صحيحا."),
    "code": ("A code has six digits.", "يتكون الرمز من ستة أرقام."),
}


async def hand_over(request: Request) -> dict[str, Any] | Refusal | Invalid:
    """A shop that has signed a customer in gets a token for that customer."""
    engine, caller = request.engine, request.caller
    customer = _customer(request)
    if customer is None:
        return refusals.CUSTOMER_NOT_FOUND
    session = await engine.door.write(
        "open session",
        lambda tx: sessions.open_session(
            tx, engine.keyring, engine.settings, caller.store_id, customer.customer_id,
            engine.clock.now(), caller.origin,
        ),
    )  # fmt: skip
    return {
        "status": "object",
        **_signed_in(session, customer),
        "message": _message(request, "object", "login"),
    }


async def end_all(request: Request) -> dict[str, Any] | Refusal | Invalid:
    """Every session of a customer ends."""
    customer = _customer(request)
    if customer is None:
        return refusals.CUSTOMER_NOT_FOUND
    ended = await request.engine.door.write(
        "close sessions",
        lambda tx: sessions.close_sessions(tx, request.caller.store_id, customer.customer_id),
    )
    return {
        "status": "object",
        "ended": ended,
        "message": _message(request, "object", "ended"),
    }


async def send_code(request: Request) -> dict[str, Any] | Refusal | Invalid:
    """A code goes to the address, if it is a customer's; the answer does not say whether it is."""
    if request.engine.settings.delivery == "none":
        return refusals.NOT_FOUND
    address = _address(request)
    if isinstance(address, Invalid):
        return address
    engine, store_id = request.engine, request.caller.store_id
    code = sessions.new_code()
    outcome = await engine.door.write(
        "one-time code",
        lambda tx: sessions.put_code(
            tx, engine.keyring, engine.settings, store_id, address, code, engine.clock.now()
        ),
    )
    if isinstance(outcome, Refusal):
        return outcome
    if outcome:
        request.courier.hand(address, code, request.language)
    return {
        "status": "success",
        "expires_in": engine.settings.code_seconds,
        "message": _message(request, "success", "sent"),
    }


async def verify_code(request: Request) -> dict[str, Any] | Refusal | Invalid:
    """The right code for the address opens a session."""
    address = _address(request)
    if isinstance(address, Invalid):
        return address
    sent = request.body.get("code")
    if isinstance(sent, int) and not isinstance(sent, bool) and 0 <= sent < 10**6:
        sent = f"{sent:06}"  # a client that took the code for a number has lost its zeros
    code = plain_digits(sent) if isinstance(sent, str) else ""
    if len(code) != 6 or not (code.isascii() and code.isdecimal()):
        return _invalid(request, "code")
    engine, caller = request.engine, request.caller

    def work(tx: Transaction) -> tuple[Session, Customer | None] | Refusal:
        session = sessions.verify_code(
            tx, engine.keyring, engine.settings, caller.store_id, address, code,
            engine.clock.now(), caller.origin,
        )  # fmt: skip
        if isinstance(session, Refusal):
            return session
        return session, customers.find(tx, caller.store_id, session.customer_id)

    outcome = await engine.door.write("verify code", work)
    if isinstance(outcome, Refusal):
        return outcome
    session, customer = outcome
    return {
        "status": "success",
        **_signed_in(session, customer),
        "message": _message(request, "success", "verified"),
    }


async def log_out(request: Request) -> dict[str, Any] | Refusal | Invalid:
    """The shopper's session ends."""
    shopper = request.shopper
    if shopper is None:
        return refusals.SESSION_MISSING
    await request.engine.door.write(
        "close session", lambda tx: sessions.close_session(tx, shopper.dkey, shopper.digest)
    )
    return {"status": "success", "message": _message(request, "success", "logout")}


def _customer(request: Request) -> Customer | None:
    text = request.path["id"]
    try:
        customer_id = checked_id(text)
    except ValueError:
        return None
    if text != str(customer_id):  # 007 is no other name of 7
        return None
    return find(request.engine.vault.reader(), request.caller.store_id, customer_id)


def _address(request: Request) -> Address | Invalid:
    email, mobile = request.body.get("email"), request.body.get("mobile")
    code = request.body.get("country_code")
    if (email is None) == (mobile is None):
        return _invalid(request, "address", "email" if mobile is None else "mobile")
    try:
        if email is not None:
            return Address("email", canonical_email(_text(email)))
        return Address(
            "mobile", canonical_mobile(_text(mobile), "" if code is None else _text(code))
        )
    except ValueError:
        return _invalid(request, "email" if email is not None else "mobile")


def _text(value: object) -> str:
    """A text, or a whole number as clients send mobile numbers. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _invalid(request: Request, what: str, field: str = "") -> Invalid:
    english, arabic = _FIELD_TEXTS[what]
    return Invalid({field or what: [arabic if request.language == ARABIC else english]})


def _message(request: Request, kind: str, what: str) -> dict[str, Any]:
    english, arabic = _TEXTS[what]
    name, description = arabic if request.language == ARABIC else english
    return {"type": kind, "code": "MSG_POPUP_OK", "name": name, "description": description}


def _signed_in(session: Session, customer: Customer | None) -> dict[str, Any]:
    shown = None
    if customer is not None:
        shown = {
            "id": customer.customer_id,
            "name": customer.name,
            "email": customer.email or None,
            "mobile": customer.mobile or None,
        }
    return {
        "customer_token": session.token,
        "expires_at": format_instant(session.expires_at),
        "customer": shown,
    }
