"""The one table of routes: OpenAPI, the documentation and the access tests are made from it.

The balance stands in it as well, though its callable stands in front of the framework.
"""

from typing import Any, Final

from nuqta.api import login, points
from nuqta.refusals import Refusal
from nuqta.web.routes import Invalid, Request, Route


async def _in_front(request: Request) -> dict[str, Any] | Refusal | Invalid:
    raise AssertionError(f"{points.PATH} is answered in front of the framework: {request}")


_PACED = ("email", "mobile")
_ADDRESS = ("email", "mobile", "country_code")

TABLE: Final[tuple[Route, ...]] = (
    Route("GET", points.PATH, "shopper", points.SCOPE, _in_front,
          "The available and the used points of the logged-in customer."),
    Route("POST", "/v1/managers/store/customers/{id}/login", "manager", "customers.login",
          login.hand_over, "A token for a customer whom the shop has signed in."),
    Route("DELETE", "/v1/managers/store/customers/{id}/login", "manager", "customers.login",
          login.end_all, "Every session of the customer ends."),
    Route("POST", "/v1/stores/{store}/auth/login", "partner", "customers.login",
          login.send_code, "A one-time code for an e-mail address or a mobile number.", _ADDRESS,
          _PACED),
    Route("POST", "/v1/stores/{store}/auth/verify", "partner", "customers.login",
          login.verify_code, "A token for the right one-time code.", (*_ADDRESS, "code"), _PACED),
    Route("POST", "/v1/stores/{store}/auth/logout", "shopper", "customers.login",
          login.log_out, "The customer's session ends."),
)  # fmt: skip
