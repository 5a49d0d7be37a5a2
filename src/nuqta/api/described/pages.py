"""The two pages on which the API describes itself: /openapi.json for programs, /docs for people.

Both are made once, from the table in which they stand themselves, beside what else is served.
"""

import asyncio
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from nuqta.api.described.examples import examples
from nuqta.api.described.openapi import document
from nuqta.api.described.page import page, policy
from nuqta.web.fields import Field
from nuqta.web.replies import encode
from nuqta.web.routes import Outcome, Page, Paper, Request, Route

_CACHE: Final = (b"cache-control", b"public, no-cache")
_PLAIN: Final = (b"referrer-policy", b"no-referrer")


async def openapi(request: Request) -> Outcome:
    """This description, for programs."""
    body = await asyncio.to_thread(_openapi)
    return _answer(request, b"application/json", body, (b"access-control-allow-origin", b"*"))


async def docs(request: Request) -> Outcome:
    """This description, for people."""
    allowed = (b"content-security-policy", policy())
    return _answer(request, b"text/html; charset=utf-8", await asyncio.to_thread(_docs), allowed)


@lru_cache(maxsize=1)
def _openapi() -> bytes:
    from nuqta.api.routes import TABLE  # in which this very route stands

    return encode(document(TABLE, examples()))


@lru_cache(maxsize=1)
def _docs() -> bytes:
    from nuqta.api.routes import TABLE  # in which this very route stands

    return page(TABLE, examples()).encode()


def _answer(request: Request, kind: bytes, body: bytes, *more: tuple[bytes, bytes]) -> Page:
    etag = b'"%b"' % blake2b(body, digest_size=12).hexdigest().encode()
    headers = ((b"etag", etag), _CACHE, _PLAIN, *more)
    if etag in request.headers.get(b"if-none-match", b""):
        return Page(304, b"", b"", headers)
    return Page(200, kind, body, headers)


_KNOWN: Final = Field("If-None-Match", "text", "The ETag of what is known already.", None, False)

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/openapi.json", "page", "", openapi,
          "The description of this API, as OpenAPI 3.1.", headers=(_KNOWN,), takes_more=True,
          answer=Paper({200: "application/json", 304: ""})),
    Route("GET", "/docs", "page", "", docs,
          "The description of this API, to read.", headers=(_KNOWN,), takes_more=True,
          answer=Paper({200: "text/html", 304: ""})),
)  # fmt: skip
