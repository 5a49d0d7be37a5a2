"""Every expected "no", in one ordered table; nothing here knows who is asking or over what wire.

A refusal is a value: a code (the contract's word), the HTTP status it becomes, whether a retry
under a new key can help, and its texts: `name` is the short title and `text` the sentence of the
contract's envelope, in English; `locale/ar/refusals.po` has them in Arabic. Faults, which are not
in this table, are exceptions. Source: contract, decisions, sections 1-3; design, ledger, section 6.
"""

from typing import Final

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """One row of the table.

    `retry_after_s` is the wait in seconds that an answer announces, 0 where waiting does not help.
    """

    code: str
    status: int
    can_retry: bool
    name: str
    text: str
    retry_after_s: int = 0


_rows: list[Refusal] = []


def _row(
    code: str, status: int, can_retry: bool, texts: tuple[str, str], retry_after_s: int = 0
) -> Refusal:
    row = Refusal(code, status, can_retry, *texts, retry_after_s)
    _rows.append(row)
    return row


# -- the request itself ----------------------------------------------------------------------------
BAD_REQUEST: Final = _row(
    "ERROR_BAD_REQUEST", 400, False,
    ("Bad request", "The request could not be understood."),
)  # fmt: skip
HEADERS_TOO_LARGE: Final = _row(
    "ERROR_HEADERS_TOO_LARGE", 431, False,
    ("Headers too large", "The request's headers are larger than this server accepts."),
)  # fmt: skip
REQUEST_TIMEOUT: Final = _row(
    "ERROR_REQUEST_TIMEOUT", 408, True,
    ("Request too slow", "The request took too long to arrive."),
)  # fmt: skip
METHOD_NOT_ALLOWED: Final = _row(
    "ERROR_METHOD_NOT_ALLOWED", 405, False,
    ("Method not allowed", "This address does not take that method."),
)  # fmt: skip
NOT_FOUND: Final = _row(
    "ERROR_NOT_FOUND", 404, False,
    ("Not found", "There is nothing at this address."),
)  # fmt: skip
BODY_TOO_LARGE: Final = _row(
    "ERROR_BODY_TOO_LARGE", 413, False,
    ("Body too large", "The request's body is larger than this server accepts."),
)  # fmt: skip
UNSUPPORTED_BODY: Final = _row(
    "ERROR_UNSUPPORTED_MEDIA_TYPE", 415, False,
    ("Unsupported body type", "Send the body as JSON, url-encoded or multipart form data."),
)  # fmt: skip

# -- who calls -------------------------------------------------------------------------------------
AUTHORIZATION_MISSING: Final = _row(
    "ERROR_AUTHORIZATION_MISSING", 401, False,
    ("Authorization missing", "Send the application's token, or the store's user name"
     " and password, in the Authorization header."),
)  # fmt: skip
AUTHORIZATION_INVALID: Final = _row(
    "ERROR_AUTHORIZATION_INVALID", 401, False,
    ("Authorization invalid", "The application's token, or the store's user name and"
     " password, is not valid."),
)  # fmt: skip
STORE_NOT_FOUND: Final = _row(
    "ERROR_STORE_NOT_FOUND", 404, False,
    ("Store not found", "There is no such store for this application."),
)  # fmt: skip
FORBIDDEN: Final = _row(
    "ERROR_FORBIDDEN", 403, False,
    ("Not allowed", "The application lacks the scope that this call needs."),
)  # fmt: skip
ORIGIN_REFUSED: Final = _row(
    "ERROR_ORIGIN_REFUSED", 403, False,
    ("Not from this shop", "This call must come from a page of the shop itself."),
)  # fmt: skip
TOO_MANY_REQUESTS: Final = _row(
    "ERROR_TOO_MANY_REQUESTS", 429, True,
    ("Too many requests", "Too many requests; wait a little and try again."),
    retry_after_s=1,
)  # fmt: skip
SESSION_MISSING: Final = _row(
    "ERROR_SESSION_MISSING", 401, False,
    ("Session missing", "Send the session's token with the request."),
)  # fmt: skip
SESSION_INVALID: Final = _row(
    "ERROR_SESSION_INVALID", 401, False,
    ("Session invalid", "The session is not valid; sign in again."),
)  # fmt: skip
SESSION_EXPIRED: Final = _row(
    "ERROR_SESSION_EXPIRED", 401, False,
    ("Session expired", "The session has ended; sign in again."),
)  # fmt: skip
NOT_ACCEPTABLE: Final = _row(
    "ERROR_NOT_ACCEPTABLE", 406, False,
    ("Not acceptable", "This server answers in JSON; accept application/json."),
)  # fmt: skip
CODE_INVALID: Final = _row(
    "ERROR_CODE_INVALID", 422, True,
    ("Code not valid", "The code is wrong or no longer valid; ask for a new one."),
)  # fmt: skip
CODE_TOO_SOON: Final = _row(
    "ERROR_CODE_TOO_SOON", 429, True,
    ("Code already sent", "A code was sent a moment ago; wait before you ask for another."),
    retry_after_s=60,
)  # fmt: skip

# -- what is named ---------------------------------------------------------------------------------
CUSTOMER_NOT_FOUND: Final = _row(
    "ERROR_CUSTOMER_NOT_FOUND", 404, False,
    ("Customer not found", "This store has no such customer."),
)  # fmt: skip
ORDER_NOT_FOUND: Final = _row(
    "ERROR_ORDER_NOT_FOUND", 404, False,
    ("Order not found", "This store has told of no such order."),
)  # fmt: skip
PARTNER_NOT_FOUND: Final = _row(
    "ERROR_PARTNER_NOT_FOUND", 404, False,
    ("Partner not found", "There is no such partner."),
)  # fmt: skip
METHOD_NOT_FOUND: Final = _row(
    "ERROR_METHOD_NOT_FOUND", 404, False,
    ("Redemption method not found", "This store has no such active redemption method."),
)  # fmt: skip
RULE_NOT_FOUND: Final = _row(
    "ERROR_RULE_NOT_FOUND", 404, False,
    ("Cashback rule not found", "This store has no such cashback rule."),
)  # fmt: skip
CUSTOMER_EXISTS: Final = _row(
    "ERROR_CUSTOMER_EXISTS", 409, False,
    ("Customer exists", "This store already has a customer with that id, e-mail or mobile."),
)  # fmt: skip
CUSTOMER_ERASED: Final = _row(
    "ERROR_CUSTOMER_ERASED", 422, False,
    ("Customer erased", "This customer was erased at the person's wish, and earns nothing more."),
)  # fmt: skip
STAFF_EXISTS: Final = _row(
    "ERROR_STAFF_EXISTS", 409, False,
    ("Account exists", "Somebody already signs in with this e-mail address."),
)  # fmt: skip
DOMAIN_TAKEN: Final = _row(
    "ERROR_DOMAIN_TAKEN", 409, False,
    ("Domain taken", "Another store already has that domain."),
)  # fmt: skip
WEBHOOK_NOT_FOUND: Final = _row(
    "ERROR_WEBHOOK_NOT_FOUND", 404, False,
    ("Webhook not found", "This store has no such webhook."),
)  # fmt: skip
WEBHOOKS_TOO_MANY: Final = _row(
    "ERROR_WEBHOOKS_TOO_MANY", 422, True,
    ("Too many webhooks", "The store has as many webhooks as it may have; remove one first."),
)  # fmt: skip
TARGET_REFUSED: Final = _row(
    "ERROR_TARGET_REFUSED", 422, False,
    ("Address refused", "A webhook's address is http or https, without a user name, on a public"
     " network."),
)  # fmt: skip
CURSOR_INVALID: Final = _row(
    "ERROR_CURSOR_INVALID", 422, False,
    ("Cursor not valid", "This cursor was not given for this store's events; begin without one."),
)  # fmt: skip
VALIDATION: Final = _row(
    "ERROR_POPUP_OK", 422, False,
    ("Invalid data", "Some fields are not valid."),
)  # fmt: skip

# -- the books -------------------------------------------------------------------------------------
KEY_CONFLICT: Final = _row(
    "ERROR_IDEMPOTENCY_CONFLICT", 409, False,
    ("Key already used", "This key was already used for something else."),
)  # fmt: skip
NOT_ENOUGH_POINTS: Final = _row(
    "ERROR_NOT_ENOUGH_POINTS", 422, True,
    ("Not enough points", "The customer does not have enough available points."),
)  # fmt: skip
POINTS_OWED: Final = _row(
    "ERROR_POINTS_OWED", 422, True,
    ("Points are owed", "The customer owes points and cannot redeem until they are repaid."),
)  # fmt: skip
ORDER_OF_ANOTHER_STORE: Final = _row(
    "ERROR_ORDER_OF_ANOTHER_STORE", 422, False,
    ("Another store's order", "The order says that it belongs to another store."),
)  # fmt: skip
ORDER_TOO_LONG: Final = _row(
    "ERROR_ORDER_EVENTS_TOO_MANY", 422, False,
    ("Too many events", "More was told of this order than this server keeps of one."),
)  # fmt: skip
TOO_MANY_HOLDS: Final = _row(
    "ERROR_TOO_MANY_HOLDS", 422, True,
    ("Too many carts", "The customer's points are set aside in too many carts at once."),
)  # fmt: skip
NEVER_USABLE: Final = _row(
    "ERROR_MATURITY_PAST_EXPIRY", 422, False,
    ("Points could never be spent", "Points would expire before they could be spent: the days of"
     " maturity must be fewer than those of expiry."),
)  # fmt: skip
TOO_MANY_METHODS: Final = _row(
    "ERROR_TOO_MANY_METHODS", 422, False,
    ("Too many methods", "The store has as many redemption methods as it may have."),
)  # fmt: skip
TOO_MANY_RULES: Final = _row(
    "ERROR_TOO_MANY_RULES", 422, False,
    ("Too many rules", "The store has as many cashback rules as it may have."),
)  # fmt: skip
POINTS_OUT_OF_RANGE: Final = _row(
    "ERROR_POINTS_OUT_OF_RANGE", 422, False,
    ("Points out of range", "Points are whole numbers from 1 to 1000000000000."),
)  # fmt: skip
BALANCE_TOO_LARGE: Final = _row(
    "ERROR_BALANCE_TOO_LARGE", 422, False,
    ("Balance too large", "The account would hold more points than it can."),
)  # fmt: skip
EXPIRY_PASSED: Final = _row(
    "ERROR_EXPIRY_PASSED", 422, False,
    ("Expiry has passed", "Points cannot be added with an expiry that has already passed."),
)  # fmt: skip
EFFECTIVE_IN_FUTURE: Final = _row(
    "ERROR_DATE_IN_FUTURE", 422, True,
    ("Date in the future", "Points cannot be earned at a date that has not come."),
)  # fmt: skip
PROGRAM_OFF: Final = _row(
    "ERROR_PROGRAM_OFF", 422, True,
    ("Program is off", "The store's loyalty program is off, or it has no active earning rule."),
)  # fmt: skip
ORDER_OF_ANOTHER_CUSTOMER: Final = _row(
    "ERROR_ORDER_OF_ANOTHER_CUSTOMER", 422, False,
    ("Order known", "An order with this number belongs to another customer."),
)  # fmt: skip

# -- orders and carts ------------------------------------------------------------------------------
BASKET_TOO_SMALL: Final = _row(
    "ERROR_BASKET_TOO_SMALL", 422, False,
    ("Basket too small", "The basket is too small for this redemption."),
)  # fmt: skip
CURRENCY_MISMATCH: Final = _row(
    "ERROR_CURRENCY_MISMATCH", 422, False,
    ("Another currency", "The amounts are not in the store's currency."),
)  # fmt: skip
QUANTITY_INVALID: Final = _row(
    "ERROR_QUANTITY_INVALID", 422, False,
    ("Quantity not valid", "Quantities are whole numbers, at least one of each product."),
)  # fmt: skip
AMOUNT_INVALID: Final = _row(
    "ERROR_AMOUNT_INVALID", 422, False,
    ("Amount not valid", "An amount of the order is not a plain decimal within the limits."),
)  # fmt: skip
TOTALS_MISMATCH: Final = _row(
    "ERROR_TOTALS_MISMATCH", 422, False,
    ("Totals do not add up", "The amounts of the order do not add up."),
)  # fmt: skip
DATE_INVALID: Final = _row(
    "ERROR_DATE_INVALID", 422, False,
    ("Date not valid", "A date of the order is no date from 1970 on, or contradicts another."),
)  # fmt: skip
STATUS_UNKNOWN: Final = _row(
    "ERROR_STATUS_UNKNOWN", 422, False,
    ("Status unknown", "The order's status is not one that this server knows."),
)  # fmt: skip
RETURN_TOO_LARGE: Final = _row(
    "ERROR_RETURN_TOO_LARGE", 422, False,
    ("Return too large", "More was returned than was bought."),
)  # fmt: skip

# -- our own trouble -------------------------------------------------------------------------------
SERVER_ERROR: Final = _row(
    "ERROR_SERVER", 500, True,
    ("Server error", "Something went wrong on our side."),
)  # fmt: skip
SERVICE_UNAVAILABLE: Final = _row(
    "ERROR_SERVICE_UNAVAILABLE", 503, True,
    ("Service unavailable", "The service cannot answer right now; try again soon."),
    retry_after_s=2,
)  # fmt: skip

ALL: Final[tuple[Refusal, ...]] = tuple(_rows)
BY_CODE: Final[dict[str, Refusal]] = {row.code: row for row in ALL}
