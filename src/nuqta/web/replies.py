"""Replies: status, headers and body as they leave, and the contract's envelopes.

Every reply carries `X-Request-Id`, `Content-Language`, `Vary: Accept-Language` and
`X-Content-Type-Options: nosniff`. The error envelope exists in this file only.
Source: contract, decisions, section 2.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any, Final, TypeAlias

import msgspec

from nuqta import refusals
from nuqta.engine.replies import Kept
from nuqta.refusals import Refusal
from nuqta.texts import say

Reply: TypeAlias = tuple[int, list[tuple[bytes, bytes]], bytes]
"""(status, headers, body), as ASGI wants them."""

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
"""Header names in lower case, and values, as they came."""

Fields: TypeAlias = Mapping[str, Sequence[str]]
"""Sentences by the name of the field they are about, as it was sent."""

VARY: Final = (b"vary", b"Accept-Language")
BEARER: Final = b"Bearer"
BASIC: Final = b'Basic realm="orders", charset="UTF-8"'
NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
NO_STORE: Final = (b"cache-control", b"no-store")
_REPLAYED: Final = (b"idempotent-replayed", b"true")
JSON: Final = (b"content-type", b"application/json")
encode = msgspec.json.Encoder(decimal_format="number").encode
_SANE_ID = re.compile(rb"(?!nq[a-z]_)[A-Za-z0-9._:-]{1,128}")  # a token is none: ids are logged
_process = secrets.token_hex(6)
_numbers = count(1)


def request_id(sent: bytes | None) -> bytes:
    """The caller's request id if it sent a sane one, else a new one."""
    if sent is not None and _SANE_ID.fullmatch(sent):
        return sent
    return b"%s-%x" % (_process.encode(), next(_numbers))


class Message(msgspec.Struct, frozen=True):
    """What a person is told: `code`, `name` and `description` are null where there is nothing."""

    type: str
    code: str | None = None
    name: str | None = None
    description: str | None = None


class Acknowledged(msgspec.Struct, frozen=True):
    """An answer that says no more than that it is done: `status` is object or success."""

    status: str
    message: Message


def answered(
    body: dict[str, Any] | msgspec.Struct, language: str, request: bytes, status: int = 200
) -> Reply:
    """A JSON answer, which no cache may keep: many of them carry secrets."""
    reply = _reply(status, encode(body), language, request)
    reply[1].append(NO_STORE)
    return reply


def replayed(kept: Kept, request: bytes) -> Reply:
    """An answer that was given before, and says so."""
    reply = _reply(kept.status, kept.body, kept.language, request)
    reply[1].extend((NO_STORE, _REPLAYED))
    return reply


def refused(
    refusal: Refusal,
    language: str,
    request: bytes,
    *,
    retry_after_s: int = 0,
    allow: str = "",
    fields: Fields | None = None,
    challenge: bytes = BEARER,
) -> Reply:
    """A refusal in the error envelope; `fields` carries the sentences of a validation error, and
    `challenge` what a 401 asks for, as RFC 9110 wants it."""
    body = _envelope(refusal, language)
    if fields:
        envelope = msgspec.json.decode(body)
        # A field may be called as a part of the envelope is, such as "status".
        named = {f"body.{name}" if name in envelope else name: fields[name] for name in fields}
        body = encode({**envelope, **named})
    status, headers, body = _reply(refusal.status, body, language, request)
    headers.append(NO_STORE)
    wait = retry_after_s or refusal.retry_after_s
    if wait:
        headers.append((b"retry-after", str(wait).encode()))
    if status == 401:
        headers.append((b"www-authenticate", challenge))
    if allow:
        headers.append((b"allow", allow.encode()))
    return status, headers, body


def sentence(refusal: Refusal, language: str) -> tuple[str, str]:
    """The title and the sentence of a refusal in that language."""
    return say(refusal.name, language), say(refusal.text, language)


@lru_cache(maxsize=256)
def _envelope(refusal: Refusal, language: str) -> bytes:
    name, text = sentence(refusal, language)
    kind = "validation_errors" if refusal.code == refusals.VALIDATION.code else "error"
    message = {"type": kind, "code": refusal.code, "name": name, "description": text}
    return encode({"status": "error", "error_code": refusal.code, "message": message})


def _reply(status: int, body: bytes, language: str, request: bytes) -> Reply:
    headers = [
        JSON,
        (b"content-length", str(len(body)).encode()),
        (b"content-language", language.encode()),
        VARY,
        NOSNIFF,
        (b"x-request-id", request),
    ]
    return status, headers, body
