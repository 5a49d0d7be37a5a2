"""The info page of a store's program: managers write it in two languages, shops show one.

Source: contract, zid-loyalty, sections 4.9, 5.12 and 5.13.
"""

from typing import Final

import msgspec

from nuqta import refusals
from nuqta.engine import pages, stores
from nuqta.engine.pages import CONTENT_LENGTH_MAX, TAGS_MAX, TITLE_LENGTH_MAX, InfoPage
from nuqta.storage.sqlite import Transaction
from nuqta.texts import english
from nuqta.web.fields import Field, read
from nuqta.web.replies import Message
from nuqta.web.routes import Invalid, Outcome, Request, Route

_NAME: Final = english("Loyalty program page")
_UPDATED: Final = english("Loyalty program page updated successfully")
_TOO_MUCH: Final = english("Send a page of at most {most} characters and {tags} tags.")


class Texts(msgspec.Struct, frozen=True):
    """The page in both languages; null where there is none."""

    title_ar: str | None
    title_en: str | None
    content_ar: str | None
    content_en: str | None


class BothLanguages(msgspec.Struct, frozen=True):
    """The answer to managers."""

    status: str
    payload: Texts
    message: Message


class Text(msgspec.Struct, frozen=True):
    """The page in the caller's language, or in the other where only that is there."""

    title: str | None
    content: str | None


class OneLanguage(msgspec.Struct, frozen=True):
    """The answer to whoever shows the page."""

    status: str
    payload: Text
    message: Message


async def shown(request: Request) -> Outcome:
    """The page in the caller's language. The store in the path is the token's own."""
    reader, caller = request.engine.vault.reader(), request.caller
    store = stores.find(reader, request.path["store"])
    if store is None or store.store_id != caller.store_id:
        return refusals.STORE_NOT_FOUND
    page, language = pages.page_of(reader, caller.store_id), request.language
    return OneLanguage(
        "success", Text(page.title(language), page.content(language)), Message("success")
    )


async def both(request: Request) -> Outcome:
    """The page in both languages."""
    page = pages.page_of(request.engine.vault.reader(), request.caller.store_id)
    return BothLanguages("object", _texts(page), Message("object"))


async def update(request: Request) -> Outcome:
    """The texts that were sent take the place of the page's; null, or one with nothing in it, takes
    one away."""
    found, faults = read(_FIELDS, request.body, request.language)
    cleared = [field.name for field in _FIELDS if field.name in request.body]
    texts: dict[str, str | None] = dict.fromkeys(cleared)
    for name, text in found.items():
        try:
            clean = pages.plain if name.startswith("title") else pages.cleaned
            texts[name] = await request.engine.beside(clean, text)
        except ValueError:
            faults[name] = [request.say(_TOO_MUCH, most=CONTENT_LENGTH_MAX, tags=TAGS_MAX)]
    if faults:
        return Invalid(faults)

    def work(tx: Transaction) -> Outcome:
        now, by = request.engine.clock.now(), request.caller.origin
        page = pages.change_page(tx, request.caller.store_id, texts, now, by)
        told = request.told("object", _NAME, _UPDATED)
        return BothLanguages("object", _texts(page), told)

    return await request.write("change the info page", work)


def _texts(page: InfoPage) -> Texts:
    return Texts(page.title_ar, page.title_en, page.content_ar, page.content_en)


_FIELDS: Final = (
    Field("title_ar", "text", "The title in Arabic.", "برنامج الولاء", False,
          most=TITLE_LENGTH_MAX),
    Field("title_en", "text", "The title in English.", "Loyalty program", False,
          most=TITLE_LENGTH_MAX),
    Field("content_ar", "text", "The page in Arabic, as HTML.", "<p>نقطة لكل ريال</p>", False,
          most=CONTENT_LENGTH_MAX),
    Field("content_en", "text", "The page in English, as HTML.", "<p>A point for each riyal</p>",
          False, most=CONTENT_LENGTH_MAX),
)  # fmt: skip
_PATH: Final = "/v1/managers/store/loyalty-program-info"

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/v1/stores/{store}/loyalty-program-info", "manager", "loyalty_program.read",
          shown, "The info page of the program, in one language.", takes_more=True,
          answer=OneLanguage, refusals=(refusals.STORE_NOT_FOUND,)),
    Route("GET", _PATH, "manager", "loyalty_program.read", both,
          "The info page of the program, in both languages.", takes_more=True,
          answer=BothLanguages),
    Route("PUT", _PATH, "manager", "loyalty_program.read_write", update,
          "The info page of the program is written.", _FIELDS, takes_more=True,
          answer=BothLanguages),
)  # fmt: skip
