"""The one table of routes: OpenAPI, the documentation and the access tests are made from it.

The balance stands first, and its callable in front of the framework.
"""

from typing import Final

from nuqta.api import cart, customers, events, history, login, order_view, orders, persons, points
from nuqta.api.described import pages
from nuqta.api.oauth import authorize, sign_in, token
from nuqta.api.rules import cashback, info, program, redemption
from nuqta.api.seeing import health, metrics
from nuqta.api.storefront import calls, session
from nuqta.web.routes import Route

TABLE: Final[tuple[Route, ...]] = (
    *points.ROUTES,
    *login.ROUTES,
    *orders.ROUTES,
    *order_view.ROUTES,
    *customers.ROUTES,
    *persons.ROUTES,
    *cart.ROUTES,
    *history.ROUTES,
    *program.ROUTES,
    *cashback.ROUTES,
    *redemption.ROUTES,
    *info.ROUTES,
    *events.ROUTES,
    *calls.ROUTES,
    *session.ROUTES,
    *pages.ROUTES,
    *health.ROUTES,
    *metrics.ROUTES,
    *authorize.ROUTES,
    *sign_in.ROUTES,
    *token.ROUTES,
)
