"""Where a webhook may lead: not into this machine, nor into a network that only it can reach.

The resolver of the standard library is replaced, so that names mean what a test wants.
"""

import socket
import threading
from ipaddress import ip_network
from pathlib import Path

import pytest

from nuqta import refusals
from nuqta.web.targets import check, is_public
from tests.http.server import PATIENCE_S
from tests.worker.receiver import Receiver
from tests.worker.work import deliver, state, subscribe
from tests.world import World, open_world

GOOD = [
    "https://shop.example/events", "http://shop.example", "https://shop.example:8443/x?y=z",
    "https://8.8.8.8/", "https://[2606:4700::1111]:444/", "HTTPS://SHOP.EXAMPLE/A%20b",
    "https://xn--mgberp4a5d4ar.example/", "https://shop.example./",
]  # fmt: skip
BAD = [
    "", "shop.example", "//shop.example", "ftp://shop.example/", "file:///etc/passwd", "http://",
    "javascript:alert(1)", "gopher://shop.example", "https://user@shop.example/",
    "https://user:password@shop.example/", "https://@shop.example/", "https://shop.example/#part",
    "https://shop.example:0/", "https://shop.example:99999/", "https://shop.example:x/",
    "https://shop .example/", " https://shop.example/", "https://shop.example/\n",
    "https://shop.example/\r\nX: y", "https://shop\t.example/", "https://متجر.example/",
    "https://shop.example\\@10.0.0.1/", "https://" + "a" * 64 + ".example/", "https://a..b/",
    "https://[::1", "https://[fe80::1%25eth0]/", "https://[x]/", "https:///events",
    "https://shop.example/" + "x" * 2_000, "http://%31%30.0.0.1/",
]  # fmt: skip
PRIVATE = [
    "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/",
    "http://0177.0.0.1/", "http://0/", "http://10.0.0.1/", "http://172.16.0.1/",
    "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/",
    "http://[::1]/", "http://[::]/", "http://[::ffff:10.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://[fe80::1]/", "http://[fc00::1]/", "http://[fec0::1]/", "http://[2002:a00:1::]/",
    "http://[64:ff9b::a00:1]/", "http://[::10.0.0.1]/", "http://[64:ff9b:1::1]/",
    "http://224.0.0.1/", "http://[ff02::1]/", "http://255.255.255.255/", "http://0.0.0.0/",
    "http://192.0.0.8/", "http://198.18.0.1/", "http://240.0.0.1/", "http://[2001:db8::1]/",
    "http://localhost/", "http://LocalHost:80/", "http://localhost./", "http://shop.localhost/",
]  # fmt: skip


@pytest.mark.parametrize("url", GOOD)
def test_a_good_address(url: str) -> None:
    assert check(url, private=False) is None
    assert check(url, private=True) is None


@pytest.mark.parametrize("url", BAD)
def test_what_is_no_address(url: str) -> None:
    assert check(url, private=False) is refusals.TARGET_REFUSED
    assert check(url, private=True) is refusals.TARGET_REFUSED


@pytest.mark.parametrize("url", PRIVATE)
def test_what_is_not_public_is_refused_at_once_unless_allowed(url: str) -> None:
    assert check(url, private=False) is refusals.TARGET_REFUSED
    assert check(url, private=True) is None


@pytest.mark.parametrize("text", ["", "x", "127.0.0.1", "fe80::1%1", "10.0.0.1/8", "1.1.1"])
def test_no_public_address(text: str) -> None:
    assert not is_public(text)


# The rows of IANA's registries of special-purpose addresses, IPv4 and IPv6, and multicast.
SPECIAL = [
    "0.0.0.0/8", "0.0.0.0/32", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24", "192.0.0.0/29", "192.0.0.8/32", "192.0.0.9/32",
    "192.0.0.10/32", "192.0.0.170/31", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
    "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "240.0.0.0/4", "255.255.255.255/32", "224.0.0.0/4",
    "::1/128", "::/128", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001::/32",
    "2001:1::1/128", "2001:1::2/128", "2001:1::3/128", "2001:2::/48", "2001:3::/32",
    "2001:4:112::/48", "2001:10::/28", "2001:20::/28", "2001:30::/28", "2001:db8::/32",
    "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10",
    "ff00::/8",
]  # fmt: skip
BESIDE = [
    "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
    "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255",
    "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2001:200::",
    "2001:db7:ffff::", "2001:db9::", "2620:4f:8001::", "2a00::1", "3ffe:ffff::",
]  # fmt: skip


@pytest.mark.parametrize("row", SPECIAL)
def test_special_purpose_addresses_are_not_called(row: str) -> None:
    network = ip_network(row)
    for address in (network[0], network[-1]):
        shown = f"[{address}]" if network.version == 6 else str(address)
        assert not is_public(str(address))
        assert check(f"https://{shown}/", private=False) is refusals.TARGET_REFUSED
        if network.version == 4:  # nor by the ways in which IPv6 leads to them
            digits = f"{int(address):08x}"
            low = f"{digits[:4]}:{digits[4:]}"
            for wrapped in (f"::ffff:{low}", f"64:ff9b::{low}", f"2002:{low}::1", f"::{low}"):
                assert not is_public(wrapped), wrapped


@pytest.mark.parametrize("text", BESIDE)
def test_control_their_neighbours_are_public(text: str) -> None:
    assert is_public(text)


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[object]:
    """Every name stands for these addresses; the names that were asked for."""
    asked: list[object] = []

    def answer(host: object, port: object, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "",
             (one, port))
            for one in addresses
        ]  # fmt: skip

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], []]
)
def test_a_name_that_stands_for_what_is_not_public_is_not_called(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    with open_world(tmp_path) as world:
        webhook = subscribe(world, f"http://shop.example:{receiver.port}/events")
        world.earn(world.aisha, 1)
        asked = resolving(monkeypatch, *addresses)
        deliver(world)
        assert asked == ["shop.example"]
        assert receiver.told == []
        error = state(world, webhook)["last_error"]
        assert "not public" in error or "no address" in error


def test_an_address_of_this_machine_is_not_called_however_it_came_to_be_kept(
    tmp_path: Path, receiver: Receiver
) -> None:
    """The setting was 1 when the webhook was added, and is 0 now."""
    with open_world(tmp_path) as world:
        webhook = subscribe(world, receiver.url)
        world.earn(world.aisha, 1)
        deliver(world)
        assert receiver.told == []
        assert "may be called" in state(world, webhook)["last_error"]


def test_the_checked_address_is_called_under_its_name(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is asked for once; what it means a moment later cannot lead elsewhere."""
    subscribe(world, f"http://shop.example:{receiver.port}/events?a=b")
    world.earn(world.aisha, 1)
    asked = resolving(monkeypatch, "127.0.0.1")
    deliver(world)
    (told,) = receiver.told
    assert told.headers["host"] == f"shop.example:{receiver.port}"
    assert told.path == "/events?a=b"
    assert asked == ["shop.example"]


def test_several_addresses_take_turns(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(world, f"http://shop.example:{receiver.port}/events")
    world.earn(world.aisha, 1)
    resolving(monkeypatch, "127.0.0.2", "127.0.0.1")  # nobody listens at the first
    deliver(world)
    assert receiver.told == []
    world.time.forward(seconds=5)
    deliver(world)
    assert len(receiver.told) == 1
    assert receiver.told[0].headers["host"] == f"shop.example:{receiver.port}"


def test_a_redirect_into_this_machine_is_not_followed(world: World, receiver: Receiver) -> None:
    receiver.answer = lambda told: (307, {"location": "http://127.0.0.1:1/inside"})
    webhook = subscribe(world, receiver.url)
    world.earn(world.aisha, 1)
    deliver(world)
    assert state(world, webhook)["last_error"] == "answered 307"
    assert [told.path for told in receiver.told] == ["/events"]


def test_no_proxy_of_the_environment_is_asked(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    subscribe(world, receiver.url)
    world.earn(world.aisha, 1)
    deliver(world)
    assert len(receiver.told) == 1


def test_tls_asks_for_the_name_and_not_for_the_address(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first message of TLS says, in the clear, for which name a certificate is wanted."""
    hello = b""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def accept() -> None:
            nonlocal hello
            connection, _ = listener.accept()
            with connection:
                hello = connection.recv(4_096)

        thread = threading.Thread(target=accept)
        thread.start()
        webhook = subscribe(world, f"https://shop.example.:{port}/")
        world.earn(world.aisha, 1)
        resolving(monkeypatch, "127.0.0.1")
        deliver(world)
        thread.join(PATIENCE_S)
    assert b"shop.example" in hello
    assert b"shop.example." not in hello
    assert "no connection" in state(world, webhook)["last_error"]
