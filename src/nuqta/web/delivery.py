"""Delivery of one-time codes: by mail, by a webhook that sends SMS or WhatsApp, or to the log.

A code is handed over after the transaction that keeps it has been committed, and delivered in the
background: how long a delivery takes, or that it failed, would tell whether an address is known.
A code that is lost on its way is asked for again.
"""

import asyncio
import contextlib
import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from nuqta.engine.access.sessions import Address
from nuqta.settings import Settings
from nuqta.texts import english, say

_log = logging.getLogger("nuqta.delivery")
_SUBJECT: Final = english("Your sign-in code")
_TEXT: Final = english("Your sign-in code is {code}. It is valid for {minutes} minutes.")


class Letter(msgspec.Struct, frozen=True):
    """A code on its way."""

    address: Address
    code: str
    subject: str
    text: str
    language: str


class Courier:
    """Delivers codes one after the other in the background of a server process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._waiting: asyncio.Queue[Letter] = asyncio.Queue(settings.deliveries_waiting)
        self._task: asyncio.Task[None] | None = None
        self._deliver: Callable[[Letter], Awaitable[None]] = {
            "smtp": self._by_mail,
            "webhook": self._by_webhook,
            "log": self._to_log,
            "none": self._not_at_all,
        }[settings.delivery]

    def start(self) -> None:
        """Begin to deliver, in the running event loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End; what has not been delivered is dropped."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def hand(self, address: Address, code: str, language: str) -> None:
        """Take a code for delivery; where too many wait already it is dropped, with a line."""
        minutes = max(1, self._settings.code_seconds // 60)
        text = say(_TEXT, language, code=code, minutes=minutes)
        letter = Letter(address, code, say(_SUBJECT, language), text, language)
        try:
            self._waiting.put_nowait(letter)
        except asyncio.QueueFull:
            _log.error("too many one-time codes wait for delivery; one was dropped")

    async def _run(self) -> None:
        while True:
            letter = await self._waiting.get()
            try:
                async with asyncio.timeout(self._settings.delivery_seconds):
                    await self._deliver(letter)
            except Exception as error:
                _log.error("a one-time code could not be delivered: %s", type(error).__name__)

    async def _to_log(self, letter: Letter) -> None:
        _log.warning(
            "development delivery to %s %s: %s",
            letter.address.kind,
            letter.address.text,
            letter.text,
        )

    async def _not_at_all(self, letter: Letter) -> None:
        raise AssertionError(
            f"delivery is none, and a code for {letter.address.kind} was handed over"
        )

    async def _by_mail(self, letter: Letter) -> None:
        import aiosmtplib

        if letter.address.kind != "email":
            _log.error("delivery is smtp and the address a mobile number: nothing was sent")
            return
        url = urlsplit(self._settings.smtp_url)
        message = EmailMessage()
        message["From"] = self._settings.smtp_from
        message["To"] = letter.address.text
        message["Subject"] = letter.subject
        message.set_content(letter.text)
        await aiosmtplib.send(
            message,
            hostname=url.hostname,
            port=url.port,
            username=unquote(url.username) if url.username else None,
            password=unquote(url.password) if url.password else None,
            use_tls=url.scheme == "smtps",
            start_tls=True if url.scheme == "smtp+starttls" else None,
            timeout=self._settings.delivery_seconds,
        )

    async def _by_webhook(self, letter: Letter) -> None:
        import httpx

        body = msgspec.json.encode(
            {
                "type": "one_time_code",
                letter.address.kind: letter.address.text,
                "code": letter.code,
                "text": letter.text,
                "language": letter.language,
            }
        )
        headers = {"content-type": "application/json"}
        if self._settings.delivery_webhook_secret:
            key = self._settings.delivery_webhook_secret.encode()
            headers["x-nuqta-signature"] = hmac.new(key, body, hashlib.sha256).hexdigest()
        async with httpx.AsyncClient(timeout=self._settings.delivery_seconds) as client:
            answer = await client.post(
                self._settings.delivery_webhook, content=body, headers=headers
            )
            answer.raise_for_status()
