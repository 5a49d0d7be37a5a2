"""The one table of routes: OpenAPI, the documentation and the access tests are made from it.

The balance stands in it as well, though its callable stands in front of the framework.
"""

from typing import Final

from nuqta.api import cart, cashback, events, login, orders, points, redemption
from nuqta.web.fields import Field
from nuqta.web.routes import Outcome, Request, Route


async def _in_front(request: Request) -> Outcome:
    raise AssertionError(f"{points.PATH} is answered in front of the framework: {request}")


_PACED = ("email", "mobile")
_WEBHOOKS = "/v1/managers/loyalty-program/webhooks"
_WEBHOOKS_SCOPE = "webhooks.read_write"
_ADDRESS = (
    Field("email", "any", "The customer's e-mail address.", "aisha@shop.example", False),
    Field("mobile", "any", "Or the mobile number.", "0501234567", False),
    Field("country_code", "any", "The country of the mobile number.", "966", False),
)
_CART = (
    Field("point_redemption_method", "any", "The method, whole or its id alone."),
    Field("cart_total", "any", "What the cart's products cost.", "250.75", False),
)
_HOOK = (
    Field("url", "any", "The address that is told.", "https://shop.example/events"),
    Field("kinds", "any", "The events that it is told of; all where left out.", None, False),
    Field("from_the_beginning", "any", "Whether it is told of what was before.", None, False),
)
_PAGE = (
    Field("after", "any", "The cursor after which to go on.", None, False),
    Field("limit", "any", "How many events at most.", "100", False),
)

TABLE: Final[tuple[Route, ...]] = (
    Route("GET", points.PATH, "shopper", points.SCOPE, _in_front,
          "The available and the used points of the logged-in customer.", takes_more=True),
    Route("POST", "/v1/managers/store/customers/{id}/login", "manager", "customers.login",
          login.hand_over, "A token for a customer whom the shop has signed in."),
    Route("DELETE", "/v1/managers/store/customers/{id}/login", "manager", "customers.login",
          login.end_all, "Every session of the customer ends."),
    Route("POST", "/v1/stores/{store}/auth/login", "partner", "customers.login",
          login.send_code, "A one-time code for an e-mail address or a mobile number.", _ADDRESS,
          paced_by=_PACED),
    Route("POST", "/v1/stores/{store}/auth/verify", "partner", "customers.login",
          login.verify_code, "A token for the right one-time code.",
          (*_ADDRESS, Field("code", "any", "The six digits that were sent.", "123456")),
          paced_by=_PACED),
    Route("POST", "/v1/stores/{store}/auth/logout", "shopper", "customers.login",
          login.log_out, "The customer's session ends."),
    Route("POST", "/v1/webhooks/orders/{store}", "source", "", orders.from_zid,
          "An order webhook as Zid sends it, under the store's own Basic pair.",
          takes_more=True, unreadable=orders.unreadable, is_long=True),
    Route("PUT", "/v1/managers/store/orders/{order_id}/loyalty", "manager", "orders.read_write",
          orders.plain, "A plain order of any shop, as it stands.",
          takes_more=True, unreadable=orders.unreadable, is_long=True),
    Route("POST", "/v1/stores/{store}/carts/loyalty-redemption-method/add", "shopper",
          "loyalty_program.read", cart.add, "A redemption method is applied to a cart.", _CART,
          takes_more=True),
    Route("POST", "/v1/stores/{store}/carts/loyalty-redemption-method/remove", "shopper",
          "loyalty_program.read", cart.remove, "The redemption leaves the cart.",
          takes_more=True),
    Route("GET", "/v1/managers/loyalty-program/events", "manager", "loyalty_program.read",
          events.read, "What happened to the store's points after a cursor.", queries=_PAGE),
    Route("GET", _WEBHOOKS, "manager", _WEBHOOKS_SCOPE, events.every,
          "The store's webhooks, and what is wrong with them."),
    Route("POST", _WEBHOOKS, "manager", _WEBHOOKS_SCOPE, events.add,
          "A new webhook, which is told of the store's events.", _HOOK),
    Route("DELETE", f"{_WEBHOOKS}/{{id}}", "manager", _WEBHOOKS_SCOPE, events.remove,
          "A webhook is told nothing more."),
    Route("POST", f"{_WEBHOOKS}/{{id}}/resume", "manager", _WEBHOOKS_SCOPE, events.resume,
          "A webhook that was paused goes on from where it stood."),
    Route("POST", f"{_WEBHOOKS}/{{id}}/replay", "manager", _WEBHOOKS_SCOPE, events.replay,
          "A webhook is told again what came after a cursor.", _PAGE[:1]),
    *cashback.ROUTES,
    *redemption.ROUTES,
)  # fmt: skip
