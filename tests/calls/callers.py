"""Who may make a call: the headers of each kind of caller, about Aisha in Riyadh."""

from nuqta.web.routes import Route
from tests.calls.every import Call, call_of
from tests.http.server import Answer, House
from tests.orders.shop import Shop, basic


def right(house: House, route: Route) -> dict[str, str]:
    """Everything that the route wants of its caller."""
    world = house.world
    match route.who:
        case "manager":
            return house.manager(world.riyadh)
        case "partner":
            return house.partner(world.riyadh)
        case "shopper":
            return house.shopper(world.riyadh, world.login(world.aisha))
        case "source":
            return {"Authorization": pair_of(house)}
        case "storefront":
            return {"X-CUSTOMER-TOKEN": world.login(world.aisha)}
        case _:
            return {}


def pair_of(house: House) -> str:
    """The header of a new pair of Riyadh's; a former pair ends."""
    made = Shop(house, house.world.riyadh).pair()
    return basic(made.username, made.password)


def good(house: House, route: Route) -> tuple[Call, dict[str, str]]:
    """The good call of a route, and all its headers."""
    call = call_of(route, house)
    return call, {**call.headers, **right(house, route)}


def send(house: House, route: Route, call: Call, headers: dict[str, str]) -> Answer:
    """One call of a route."""
    return house.send(route.method, call.path, headers, call.body)
