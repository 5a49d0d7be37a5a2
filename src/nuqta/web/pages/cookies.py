"""Cookies: read from what a browser sent, and made as they are set. Source: RFC 6265."""

from collections.abc import Mapping

from nuqta.settings import Settings


def sent(headers: Mapping[bytes, bytes], name: str) -> str:
    """The cookie of that name; "" where there is none, or more than one: then somebody else has
    set one of them."""
    found = []
    for pair in headers.get(b"cookie", b"").decode("latin-1").split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name:
            found.append(value)
    return found[0] if len(found) == 1 else ""


def setting(settings: Settings, name: str, value: str, path: str) -> tuple[bytes, bytes]:
    """The header that sets a cookie until the browser is closed, for this host alone, out of reach
    of scripts and of other sites' forms; an empty value removes it."""
    secure = "; Secure" if settings.cookie_secure else ""
    end = "" if value else "; Max-Age=0"
    text = f"{name}={value}; Path={path}; HttpOnly; SameSite=Lax{secure}{end}"
    return b"set-cookie", text.encode("ascii")
