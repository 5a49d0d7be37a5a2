"""The API's description of itself: /openapi.json and /docs, over HTTP and by their parts."""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from nuqta.api.described.openapi import document, name_of
from nuqta.api.described.page import page
from nuqta.api.described.schemas import key_of
from nuqta.api.routes import TABLE
from nuqta.refusals import BY_CODE
from nuqta.web.fields import Field
from nuqta.web.routes import Outcome, Request, Route
from tests.http.server import Answer, House

METHODS = ("get", "post", "put", "delete", "patch")


@pytest.fixture(scope="module")
def described(house: House) -> Any:
    """The document as it is served."""
    answer = house.ask("GET", "/openapi.json")
    assert answer.status == 200
    assert answer["content-type"] == "application/json"
    return answer.json


def refs(value: Any) -> Iterator[str]:
    """Every reference in a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for name, one in value.items():
            if name not in ("example", "examples"):
                yield from refs(one)
    elif isinstance(value, list):
        for one in value:
            yield from refs(one)


def operations(document: Any) -> dict[str, Any]:
    """The operations of a document, as the table names its routes."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


async def nothing(request: Request) -> Outcome:
    """<b>Nothing</b> happens."""
    raise AssertionError(request)


def made_up(**changes: Any) -> Route:
    """A route that is in no table."""
    row = Route("POST", "/v1/nothing", "public", "", nothing, "<script>alert(1)</script>")
    return msgspec.structs.replace(row, **changes)


# -- OpenAPI ---------------------------------------------------------------------------------------


def test_the_document_has_every_route_once(described: Any) -> None:
    found = operations(described)
    assert described["openapi"] == "3.1.0"
    assert list(found) == sorted(found, key=[key_of(route) for route in TABLE].index)
    assert set(found) == {key_of(route) for route in TABLE}
    names = [operation["operationId"] for operation in found.values()]
    assert len(set(names)) == len(names)


def test_each_route_says_what_it_does_for_whom_and_what_may_go_wrong(described: Any) -> None:
    for route in TABLE:
        found = operations(described)[key_of(route)]
        assert found["summary"] == route.sentence
        scopes = [scope for one in found["security"] for scopes in one.values() for scope in scopes]
        assert scopes == list(route.scopes)
        told = " ".join(
            described["components"]["responses"][ref.rsplit("/", 1)[-1]]["description"]
            for ref in refs(found["responses"]) if "/responses/" in ref
        )  # fmt: skip
        assert set(re.findall("ERROR_[A-Z_]+", told)) <= set(BY_CODE)
        for refusal in route.refusals:
            assert f"`{refusal.code}`: {refusal.text}" in told
        if route.who not in ("page", "source", "public"):
            assert "ERROR_SESSION_MISSING" in told or route.who == "partner"
        assert route.answer is not None, f"{key_of(route)} has no type of answer"


def test_every_reference_leads_somewhere(described: Any) -> None:
    found = set(refs(described))
    assert len(found) > 20
    for ref in found:
        value = described
        for name in ref.removeprefix("#/").split("/"):
            value = value[name]
        assert value


def test_every_answer_shows_what_a_test_was_answered(described: Any) -> None:
    for name, operation in operations(described).items():
        content = operation["responses"]["200"]["content"].get("application/json")
        if content and "schema" in content:
            assert content["example"], name


def test_all_keys_of_an_answer_are_required(described: Any) -> None:
    message = described["components"]["schemas"]["Message"]
    assert message["required"] == ["type", "code", "name", "description"]
    assert "default" not in str(message)


def test_a_name_in_brackets_is_nested_in_json_and_flat_in_a_form() -> None:
    fields = (
        Field("config[points]", "whole", "Points.", 5, True, 1, 10),
        Field("config[note]", "text", "A note.", None, False),
        Field("direction", "text", "Where to.", "+", False, choices=("+", "-")),
    )
    found = document((made_up(fields=fields, takes_more=True),), {})
    content = found["paths"]["/v1/nothing"]["post"]["requestBody"]["content"]
    nested = content["application/json"]["schema"]
    assert nested["required"] == ["config"]
    assert nested["properties"]["config"]["required"] == ["points"]
    assert nested["properties"]["config"]["properties"]["points"]["maximum"] == 10
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        flat = content[kind]["schema"]
        assert list(flat["properties"]) == ["config[points]", "config[note]", "direction"]
        assert flat["required"] == ["config[points]"]
        assert flat["properties"]["direction"]["enum"] == ["+", "-"]


def test_a_field_that_is_not_known_is_only_taken_where_more_is() -> None:
    field = Field("points", "whole", "Points.", 5)
    for takes_more in (True, False):
        row = made_up(fields=(field,), takes_more=takes_more)
        body = document((row,), {})["paths"]["/v1/nothing"]["post"]["requestBody"]
        schema = body["content"]["application/json"]["schema"]
        assert ("additionalProperties" in schema) is not takes_more


# -- the pages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/"])
def test_a_page_is_kept_until_it_changes(house: House, path: str) -> None:
    first = house.ask("GET", path)
    again = house.ask("GET", path, {"If-None-Match": first["etag"]})
    assert (first.status, again.status, again.body) == (200, 304, b"")
    assert again["etag"] == first["etag"]
    assert again["x-request-id"]
    assert house.ask("GET", path, {"If-None-Match": '"another"'}).body == first.body
    head = house.ask("HEAD", path)
    assert (head.status, head["content-length"]) == (200, str(len(first.body)))
    assert house.ask("GET", path, {"Accept": "image/png"}).status == 200
    refused = house.ask("POST", path)
    assert (refused.status, refused["allow"]) == (405, "GET, HEAD")


class Links(HTMLParser):
    """What a page asks for, and where it leads."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.feed(answer.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            assert name != "style", "its policy would not let it stand"
            assert not name.startswith("on")
            if name in ("href", "src", "action", "data"):
                self.found.append(value or "")
            if name == "id":
                self.ids.append(value or "")


def test_the_readable_page_asks_no_other_host_for_anything(house: House) -> None:
    answer = house.ask("GET", "/docs")
    assert answer["content-type"] == "text/html; charset=utf-8"
    links = Links(answer)
    inner = [one for one in links.found if one != "/openapi.json"]
    assert all(one.startswith("#") for one in inner), inner
    assert {one[1:] for one in inner} <= set(links.ids)
    assert len(set(links.ids)) == len(links.ids)
    assert not links.tags & {"script", "img", "link", "iframe", "form", "object", "svg"}
    assert b"url(" not in answer.body
    assert b"@import" not in answer.body


def test_its_policy_allows_its_style_and_nothing_else(house: House) -> None:
    answer = house.ask("GET", "/docs")
    style = re.search(b"<style>(.*?)</style>", answer.body, re.DOTALL)
    assert style is not None
    digest = b64encode(sha256(style[1]).digest()).decode()
    policy = answer["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "unsafe" not in policy
    assert answer["x-content-type-options"] == "nosniff"


def test_it_shows_every_route_with_its_fields_and_errors(house: House) -> None:
    text = house.ask("GET", "/docs").body.decode()
    for route in TABLE:
        start = text.index(f'<article id="{name_of(route)}">')
        article = text[start : text.index("</article>", start)]
        assert route.path in article
        for scope in route.scopes:
            assert f"<code>{scope}</code>" in article
        for field in (*route.queries, *route.headers, *route.fields):
            assert f"<code>{field.name}</code>" in article
        for refusal in route.refusals:
            assert f"<code>{refusal.code}</code>" in article or refusal.code in text
        assert "curl" in article


def test_what_stands_in_a_row_is_text_and_never_markup() -> None:
    field = Field("<i>name</i>", "text", "<b>What</b> it is.", '"><img src=x>')
    text = page((made_up(fields=(field,)),), {})
    for markup in ("<script", "<b>", "<i>", "<img"):
        assert markup not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
