"""Customer login: the hand-over from a shop's own server, and the one-time code.

Both end in a customer token. Source: contract, decisions, section 3.
"""

import re
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from nuqta import refusals
from nuqta.engine import customers
from nuqta.engine.access import sessions
from nuqta.engine.access.sessions import Address, Session
from nuqta.engine.access.tokens import CUSTOMER, SEED, Keyring
from nuqta.engine.customers import find
from nuqta.engine.replies import Kept
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
from nuqta.texts import english
from nuqta.web.fields import Field
from nuqta.web.guard import failed, take_back
from nuqta.web.replies import Acknowledged, Message
from nuqta.web.routes import Invalid, Outcome, Request, Route

_SEED: Final = re.compile(rb"%b_[0-9a-f]{8}_[0-9a-f]{1,16}_[0-9a-f]{64}" % SEED.encode())
_NO_ADDRESS: Final = english("Send an email or a mobile.")
_NO_EMAIL: Final = english("This is not an e-mail address.")
_NO_MOBILE: Final = english("This is not a mobile number.")
_NO_CODE: Final = english("A code has six digits.")


class SignedInCustomer(msgspec.Struct, frozen=True):
    """Who was signed in; null where the shop does not know it."""

    id: int
    name: str
    email: str | None
    mobile: str | None


class SignedIn(msgspec.Struct, frozen=True):
    """A customer token, and the instant at which it ends if it is not used before."""

    status: Literal["object", "success"]
    customer_token: str
    expires_at: str
    customer: SignedInCustomer | None
    message: Message


class SessionsEnded(msgspec.Struct, frozen=True):
    """How many sessions of the customer have ended."""

    status: Literal["object"]
    ended: int
    message: Message


class CodeSent(msgspec.Struct, frozen=True):
    """A code was sent if the address is a customer's; it is valid for `expires_in` seconds."""

    status: Literal["success"]
    expires_in: int
    message: Message


async def hand_over(request: Request) -> Outcome:
    """A shop that has signed a customer in gets a token for that customer."""
    engine, caller = request.engine, request.caller
    customer = _customer(request)
    if customer is None:
        return refusals.CUSTOMER_NOT_FOUND

    def work(tx: Transaction) -> Outcome:
        if customers.find(tx, caller.store_id, customer.customer_id) is None:
            return refusals.CUSTOMER_NOT_FOUND  # erased a moment ago
        session = sessions.open_session(
            tx, engine.keyring, engine.settings, caller.store_id, customer.customer_id,
            engine.clock.now(), caller.origin, request.key,
        )  # fmt: skip
        told = request.told("object", "Customer login", "The customer is signed in")
        return _signed_in("object", session, customer, told)

    return _with_token(request, await request.write("open session", work))


async def end_all(request: Request) -> Outcome:
    """Every session of a customer ends."""
    customer = _customer(request)
    if customer is None:
        return refusals.CUSTOMER_NOT_FOUND

    def work(tx: Transaction) -> Outcome:
        ended = sessions.close_sessions(tx, request.caller.store_id, customer.customer_id)
        told = request.told("object", "Customer logout", "Every session of the customer has ended")
        return SessionsEnded("object", ended, told)

    return await request.write("close sessions", work)


async def send_code(request: Request) -> Outcome:
    """A code goes to the address, if it is a customer's; the answer does not say whether it is."""
    if request.engine.settings.delivery == "none":
        return refusals.NOT_FOUND
    address = _address(request)
    if isinstance(address, Invalid):
        return address
    engine, store_id = request.engine, request.caller.store_id
    code = sessions.new_code()
    is_known = False

    def work(tx: Transaction) -> Outcome:
        nonlocal is_known
        outcome = sessions.put_code(
            tx, engine.keyring, engine.settings, store_id, address, code, engine.clock.now()
        )
        if isinstance(outcome, Refusal):
            return outcome
        is_known = outcome
        told = request.told(
            "success", "Sign in", "If the address is a customer's, a code was sent to it"
        )
        return CodeSent("success", engine.settings.code_seconds, told)

    outcome = await request.write("one-time code", work)
    if is_known and isinstance(outcome, CodeSent):
        request.courier.hand(address, code, request.language)
    return outcome


async def verify_code(request: Request) -> Outcome:
    """The right code for the address opens a session."""
    address = _address(request)
    if isinstance(address, Invalid):
        return address
    sent = request.body.get("code")
    if isinstance(sent, int) and not isinstance(sent, bool) and 0 <= sent < 10**6:
        sent = f"{sent:06}"  # a client that took the code for a number has lost its zeros
    code = plain_digits(sent) if isinstance(sent, str) else ""
    if len(code) != 6 or not (code.isascii() and code.isdecimal()):
        return request.invalid("code", _NO_CODE)
    engine, caller = request.engine, request.caller

    def work(tx: Transaction) -> Outcome:
        session = sessions.verify_code(
            tx, engine.keyring, engine.settings, caller.store_id, address, code,
            engine.clock.now(), caller.origin, request.key,
        )  # fmt: skip
        if isinstance(session, Refusal):
            return session
        customer = customers.find(tx, caller.store_id, session.customer_id)
        told = request.told("success", "Sign in", "Signed in")
        return _signed_in("success", session, customer, told)

    # Counted before it is looked at: of a million codes, whoever may go on trying finds the right.
    wait_s = failed(request.paces, request.address)
    if wait_s:
        return replace(refusals.TOO_MANY_REQUESTS, retry_after_s=wait_s)
    outcome = await request.write("verify code", work)
    if outcome is not refusals.CODE_INVALID:
        take_back(request.paces, request.address)
    return _with_token(request, outcome)


async def log_out(request: Request) -> Outcome:
    """The shopper's session ends."""
    shopper = request.shopper
    if shopper is None:
        return refusals.SESSION_MISSING

    def work(tx: Transaction) -> Outcome:
        sessions.close_session(tx, shopper.dkey, shopper.digest)
        return Acknowledged("success", request.told("success", "Sign out", "Signed out"))

    return await request.write("close session", work)


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
        return request.invalid("email" if mobile is None else "mobile", _NO_ADDRESS)
    try:
        if email is not None:
            return Address("email", canonical_email(_text(email)))
        return Address(
            "mobile", canonical_mobile(_text(mobile), "" if code is None else _text(code))
        )
    except ValueError:
        if email is not None:
            return request.invalid("email", _NO_EMAIL)
        return request.invalid("mobile", _NO_MOBILE)


def _text(value: object) -> str:
    """A text, or a whole number as clients send mobile numbers. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _signed_in(
    status: Literal["object", "success"],
    session: Session,
    customer: Customer | None,
    message: Message,
) -> SignedIn:
    """The answer as it may be kept: with the session's seed where its token belongs."""
    shown = None
    if customer is not None:
        shown = SignedInCustomer(
            customer.customer_id, customer.name, customer.email or None, customer.mobile or None
        )
    return SignedIn(status, session.kept, format_instant(session.expires_at), shown, message)


def _with_token(request: Request, outcome: Outcome) -> Outcome:
    """The answer with its token; a repeated one has the same, which was not kept."""
    key, keyring = request.key, request.engine.keyring
    if key is None:
        return outcome
    if isinstance(outcome, SignedIn):
        return replace(outcome, customer_token=keyring.grown(outcome.customer_token, CUSTOMER, key))
    if isinstance(outcome, Kept):
        return replace(outcome, body=_grown(keyring, key, outcome.body))
    return outcome


def _grown(keyring: Keyring, key: str, body: bytes) -> bytes:
    return _SEED.sub(lambda seed: keyring.grown(seed[0].decode(), CUSTOMER, key).encode(), body, 1)


_SCOPE: Final = "customers.login"
_BY_MANAGER: Final = "/v1/managers/store/customers/{id}/login"
_PACED: Final = ("email", "mobile")
_ADDRESS: Final = (
    Field("email", "text", "The customer's e-mail address.", "aisha@shop.example", False, 1, 254),
    Field(
        "mobile", "text", "Or the mobile number, with its country.", "966501234567", False, 1, 40
    ),
    Field("country_code", "text", "The country of a mobile number.", "966", False, 0, 10),
)
_CODE: Final = Field("code", "text", "The six digits that were sent.", "123456", True, 6, 6)

ROUTES: Final[tuple[Route, ...]] = (
    Route("POST", _BY_MANAGER, "manager", _SCOPE, hand_over,
          "A token for a customer whom the shop has signed in.",
          answer=SignedIn, refusals=(refusals.CUSTOMER_NOT_FOUND,)),
    Route("DELETE", _BY_MANAGER, "manager", _SCOPE, end_all,
          "Every session of the customer ends.",
          answer=SessionsEnded, refusals=(refusals.CUSTOMER_NOT_FOUND,)),
    Route("POST", "/v1/stores/{store}/auth/login", "partner", _SCOPE, send_code,
          "A one-time code for an e-mail address or a mobile number.", _ADDRESS,
          answer=CodeSent, refusals=(refusals.CODE_TOO_SOON, refusals.NOT_FOUND),
          paced_by=_PACED),
    Route("POST", "/v1/stores/{store}/auth/verify", "partner", _SCOPE, verify_code,
          "A token for the right one-time code.", (*_ADDRESS, _CODE),
          answer=SignedIn, refusals=(refusals.CODE_INVALID,), paced_by=_PACED),
    Route("POST", "/v1/stores/{store}/auth/logout", "shopper", _SCOPE, log_out,
          "The customer's session ends.", answer=Acknowledged),
)  # fmt: skip
