"""What a shop's software sends, each call under a key, and what it comes to when it is done.

Nothing is tested here.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nuqta.ledger.instants import POINTS_MAX
from tests.calls.cashback import rule_of
from tests.http.server import House, Log, path_of, request
from tests.orders.shop import CARTS, Shop, basic, plain, zid
from tests.torture.serving.running import Told
from tests.world import Shopper, World

HELD: Final = 40
"""What a cart sets aside, worth 4.00."""
_PROGRAM: Final = "/v1/managers/loyalty-program"
_ADJUST: Final = f"{_PROGRAM}/customers/adjust-customer-points"
_METHODS: Final = f"{_PROGRAM}/points-redemption"


class Call(msgspec.Struct, frozen=True):
    """A request as bytes. `effect` is what it adds to its account's sums once it is done; an
    order's says its answer."""

    kind: str
    key: str
    data: bytes
    customer_id: int = 0
    effect: Mapping[str, int] = {}

    def done(self, told: Told) -> Mapping[str, int]:
        """What it came to, by its answer."""
        if told.status != 200:
            return {}
        if self.kind != "order":
            return self.effect
        order = json.loads(told.body)["order"]
        taken = order["points_redeemed"]
        return {"issued": order["points_earned"], "redeemed": taken, "held": -taken}


class Desk:
    """Whoever writes the calls of Riyadh's shop. The world's engine must be open to make one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.shop = Shop(House(world, 0, Log()), world.riyadh)
        self.method_id = self.shop.method(points=HELD, discount=HELD * 10).method_id
        pair = self.shop.pair()
        self._source = {"Authorization": basic(pair.username, pair.password)}
        self._manager = self.shop.house.manager(world.riyadh)
        self._rule_id = rule_of(self.shop.house)
        self._tokens: dict[int, str] = {}

    def meet(self, shopper: Shopper) -> None:
        """Log a customer in, while the engine is open."""
        self._tokens[shopper.customer_id] = self.world.login(shopper)

    # -- calls that move points ---------------------------------------------------------------
    def adjust(self, shopper: Shopper, key: str, points: int) -> Call:
        """Points are added, or (below 0) deducted."""
        body = {
            "customerId": shopper.customer_id, "direction": "+" if points > 0 else "-",
            "points": abs(points), "reason": "torture",
        }  # fmt: skip
        place = "adjusted_in" if points > 0 else "adjusted_out"
        effect = {place: abs(points)}
        return self._managed("adjust", "POST", _ADJUST, body, key, shopper, effect)

    def overdraw(self, shopper: Shopper, key: str) -> Call:
        """More is deducted than anybody has."""
        return self.adjust(shopper, key, -POINTS_MAX)

    def order(self, shopper: Shopper, key: str, cart: str = "", seconds: int = 0) -> Call:
        """A plain order told `seconds` ago, of a cart where one is named; its number is the key."""
        body = plain(self.shop, of=shopper, seconds=seconds)
        if cart:
            body |= {"cart_session_id": cart, "loyalty_redemption": "4.00"}
        path = f"/v1/managers/store/orders/{key}/loyalty"
        return self._managed("order", "PUT", path, body, key, shopper)

    def webhook(self, shopper: Shopper, key: str, number: int) -> Call:
        """An order as Zid sends it; it earns 230 points."""
        body = zid(self.shop, id=number, customer={"id": shopper.customer_id, "name": "Somebody"})
        path = f"/v1/webhooks/orders/{self.shop.store.store_id}"
        return self._call(
            "webhook", "POST", path, body, key, self._source, shopper, {"issued": 230}
        )

    def hold(self, shopper: Shopper, key: str, cart: str) -> Call:
        """The method goes into a cart that has none."""
        body = {"point_redemption_method": {"id": self.method_id}}
        return self._cart("add", shopper, key, cart, body, {"held": HELD})

    def free(self, shopper: Shopper, key: str, cart: str) -> Call:
        """The method leaves a cart that has one."""
        return self._cart("remove", shopper, key, cart, None, {"held": -HELD})

    # -- calls that move none -----------------------------------------------------------------
    def method(self, key: str, points: int = 150) -> Call:
        """A new redemption method."""
        config = {"type": "fixed_rate_settings", "discount": 10, "points": points}
        return self._managed("method", "POST", _METHODS, {"config": config}, key)

    def subscribe(self, key: str, name: str = "") -> Call:
        """A new webhook, to an address where nobody is."""
        body = {"url": f"https://{name or key}.shop.invalid/"}
        return self._managed("subscribe", "POST", f"{_PROGRAM}/webhooks", body, key)

    def login(self, shopper: Shopper, key: str) -> Call:
        """A customer is handed over: the answer holds a new token."""
        path = f"/v1/managers/store/customers/{shopper.customer_id}/login"
        return self._managed("login", "POST", path, None, key, shopper)

    def code(self, key: str, email: str) -> Call:
        """A customer asks for a code."""
        path = f"/v1/stores/{self.shop.store.store_id}/auth/login"
        headers = self.shop.house.partner(self.shop.store)
        return self._call("code", "POST", path, {"email": email}, key, headers)

    def rule(self, key: str, points: int) -> Call:
        """Orders earn so many points for each riyal."""
        body = {"ruleId": self._rule_id, "config": {"money": 1, "points": points}}
        path = f"{_PROGRAM}/points-collection/update"
        return self._managed("rule", "POST", path, body, key)

    def expiry(self, key: str, days: int) -> Call:
        """What is earned lives for so long."""
        path = f"{_PROGRAM}/points-expiration"
        return self._managed("expiry", "POST", path, {"days": str(days)}, key)

    def balance(self, shopper: Shopper) -> bytes:
        """The customer reads the points; a read has no key."""
        headers = self.shop.house.shopper(self.shop.store, self._tokens[shopper.customer_id])
        return request("GET", path_of(self.shop.store.store_id), headers)

    def _cart(
        self, what: str, shopper: Shopper, key: str, cart: str, body: Any, effect: Mapping[str, int]
    ) -> Call:
        headers = self.shop.house.shopper(self.shop.store, self._tokens[shopper.customer_id])
        headers["CART-SESSION-ID"] = cart
        path = CARTS.format(self.shop.store.store_id, what)
        return self._call(what, "POST", path, body, key, headers, shopper, effect)

    def _managed(
        self,
        kind: str,
        method: str,
        path: str,
        body: Any,
        key: str,
        shopper: Shopper | None = None,
        effect: Mapping[str, int] | None = None,
    ) -> Call:
        return self._call(kind, method, path, body, key, self._manager, shopper, effect)

    def _call(
        self,
        kind: str,
        method: str,
        path: str,
        body: Any,
        key: str,
        headers: Mapping[str, str],
        shopper: Shopper | None = None,
        effect: Mapping[str, int] | None = None,
    ) -> Call:
        data = b"" if body is None else json.dumps(body).encode()
        sent = {**headers, "Content-Type": "application/json", **keyed(key)}
        number = shopper.customer_id if shopper else 0
        return Call(kind, key, request(method, path, sent, data), number, effect or {})


def keyed(key: str) -> dict[str, str]:
    """The header of a key; none for ""."""
    return {"Idempotency-Key": key} if key else {}
