"""A store's info page: what it tells its customers about its program. A change is a revision.

Titles are plain text, contents HTML of which only harmless parts are kept: it is shown on the
shop's own pages, where a script would act as the shop. Source: contract, zid-loyalty, 4.9 and 5.12.
"""

import html
from typing import Final

import msgspec
import nh3

from nuqta.ledger.instants import Instant
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_CURRENT = statement("pages.current")
_ADD_REVISION = statement("pages.add_revision")

_TAGS: Final = {
    "h1", "h2", "h3", "h4", "h5", "h6", "p", "div", "span", "br", "hr", "blockquote", "pre",
    "strong", "b", "em", "i", "u", "s", "small", "sub", "sup", "mark", "ul", "ol", "li", "a", "img",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_ATTRIBUTES: Final = {
    "*": {"dir", "lang", "style"},
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height"},
    "th": {"colspan", "rowspan"},
    "td": {"colspan", "rowspan"},
}
_STYLES: Final = {
    "text-align", "direction", "color", "background-color", "font-size", "font-weight",
    "font-style", "text-decoration", "line-height",
    "margin", "margin-top", "margin-right", "margin-bottom", "margin-left",
    "padding", "padding-top", "padding-right", "padding-bottom", "padding-left",
}  # fmt: skip
_cleaner = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    url_schemes={"http", "https", "mailto", "tel"},
    filter_style_properties=_STYLES,
    link_rel="noopener noreferrer nofollow",
)


class InfoPage(msgspec.Struct, frozen=True):
    """One revision of a store's info page; None where a text was never given, or was taken away."""

    store_id: int
    revision: int
    title_ar: str | None
    title_en: str | None
    content_ar: str | None
    content_en: str | None
    changed_at: Instant
    changed_by: str

    def title(self, language: str) -> str | None:
        """The title in that language, or in the other where only that is there."""
        ours, other = self.title_ar, self.title_en
        return (ours or other) if language == "ar" else (other or ours)

    def content(self, language: str) -> str | None:
        """The content, as `title`."""
        ours, other = self.content_ar, self.content_en
        return (ours or other) if language == "ar" else (other or ours)


def cleaned(content: str) -> str:
    """HTML without anything that acts, loads unseen or hides: as it may be shown in a shop."""
    return _cleaner.clean(content)


def plain(title: str) -> str:
    """A title without any markup."""
    return html.unescape(nh3.clean(title, tags=set())).strip()


def page_of(tx: Transaction, store_id: int) -> InfoPage:
    """A store's info page; an empty one, of revision 0, where it has none."""
    found = tx.one(_CURRENT, InfoPage, store_id=store_id)
    return found or InfoPage(store_id, 0, None, None, None, None, 0, "")


def change_page(
    tx: Transaction, store_id: int, texts: dict[str, str | None], now: Instant, by: str
) -> InfoPage:
    """The page with these texts in place of its own, by their names; others stay."""
    before = page_of(tx, store_id)
    safe = {
        name: text and (plain(text) if name.startswith("title") else cleaned(text))
        for name, text in texts.items()
    }
    after = msgspec.structs.replace(before, **safe)
    if after == before:
        return before
    after = msgspec.structs.replace(
        after, revision=before.revision + 1, changed_at=now, changed_by=by
    )
    tx.run(_ADD_REVISION, **msgspec.structs.asdict(after))
    return after
