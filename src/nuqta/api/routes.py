"""The one table of routes: OpenAPI, the documentation and the access tests are made from it.

The balance stands first, and its callable in front of the framework.
"""

from typing import Final

from nuqta.api import (
    cart,
    cashback,
    events,
    history,
    info,
    login,
    orders,
    points,
    program,
    redemption,
)
from nuqta.api.described import pages
from nuqta.web.routes import Route

TABLE: Final[tuple[Route, ...]] = (
    *points.ROUTES,
    *login.ROUTES,
    *orders.ROUTES,
    *cart.ROUTES,
    *history.ROUTES,
    *program.ROUTES,
    *cashback.ROUTES,
    *redemption.ROUTES,
    *info.ROUTES,
    *events.ROUTES,
    *pages.ROUTES,
)
