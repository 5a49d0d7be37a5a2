"""A person's own right over what is kept: a copy of all of it, and that it is forgotten.

Source: issue text ("Personal data stays outside what is hashed").
"""

from typing import Any, Final, Literal

import msgspec

from nuqta import refusals
from nuqta.engine.keeping.erase import erase, looked_through
from nuqta.engine.keeping.export import export
from nuqta.loyalty.customers import checked_id
from nuqta.loyalty.dates import format_instant
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.web.replies import Message
from nuqta.web.routes import Outcome, Request, Route


class ErasedCustomer(msgspec.Struct, frozen=True):
    """A customer who is known by the id alone since an instant."""

    id: int
    erased_at: str


class ErasedAnswer(msgspec.Struct, frozen=True):
    """The person is forgotten."""

    status: Literal["object"]
    customer: ErasedCustomer
    message: Message


class Exported(msgspec.Struct, frozen=True):
    """Everything that is kept of a customer: profile, points, history with reasons, lots, holds,
    receipts, events, orders, sessions without their secrets."""

    status: Literal["object"]
    document: dict[str, Any]
    message: Message


async def forget(request: Request) -> Outcome:
    """Forget who a customer is."""
    engine, caller = request.engine, request.caller
    customer_id = _named(request)
    if customer_id is None:
        return refusals.CUSTOMER_NOT_FOUND
    found = await engine.beside(looked_through, engine, caller.store_id, customer_id)

    def work(tx: Transaction) -> Outcome:
        now = engine.clock.now()
        outcome = erase(tx, caller.store_id, customer_id, found, now, caller.origin)
        if isinstance(outcome, Refusal):
            return outcome
        shown = ErasedCustomer(outcome.customer_id, format_instant(outcome.erased_at))
        told = request.told("object", "Customer", "What was known of the customer is erased")
        return ErasedAnswer("object", shown, told)

    return await request.write("erase a customer", work)


async def copy(request: Request) -> Outcome:
    """Everything that is kept of a customer."""
    engine, caller = request.engine, request.caller
    customer_id = _named(request)
    if customer_id is None:
        return refusals.CUSTOMER_NOT_FOUND
    document = await engine.beside(export, engine, caller.store_id, customer_id)
    if document is None:
        return refusals.CUSTOMER_NOT_FOUND
    return Exported("object", document, Message("object"))


def _named(request: Request) -> int | None:
    """The customer in the path; 007 is no other name of 7."""
    text = request.path["id"]
    try:
        customer_id = checked_id(text)
    except ValueError:
        return None
    return customer_id if text == str(customer_id) else None


_CUSTOMER: Final = "/v1/managers/store/customers/{id}"

ROUTES: Final[tuple[Route, ...]] = (
    Route("POST", f"{_CUSTOMER}/erase", "manager", "customers.read_write", forget,
          "What is known of a customer is erased for good; the points stay on the books.",
          answer=ErasedAnswer, refusals=(refusals.CUSTOMER_NOT_FOUND,)),
    Route("GET", f"{_CUSTOMER}/export", "manager", "customers.read", copy,
          "Everything that is kept of a customer.", answer=Exported,
          refusals=(refusals.CUSTOMER_NOT_FOUND,)),
)  # fmt: skip
