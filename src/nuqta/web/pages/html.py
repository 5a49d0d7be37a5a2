"""HTML pages: Jinja templates, escaped throughout, without scripts and without any other host.

Each page's policy allows its one style by digest, and no frame around it. A page is never cached.
"""

import unicodedata
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined

from nuqta.texts import ARABIC
from nuqta.web.replies import NO_STORE, VARY
from nuqta.web.routes import Page, Request

HTML: Final = b"text/html; charset=utf-8"
_ISOLATE, _END = "\u2068", "\u2069"
_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def page(
    request: Request,
    template: str,
    status: int = 200,
    *,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    forms_to: str = "'self'",
    **values: Any,
) -> Page:
    """A page in the caller's language. `forms_to` are the sources to which its forms may lead,
    which browsers also ask of redirects that follow."""
    text = (
        _templates()
        .get_template(template)
        .render(
            say=request.say,
            language=request.language,
            direction="rtl" if request.language == ARABIC else "ltr",
            style=_file("style.css"),
            **values,
        )
    )
    return Page(
        status, HTML, text.encode(), (*_plain(request), (_POLICY, _policy(forms_to)), *headers)
    )


def redirect(
    request: Request, status: int, location: str, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Page:
    """On to another address: 303 after a form, which a browser then asks for with a GET."""
    return Page(status, b"", b"", ((b"location", location.encode()), *_plain(request), *headers))


def shown(text: str) -> str:
    """A name in a sentence of whatever direction: it keeps its own, and turns nothing else over."""
    kept = "".join(
        one for one in text if one not in _BIDI and unicodedata.category(one) not in ("Cc", "Cs")
    )
    return f"{_ISOLATE}{kept}{_END}"


_POLICY: Final = b"content-security-policy"


def _plain(request: Request) -> tuple[tuple[bytes, bytes], ...]:
    return (
        NO_STORE,
        VARY,
        (b"content-language", request.language.encode()),
        (b"referrer-policy", b"no-referrer"),
        (b"x-frame-options", b"DENY"),
    )


@lru_cache(maxsize=64)
def _policy(forms_to: str) -> bytes:
    digest = b64encode(sha256(_file("style.css").encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none';"
        f" form-action {forms_to}; frame-ancestors 'none'"
    ).encode("ascii")


@lru_cache(maxsize=1)
def _templates() -> Environment:
    return Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_file),
    )


@lru_cache(maxsize=16)
def _file(name: str) -> str:
    return files("nuqta.web").joinpath("templates", name).read_text(encoding="utf-8")
