"""Schemas: what fields and types of answers are, in the words of JSON Schema 2020-12. Pure."""

from typing import Any, Final, TypeAlias

import msgspec

from nuqta.web.fields import Field
from nuqta.web.routes import Paper, Route

Schema: TypeAlias = dict[str, Any]

REF: Final = "#/components/schemas/"
_AMOUNT: Final = r"^[0-9]+(\.[0-9]+)?$"
_JSON: Final = "application/json"
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


def of_answers(table: tuple[Route, ...]) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """The schema of each route's good answer, by `key_of`, and the components that they refer to.

    Every key of an answer is always there, so all of them are required, also those for which the
    type has a default.
    """
    described = [row for row in table if row.answer is not None and not is_page(row)]
    found, components = msgspec.json.schema_components(
        [row.answer for row in described], ref_template=REF + "{name}"
    )
    for component in components.values():
        for schema in component.get("properties", {}).values():
            schema.pop("default", None)
        if "properties" in component:
            component["required"] = list(component["properties"])
        _say_how_decimals_leave(component)
    return {key_of(row): schema for row, schema in zip(described, found, strict=True)}, components


def _say_how_decimals_leave(schema: Any) -> None:
    """As numbers: msgspec's schemas do not know how `web.replies.encode` writes them."""
    if isinstance(schema, dict):
        if schema.get("format") == "decimal":
            del schema["format"]
            schema["type"] = "number"
        for one in schema.values():
            _say_how_decimals_leave(one)
    elif isinstance(schema, list):
        for one in schema:
            _say_how_decimals_leave(one)


def key_of(route: Route) -> str:
    """The route's name in examples and tests: "METHOD /path"."""
    return f"{route.method} {route.path}"


def is_page(route: Route) -> bool:
    """Whether its answers are pages, and not the contract's JSON."""
    return route.who == "page" or isinstance(route.answer, Paper)


def of_field(field: Field) -> Schema:
    """What a field's value is. Numbers and booleans may come as texts, which the description of
    the API says once for all."""
    schema: Schema = {}
    match field.kind:
        case "whole":
            schema = {"type": "integer", "minimum": field.least, "maximum": field.most}
        case "amount":
            schema = {"type": ["string", "number"], "pattern": _AMOUNT, "minimum": 0}
        case "flag":
            schema = {"type": "boolean"}
        case "text":
            schema = {"type": "string", **_length(field)}
        case "any":
            pass
    if field.sentence:
        schema["description"] = field.sentence
    if field.example is not None:
        schema["examples"] = [field.example]
    return schema


def of_body(route: Route) -> Schema | None:
    """The request body: JSON, where names in brackets are nested objects, and both kinds of form;
    None for a route that reads none."""
    if not route.fields:
        return None
    is_required = any(field.is_required for field in route.fields)
    flat = {field.name: of_field(field) for field in route.fields}
    form = {"type": "object", "properties": flat}
    required = [field.name for field in route.fields if field.is_required]
    if required:
        form["required"] = required
    content = {_JSON: {"schema": _nested(route)}}
    content.update({kind: {"schema": form} for kind in _FORMS})
    return {"required": is_required, "content": content}


def _length(field: Field) -> Schema:
    if field.choices:
        return {"enum": list(field.choices)}
    most = {} if field.most == Field.__struct_defaults__[_MOST] else {"maxLength": field.most}
    return {"minLength": field.least, **most} if field.least else most


_MOST: Final = Field.__struct_fields__.index("most") - (
    len(Field.__struct_fields__) - len(Field.__struct_defaults__)
)


def _nested(route: Route) -> Schema:
    """The body as JSON has it: `config[points]` is `points` within `config`."""
    whole: Schema = {"type": "object", "properties": {}}
    if not route.takes_more:
        whole["additionalProperties"] = False
    for field in route.fields:
        inner = whole
        *outer, last = field.path
        for name in outer:
            _require(inner, name, field)
            inner = inner["properties"].setdefault(name, {"type": "object", "properties": {}})
            inner.setdefault("properties", {})
        inner["properties"][last] = of_field(field)
        _require(inner, last, field)
    return whole


def _require(schema: Schema, name: str, field: Field) -> None:
    if field.is_required and name not in schema.setdefault("required", []):
        schema["required"].append(name)
    if not schema.get("required", True):
        del schema["required"]
