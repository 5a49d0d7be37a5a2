"""OpenAPI 3.1, made from the table of routes and the types in it. Pure: the same table gives the
same document.

A route's summary, scope, fields, answer and refusals stand in its row; this file only says them in
OpenAPI's words.
"""

import re
from typing import Any, Final, TypeAlias

from nuqta import __version__
from nuqta.api.described import outcomes
from nuqta.api.described.examples import Example
from nuqta.api.described.schemas import REF, is_page, key_of, of_answers, of_body, of_field
from nuqta.refusals import Refusal
from nuqta.web.fields import Field
from nuqta.web.routes import KEY_LENGTH_MAX, Paper, Route

Document: TypeAlias = dict[str, Any]

_JSON: Final = "application/json"
ABOUT: Final = (
    "Loyalty points of a shop: balances, cashback, redemption. Every path answers with and without"
    " a slash at its end. A body is JSON, url-encoded or a multipart form; a name in brackets, as"
    " `config[points]`, is a nested object in JSON; numbers and booleans may also come as texts."
    " Texts are English, or Arabic where Accept-Language asks for it. A call that changes something"
    " and carries an Idempotency-Key can be repeated: it is done once, and answered the same."
    " A GET can be asked as HEAD."
)
SCHEMES: Final[dict[str, Document]] = {
    "application": {
        "type": "http", "scheme": "bearer",
        "description": "The application's token for a store on which it is installed.",
    },
    "manager": {
        "type": "apiKey", "in": "header", "name": "X-Manager-Token",
        "description": "The manager token of one store; it says which.",
    },
    "customer": {
        "type": "apiKey", "in": "header", "name": "X-CUSTOMER-TOKEN",
        "description": "The session of a customer who has signed in.",
    },
    "session": {
        "type": "apiKey", "in": "cookie", "name": "nuqta_session",
        "description": "The same session, as a browser keeps it.",
    },
    "source": {
        "type": "http", "scheme": "basic",
        "description": "The store's own pair for order webhooks.",
    },
}  # fmt: skip
_NEEDS: Final[dict[str, list[tuple[str, ...]]]] = {
    "manager": [("application", "manager")],
    "partner": [("application",)],
    "shopper": [("application", "customer")],
    "source": [("source",)],
    "storefront": [("customer",), ("session",)],
    "public": [],
    "page": [],
}
_IN_PATH: Final = {
    "store": Field("store", "text", "The store's number, or its UUID.", "1", True, 1),
    "id": Field("id", "text", "The number or id of what the call is about.", "1", True, 1),
    "order_id": Field("order_id", "text", "The order's number.", "1001", True, 1),
}
_LANGUAGE: Final = Field("Accept-Language", "text", "`en` or `ar`.", "ar", False)
_REQUEST_ID: Final = Field("X-Request-Id", "text", "Comes back with the answer.", "r-1", False)
_KEY: Final = Field(
    "Idempotency-Key", "text", "A key of the caller's own, under which the call is done once.",
    "order-1001-points", False, 1, KEY_LENGTH_MAX,
)  # fmt: skip


def document(table: tuple[Route, ...], examples: dict[str, Example]) -> Document:
    """The description of the routes of a table, with the examples that are there by `key_of`."""
    answers, components = of_answers(table)
    refused = _Refusals()
    paths: dict[str, Document] = {}
    for route in table:
        answer, example = answers.get(key_of(route)), examples.get(key_of(route))
        operation = _operation(route, example)
        good = _good(route, answer, components, example)
        operation["responses"] = {**good, **refused.of(route)}
        for status in good.keys() & refused.of(route).keys():
            operation["responses"][status] = _either(good[status])
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "nuqta",
            "version": __version__,
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(noun_of(route) for route in table)],
        "paths": paths,
        "components": {
            "schemas": {**components, "Error": _ERROR},
            "responses": refused.components,
            "headers": {
                name: {
                    "description": text, "schema": schema, "required": outcomes.is_certain(name),
                }
                for name, (text, schema) in outcomes.HEADERS.items()
            },
            "securitySchemes": SCHEMES,
        },
    }  # fmt: skip


def noun_of(route: Route) -> str:
    """The noun under which a route is listed: the name of its handler's module."""
    return route.handler.__module__.rsplit(".", 1)[-1]


def _operation(route: Route, example: Example | None) -> Document:
    found: Document = {
        "operationId": name_of(route),
        "tags": [noun_of(route)],
        "summary": route.sentence,
        "description": _description(route),
        "security": [
            {scheme: [scope] if scope and scheme == "application" else [] for scheme in schemes}
            for schemes in _NEEDS[route.who]
            for scope in route.scopes or ("",)
        ],
        "parameters": _parameters(route, example),
    }
    body = of_body(route)
    if body is not None:
        if example is not None and example.body is not None:
            body["content"][_JSON]["example"] = example.body
        found["requestBody"] = body
    return found


def name_of(route: Route) -> str:
    """An id of letters, digits and underscores."""
    return re.sub(r"\W+", "_", f"{route.method.lower()}{route.path}").strip("_")


def _description(route: Route) -> str:
    text = route.handler.__doc__ or route.sentence
    text = " ".join(text.split())
    return f"{text} Scope: `{'` or `'.join(route.scopes)}`." if route.scopes else text


def _parameters(route: Route, example: Example | None) -> list[Document]:
    found = []
    for name in re.findall(r"{([a-z_]+)}", route.path):
        field = _IN_PATH.get(name, Field(name, "text", "Part of the path.", None, True, 1))
        found.append(_parameter("path", field, example))
    found += [_parameter("query", field, example) for field in route.queries]
    headers = [*route.headers, _LANGUAGE, _REQUEST_ID]
    if route.is_write and route.who != "page":
        headers.append(_KEY)
    return found + [_parameter("header", field, example) for field in headers]


def _parameter(where: str, field: Field, example: Example | None) -> Document:
    schema = of_field(field)
    shown = None
    if example is not None:
        shown = {"path": example.path_values, "query": example.query}.get(where, {}).get(field.name)
    examples = schema.pop("examples", [])
    found: Document = {
        "name": field.name,
        "in": where,
        "required": field.is_required,
        "description": schema.pop("description", ""),
        "schema": schema,
    }
    if shown is not None or examples:
        found["example"] = examples[0] if shown is None else shown
    return found


def _good(
    route: Route, answer: Document | None, components: Document, example: Example | None
) -> Document:
    """The answers that are no refusals, by status."""
    if is_page(route):
        if not isinstance(route.answer, Paper):
            return {"default": {"description": "A page, or a redirect."}}
        return {
            str(status): {"description": "A page.", "content": {kind: {}} if kind else {}}
            for status, kind in sorted(route.answer.kinds.items())
        }
    shown: Document = {"schema": answer or {"type": "object"}}
    if example is not None:
        shown["example"] = example.answer
    named = components[answer["$ref"].removeprefix(REF)] if answer else {}
    text = " ".join(named.get("description", "Done.").split())
    good = {"description": text, "headers": _headers(route, 200), "content": {_JSON: shown}}
    found: Document = {"200": good}
    if any(field.name == "If-None-Match" for field in route.headers):
        found["304"] = {"description": "Nothing has changed.", "headers": _headers(route, 304)}
    return found


def _either(good: Document) -> Document:
    """A page's own answer of a status that a refusal may have as well; where both are JSON, there
    is no schema for either."""
    error = {"schema": {"$ref": f"{REF}Error"}}
    content = {_JSON: error, **good["content"]}
    return {"description": "A page's own answer, or a refusal.", "content": content}


def _headers(route: Route, status: int) -> Document:
    return {
        name: {"$ref": f"#/components/headers/{name}"} for name in outcomes.headers(route, status)
    }


class _Refusals:
    """The refusals of all routes; those of a status are one component wherever they are alike."""

    def __init__(self) -> None:
        self.components: Document = {}

    def of(self, route: Route) -> Document:
        """The responses of a route, by status."""
        return {
            str(status): {"$ref": f"#/components/responses/{self._name(route, status, rows)}"}
            for status, rows in outcomes.refused(route).items()
        }

    def _name(self, route: Route, status: int, rows: list[Refusal]) -> str:
        """The name tells the codes; routes whose pace is counted have more headers."""
        headers = _headers(route, status)
        paced = "-paced" if "RateLimit" in headers else ""
        codes = [row.code for row in rows]
        name = "-".join(code.removeprefix("ERROR_").lower() for code in codes) + paced
        schema = {
            "allOf": [{"$ref": REF + "Error"}, {"properties": {"error_code": {"enum": codes}}}]
        }
        self.components[name] = {
            "description": " ".join(f"`{row.code}`: {row.text}" for row in rows),
            "headers": headers,
            "content": {_JSON: {"schema": schema}},
        }
        return name


_ERROR: Final[Document] = {
    "title": "Error",
    "description": (
        "The envelope of every refusal. `message.code` and its copy `error_code` are for programs,"
        " `name` and `description` for people. Where fields are not valid, each has a key of its"
        " own name with a list of sentences."
    ),
    "type": "object",
    "properties": {
        "status": {"const": "error"},
        "error_code": {"type": "string"},
        "message": {
            "type": "object",
            "properties": {
                "type": {"enum": ["error", "validation_errors"]},
                "code": {"type": "string"},
                "name": {"type": "string"},
                "description": {"type": "string"},
            },
            "required": ["type", "code", "name", "description"],
        },
    },
    "required": ["status", "error_code", "message"],
    "additionalProperties": {"type": "array", "items": {"type": "string"}},
}
