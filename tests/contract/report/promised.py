"""What the contract promises of each endpoint: its keys, in their order, as a path for each.

`a.b[].c` is the key c of the objects in the list b of the object a. Taken from the examples and
field lists of the contract (zid-loyalty, sections 4-6 and 9.2; decisions, sections 1, 4 and 5).
"""

from typing import Final

import msgspec

_MESSAGE: Final = ("message.type", "message.code", "message.name", "message.description")
_RULE: Final = (
    "id", "external_id", "store_id", "points_rewarded", "amount_to_spend", "available_to",
    "is_active", "created_at", "updated_at", "deleted_at",
)  # fmt: skip
_METHOD: Final = (
    "id", "external_id", "store_id", "name", "points_to_redeem", "rule_type",
    "reward.discount_value", "conditions", "is_active", "created_at", "updated_at", "deleted_at",
)  # fmt: skip
_MADE: Final = (
    "store_id", "external_id", "name", "points_to_redeem", "rule_type", "reward.discount_value",
    "is_active", "id", "updated_at", "created_at",
)  # fmt: skip
_LINE: Final = (
    "date", "reason", "points", "direction", "type", "order_number", "order_code", "expiry_date",
    "point_status", "point_status_code", "collection_method",
)  # fmt: skip
_ADJUSTED: Final = tuple(one for one in _LINE if one not in ("order_code", "point_status_code"))


class Promise(msgspec.Struct, frozen=True):
    """One endpoint: its number in the contract, its name there, the route, and its keys."""

    number: str
    name: str
    route: str
    keys: tuple[str, ...]


def _of(prefix: str, keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{prefix}{key}" for key in keys)


def _promise(number: str, name: str, route: str, *keys: str) -> Promise:
    return Promise(number, name, route, ("status", *keys, *_MESSAGE))


_SHOPPER: Final = "GET /v1/customers/loyalty-program/{store}"
_CATALOG: Final = "GET /v2/catalog/customers/loyalty-program/{store}"
_MANAGER: Final = "/v1/managers/loyalty-program"
_CARTS: Final = "POST /v1/stores/{store}/carts/loyalty-redemption-method"
_STOREFRONT: Final = "/api/v1/cart/loyalty"
_TITLES: Final = (
    "payload.title_ar", "payload.title_en", "payload.content_ar", "payload.content_en",
)  # fmt: skip
_DONE: Final = ("code", "message")

PROMISES: Final = (
    _promise("1", "Customer Wallet", f"{_SHOPPER}/wallet", *_of("wallet.", (
        "points_balance", "pending_points_balance", "available_poitns", "used_poitns",
        "available_points", "used_points", "total_positive_points", *_of("history[].", _LINE),
    ))),
    _promise("2", "Customer Points", f"{_SHOPPER}/points",
             "points.available_poitns", "points.used_poitns"),
    _promise("3", "Loyalty Program Points per Order",
             f"{_CATALOG}/get-points-per-order-total/{{amount}}",
             "points"),
    _promise("4", "Store Loyalty Status",
             f"{_CATALOG}/loyalty-status", "loyalty_status"),
    _promise("5", "Redemption Methods", f"{_SHOPPER}/point-redemption-methods",
             *_of("point_redemption_methods[].", _METHOD)),
    _promise("6", "Cashback Rules", f"{_SHOPPER}/point-cashback-rules",
             *_of("point_cahsback_rules[].", _RULE)),
    Promise("7", "Add Redemption to Cart", f"{_CARTS}/add", _DONE),
    Promise("8", "Remove Redemption from Cart", f"{_CARTS}/remove", _DONE),
    _promise("9", "Info Page", "GET /v1/stores/{store}/loyalty-program-info",
             "payload.title", "payload.content"),
    _promise("10", "Loyalty Program Activation", f"POST {_MANAGER}/activation", *_of(
        "loyalty_program.", ("status", "activated", "message"))),
    _promise("11", "Loyalty Status", f"GET {_MANAGER}/loyalty-status", "loyalty_status"),
    _promise("12", "Set Points Expiration", f"POST {_MANAGER}/points-expiration",
             "points_expiry_period"),
    _promise("13", "Cashback Rule Method Update", f"POST {_MANAGER}/points-collection/update",
             *_of("data.", ("status", "message", "is_cashback_enabled",
                            *_of("points_collection_methods_list[].", _RULE)))),
    _promise("14", "Cashback Rule Method Update Status",
             f"PUT {_MANAGER}/points-collection/update-status",
             *_of("activation.", ("status", "message",
                                  *_of("points_collection_methods_list[].", _RULE)))),
    _promise("15", "Add Points Redemption Method", f"POST {_MANAGER}/points-redemption",
             *_of("points_redemption.", ("status", "message", *_of("redemptionRule.", _MADE)))),
    _promise("16", "Update Points Redemption Method", f"POST {_MANAGER}/points-redemption/update",
             "points_redemption.status", "points_redemption.message"),
    _promise("17", "Delete Points Redemption Method", f"POST {_MANAGER}/points-redemption/delete",
             "points_redemption.status", "points_redemption.message"),
    _promise("18", "Toggle Redemption Method Status",
             f"PUT {_MANAGER}/points-redemption/update-status", *_of("redemption_rule.", _METHOD)),
    _promise("19", "Show Loyalty Points Info for Specific Customer",
             f"GET {_MANAGER}/customers/details", *_of("loyalty_points_info.", (
                 "points_balance", "pending_points_balance", "pending_negative_points_balance",
                 "available_poitns", "used_poitns", "total_positive_points",
                 *_of("history[].", _LINE)))),
    _promise("20", "List Data", f"GET {_MANAGER}/list-data",
             *_of("cashback_rules[].", _RULE), *_of("redemption_rules[].", _METHOD),
             "total_earned_points", "total_redemed_points", "total_pending_points",
             "total_customers_with_points", "expiration_peroid", "is_active"),
    _promise("21", "Customer Points History", f"GET {_MANAGER}/points-history/{{customer_id}}",
             *_of("history[].", _LINE)),
    _promise("22", "Info Page - Managers", "GET /v1/managers/store/loyalty-program-info", *_TITLES),
    _promise("23", "Update Info Page", "PUT /v1/managers/store/loyalty-program-info", *_TITLES),
    _promise("24", "Adjust Customer Points", f"POST {_MANAGER}/customers/adjust-customer-points",
             *_of("data.", _ADJUSTED)),
    _promise("25", "Customer Profile", "GET /v1/managers/store/customers/{id}", *_of("customer.", (
        "id", "name", "email", "mobile",
        *_of("points.", (
            "id", "external_id", "store_id", "customer_id", "loyalty_provider", "points",
            "pending_points", "pending_negative_points", "total_positive_points",
            "total_negative_points", "created_at", "updated_at", "deleted_at", "status"))))),
    Promise("s1", "Storefront: balance", f"GET {_STOREFRONT}/balance", ("balance",)),
    Promise("s2", "Storefront: preview of points", f"GET {_STOREFRONT}/calculate", ("points",)),
    Promise("s3", "Storefront: redemption options", f"GET {_STOREFRONT}/redemption-options",
            _of("options[].", _METHOD)),
    Promise("s4", "Storefront: apply points", f"POST {_STOREFRONT}/redemptions",
            ("ok", "code", "message")),
    Promise("s5", "Storefront: take points back", f"DELETE {_STOREFRONT}/redemptions",
            ("ok", "code", "message")),
    Promise("s6", "Storefront: wallet", f"GET {_STOREFRONT}/wallet",
            (*_of("results[].", _LINE), "count", "page", "page_size")),
)  # fmt: skip
"""The 25 endpoints of zid-loyalty, section 0.3, and the storefront's own calls."""
