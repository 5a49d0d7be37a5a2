"""One event on its way to one address: signed, sent, and what came back.

No redirect is followed, no proxy asked, and of the answer little more than its status is read: what
the other side says is not ours to believe.
"""

import asyncio
import contextlib
import hashlib
import hmac
import ssl
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec

from nuqta import __version__
from nuqta.ledger.instants import SECOND_US, Instant
from nuqta.settings import Settings
from nuqta.web import targets

_ANSWER_BYTES_MAX: Final = 4_096
_REST_S: Final = 1
"""Seconds in which the rest of an answer, behind its head, is waited for."""
_GONE: Final = 410
_COME_BACK_LATER: Final = (429, 503)


class Outcome(msgspec.Struct, frozen=True):
    """What became of a try: `error` is "" where the event was taken.

    `wait_s` is what the other side asked for, in seconds; `is_gone` says that it wants no more.
    """

    error: str = ""
    wait_s: int = 0
    is_gone: bool = False


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The value of X-Nuqta-Signature: HMAC-SHA256 over the timestamp, a dot and the raw body."""
    signed = f"{timestamp}.".encode() + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def client(settings: Settings) -> httpx.AsyncClient:
    """A client for one webhook: its connection must serve no other name at the same address."""
    return httpx.AsyncClient(
        verify=_trust(), timeout=settings.delivery_seconds, follow_redirects=False, trust_env=False
    )


async def send(
    http: httpx.AsyncClient,
    settings: Settings,
    url: str,
    secret: str,
    event_id: str,
    body: bytes,
    now: Instant,
    turn: int = 0,
) -> Outcome:
    """One try; what the network does is an outcome. `turn` chooses among a name's addresses."""
    timestamp = now // SECOND_US
    headers = {
        "content-type": "application/json",
        "user-agent": f"nuqta/{__version__}",
        "x-nuqta-event-id": event_id,
        "x-nuqta-timestamp": str(timestamp),
        "x-nuqta-signature": signature(secret, timestamp, body),
    }
    try:
        async with asyncio.timeout(settings.delivery_seconds):
            return await _try(http, settings, url, headers, body, now, turn)
    except TimeoutError:
        return Outcome(f"no answer within {settings.delivery_seconds} seconds")
    except targets.NotPublic as error:
        return Outcome(str(error))
    except (OSError, httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return Outcome(f"no connection: {str(error) or type(error).__name__}")


async def _try(
    http: httpx.AsyncClient,
    settings: Settings,
    url: str,
    headers: dict[str, str],
    body: bytes,
    now: Instant,
    turn: int,
) -> Outcome:
    private = bool(settings.webhook_private_targets)
    if targets.check(url, private=private) is not None:
        return Outcome("the address is not one that may be called")
    parts = urlsplit(url)
    name = parts.hostname or ""
    known = await targets.addresses(parts, private=private)
    address = known[turn % len(known)]
    # The checked address stands in the URL, so that nothing asks for the name a second time.
    place = httpx.URL(url).copy_with(host=address)
    async with http.stream(
        "POST", place, content=body, headers={**headers, "host": parts.netloc},
        extensions={"sni_hostname": name.rstrip(".")},
    ) as answer:  # fmt: skip
        await _read_rest(answer)
        return _outcome(answer, now)


async def _read_rest(answer: httpx.Response) -> None:
    """A short body is read, so that the connection can serve the next event. The status is the
    answer, whatever becomes of the rest."""
    with contextlib.suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(_REST_S):
            read = 0
            async for part in answer.aiter_raw(_ANSWER_BYTES_MAX):
                read += len(part)
                if read >= _ANSWER_BYTES_MAX:
                    break


def _outcome(answer: httpx.Response, now: Instant) -> Outcome:
    if answer.is_success:
        return Outcome()
    status = answer.status_code
    wait_s = _wait_s(answer.headers.get("retry-after", ""), now)
    return Outcome(
        f"answered {status}", wait_s if status in _COME_BACK_LATER else 0, status == _GONE
    )


def _wait_s(text: str, now: Instant) -> int:
    """The seconds of a Retry-After, which may be a number or a date; 0 for anything else."""
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return int(text)
    try:
        moment = parsedate_to_datetime(text)
        return max(0, int(moment.timestamp()) - now // SECOND_US)
    except (ValueError, TypeError, OverflowError):
        return 0


@cache
def _trust() -> ssl.SSLContext:
    """Loaded once: reading the system's certificates costs some ten milliseconds."""
    return httpx.create_ssl_context(trust_env=False)
