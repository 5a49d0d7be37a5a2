"""A store's info page: what it tells its customers about its program. A change is a revision.

Titles are plain text, contents HTML of which only harmless parts are kept: it is shown on the
shop's own pages, where a script would act as the shop. Source: contract, zid-loyalty, 4.9 and 5.12.
"""

import re
from collections.abc import Mapping
from html import unescape
from typing import Final

import msgspec
import nh3

from nuqta.ledger.instants import Instant
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_CURRENT = statement("pages.current")
_ADD_REVISION = statement("pages.add_revision")

TITLE_LENGTH_MAX: Final = 200
"""Characters of a title."""
CONTENT_LENGTH_MAX: Final = 32_768
"""Characters of a content, as it came and as it is kept."""
TAGS_MAX: Final = 1_000
"""Tags of a content, likewise. An open <b> is opened anew in each paragraph after it, so what comes
out grows with their square: 20,000 characters became 28 million, which took 6 seconds."""

# Those that a parser opens anew in each paragraph carry no attribute along.
_FORMATS: Final = {"b", "em", "i", "s", "small", "strong", "u"}
_STYLED: Final = {
    "h1", "h2", "h3", "h4", "h5", "h6", "p", "div", "span", "br", "hr", "blockquote", "pre", "sub",
    "sup", "mark", "ul", "ol", "li", "a", "img", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_ATTRIBUTES: Final = {
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
# A style that may stay says numbers, words and colours: no function but a colour's, which could
# load something, no escape that hides one, and no margin that lays the page over the shop's.
_WORD: Final = r"(?:[#a-z0-9.%+][#a-z0-9.%+-]*|(?:rgb|hsl)a?\([0-9., %/]{1,40}\))"
_STYLE: Final = re.compile(rf"([a-z-]{{1,20}})\s*:\s*({_WORD}(?:\s{_WORD}){{0,3}})", re.IGNORECASE)
_LINK: Final = re.compile(r"(?:https?://|mailto:|tel:)[^\s\x00-\x1f]+", re.IGNORECASE)
_IMAGE: Final = re.compile(r"https://[^\s\x00-\x1f]+", re.IGNORECASE)


def _attribute(_: str, name: str, value: str) -> str | None:
    """What an attribute may hold; None takes it out."""
    match name:
        case "style":
            found = [_STYLE.fullmatch(one.strip()) for one in value.split(";")]
            kept = [f"{one[1]}:{one[2]}" for one in found if one and one[1].lower() in _STYLES]
            return ";".join(kept) or None
        case "href":
            return value if _LINK.fullmatch(value.strip()) else None
        case "src":
            return value if _IMAGE.fullmatch(value.strip()) else None
    return value


_cleaner = nh3.Cleaner(
    tags=_FORMATS | _STYLED,
    attributes={tag: {"dir", "lang", "style"} | _ATTRIBUTES.get(tag, set()) for tag in _STYLED},
    attribute_filter=_attribute,
    url_schemes={"http", "https", "mailto", "tel"},
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


def cleaned(content: str) -> str | None:
    """HTML without anything that acts, loads unseen or hides: as it may be shown in a shop; None
    where nothing is left. Raises ValueError for one that is too long or has too many tags.

    It may take a good part of a second, so it is done before a transaction begins.
    """
    _check(content)
    clean = _cleaner.clean(content).strip()
    _check(clean)
    return clean or None


def _check(content: str) -> None:
    if len(content) > CONTENT_LENGTH_MAX or content.count("<") > TAGS_MAX:
        raise ValueError("this content is too long, or has too many tags")


def plain(title: str) -> str | None:
    """A title without any markup, in one line; None where nothing is left.

    Markup that is written as entities is taken out as well: a theme that shows the title without
    care makes no tag of it either.
    """
    before = ""
    while title != before:  # each round but the last makes it shorter
        before, title = title, unescape(nh3.clean(title, tags=set()))
    return " ".join(title.split()) or None


def page_of(tx: Transaction, store_id: int) -> InfoPage:
    """A store's info page; an empty one, of revision 0, where it has none."""
    found = tx.one(_CURRENT, InfoPage, store_id=store_id)
    return found or InfoPage(store_id, 0, None, None, None, None, 0, "")


def change_page(
    tx: Transaction, store_id: int, texts: Mapping[str, str | None], now: Instant, by: str
) -> InfoPage:
    """The page with these texts in place of its own, by their names; others stay.

    They have been through `plain` and `cleaned`.
    """
    before = page_of(tx, store_id)
    after = msgspec.structs.replace(before, **texts)
    if after == before:
        return before
    after = msgspec.structs.replace(
        after, revision=before.revision + 1, changed_at=now, changed_by=by
    )
    tx.run(_ADD_REVISION, **msgspec.structs.asdict(after))
    return after
