"""Targets: where a webhook may be told of events, and where not.

Whoever may add a webhook must not be able to make this server call what only this server can reach.
What an address says of itself is checked when the webhook is added; what its name stands for, when
an event is sent, because a name can be given another meaning at any time. The connection then goes
to the address that was checked, and to no second answer of the same name.
"""

import asyncio
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from typing import Final
from urllib.parse import SplitResult, urlsplit

from nuqta.refusals import TARGET_REFUSED, Refusal

URL_LENGTH_MAX: Final = 2_000
_PRINTABLE = re.compile(r"[!-\[\]-~]+")  # ASCII without spaces and backslashes
_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = IPv6Network("::/96")
_SPECIAL_4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private use
            "100.64.0.0/10",  # between a provider and its customers
            "127.0.0.0/8",  # this machine
            "169.254.0.0/16",  # this link: clouds tell machines their secrets here
            "172.16.0.0/12",  # private use
            "192.0.0.0/24",  # protocols of the IETF
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112: answers about private names
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # the way from 6to4 to IPv6, given up
            "192.168.0.0/16",  # private use
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # measurements between networks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # many receivers at once
            "240.0.0.0/4",  # reserved, and everybody
        ),
    )
)
_PUBLIC_6: Final = IPv6Network("2000::/3")
"""All that IANA gives to networks; what lies outside is special, or nobody's yet."""
_SPECIAL_6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocols of the IETF: Teredo, benchmarks, AMT, ORCHID
            "2001:db8::/32",  # documentation
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
        ),
    )
)
"""The special-purpose registries of IANA (RFC 6890), with what they name as reachable: none of it
is where a shop has a server. Not the tables of Python's ipaddress, which differ by its version."""


_LOOKUPS: Final = ThreadPoolExecutor(64, "nuqta-lookup")
"""Names are looked up apart from all other work: whoever owns a name may let the question wait,
longer than the delivery that asked, and must not hold up the worker's lease with it."""


class NotPublic(OSError):
    """A name stands for an address that is not public; nothing was sent."""


def check(url: str, *, private: bool) -> Refusal | None:
    """Whether a webhook may have this address, as far as the address itself tells.

    `private` allows addresses that are not public. Refuses TARGET_REFUSED.
    """
    if len(url) > URL_LENGTH_MAX or _PRINTABLE.fullmatch(url) is None:
        return TARGET_REFUSED
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return TARGET_REFUSED
    has_user = "@" in parts.netloc
    if parts.scheme not in ("http", "https") or has_user or parts.fragment or port == 0:
        return TARGET_REFUSED
    if "%" in parts.netloc:  # an interface of this machine
        return TARGET_REFUSED
    address = _literal(host)
    if address is None and (parts.netloc.startswith("[") or _NAME.fullmatch(host) is None):
        return TARGET_REFUSED
    if private:
        return None
    if address is not None:
        return None if is_public(address) else TARGET_REFUSED
    name = host.rstrip(".")
    return TARGET_REFUSED if name == "localhost" or name.endswith(".localhost") else None


def _literal(host: str) -> str | None:
    """The address that the host is, also as 127.1 or 0x7f000001; None for a name."""
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def is_public(text: str) -> bool:
    """Whether an address is one of the public network, whatever form of IPv6 it is wrapped in."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    address = _unwrapped(address)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_4)
    return address in _PUBLIC_6 and not any(address in network for network in _SPECIAL_6)


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address to which such an IPv6 address leads."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64 or address in _COMPATIBLE:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


async def addresses(parts: SplitResult, *, private: bool) -> list[str]:
    """What the host of an address stands for now. Raises NotPublic, or OSError for no answer.

    One address that is not public spoils them all: such a name is not asked twice.
    """
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.run_in_executor(
            _LOOKUPS, partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        )
    except UnicodeError as error:
        raise OSError("the name is not one that can be asked for") from error
    known = list(dict.fromkeys(str(place[4][0]) for place in found))
    if not known:
        raise OSError("the name stands for no address")
    if not private and not all(map(is_public, known)):
        raise NotPublic("the name stands for an address that is not public")
    return known
