"""
Where posts of ours may go: to public addresses, by https, and nowhere else.

A URL comes from a person who may not see what our network sees. So its shape is checked when it is
given, and the addresses of its host at every post, whatever form they were written in; the post
goes to the very address that was checked.

Source: IANA, "Special-Purpose Address Registry" for IPv4 and IPv6; RFC 6890, 6052, 3056, 4380.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from recoup.errors import InvalidValue

#: Returns the addresses of a host, as text, in the order in which they are to be tried.
Resolve = Callable[[str, int], Sequence[str]]
_Address = IPv4Address | IPv6Address

LONGEST: Final = 2000
PORTS: Final = frozenset({443, 8443})
#: Names that mean this machine or this network, whatever a resolver says.
_INSIDE: Final = ("localhost", "local", "internal", "intranet", "lan", "home.arpa")

#: Nothing of it is anybody's on the Internet, or it is a cloud's own door.
_PRIVATE: Final = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
            "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
            "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "168.63.129.16/32",  # Azure's own
            "2001::/23", "2001:db8::/32", "3fff::/20",
        ),
    )
)  # fmt: skip
#: All that anybody has of IPv6 so far.
_GLOBAL: Final = ip_network("2000::/3")
#: IPv6 addresses that lead to the IPv4 address within: mapped, translated, NAT64, 6to4.
_CARRIERS: Final = tuple(
    (ip_network(network), shift)
    for network, shift in (
        ("::ffff:0:0/96", 0),
        ("::ffff:0:0:0/96", 0),
        ("64:ff9b::/96", 0),
        ("2002::/16", 80),
    )
)


class NotAllowed(InvalidValue):
    """A URL that posts of ours must not go to."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in its parts."""

    secure: bool
    host: str  #: lower case; an IPv6 address without its brackets
    port: int
    path: str  #: with its query

    @property
    def authority(self) -> str:
        """What the header `Host` says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def target(url: str, *, anywhere: bool = False) -> Target:
    """
    Return the parts of a URL that posts may go to, as far as its text tells.

    Args:
        anywhere: Plain http, any port and private addresses are fine too.

    Raises:
        NotAllowed: it is none. The text says why and never shows the URL.
    """
    if not 0 < len(url) <= LONGEST or not url.isascii():
        raise NotAllowed(f"url: expected 1 to {LONGEST} ASCII characters; a host in punycode")
    if any(not "!" <= one <= "~" or one in '\\"<>^`{|}' for one in url):
        raise NotAllowed("url: a character that no URL has; write it as %XX")
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").lower()
    except ValueError:
        raise NotAllowed("url: expected one like https://example.com/hooks") from None
    secure = parts.scheme == "https"
    if not secure and not (anywhere and parts.scheme == "http"):
        hint = "; RECOUP_ALLOW_PRIVATE_URLS=true allows http:// for development"
        allowed = hint if parts.scheme == "http" else ""
        raise NotAllowed(f"url: expected one that begins with https://{allowed}")
    if "@" in parts.netloc:
        raise NotAllowed("url: expected one without user and password")
    if not host or parts.fragment or "%" in host or port == 0:
        raise NotAllowed("url: expected one like https://example.com/hooks, without #")
    if not anywhere:
        _check_name(host, port)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(secure, host, port or (443 if secure else 80), path)


def _check_name(host: str, port: int | None) -> None:
    if port is not None and port not in PORTS:
        raise NotAllowed(f"url: expected a port of {', '.join(map(str, sorted(PORTS)))}")
    name = host.rstrip(".")
    if any(name == one or name.endswith(f".{one}") for one in _INSIDE):
        raise NotAllowed("url: expected a host on the Internet, got a name of this network")
    literal = _literal(name)
    if literal is not None and private(literal):
        raise NotAllowed("url: expected a host on the Internet, got a private address")
    if literal is None and "." not in name:
        raise NotAllowed("url: expected a host on the Internet, got a name without a dot")


def _literal(host: str) -> _Address | None:
    """Return the address that a host is, also as one number, in octal or in hexadecimal."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        # What the system's resolver takes for an address: 127.1, 0x7f000001, 017700000001.
        return IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def private(address: _Address | str) -> bool:
    """Whether an address is not one of the public Internet, or is not an address at all."""
    if isinstance(address, str):
        try:
            address = ip_address(address)
        except ValueError:
            return True
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return True
        for network, shift in _CARRIERS:
            if address in network:
                return private(IPv4Address(int(address) >> shift & 0xFFFFFFFF))
        if address not in _GLOBAL:
            return True
    return not address.is_global or any(
        address in network for network in _PRIVATE if network.version == address.version
    )


def resolved(host: str, port: int) -> tuple[str, ...]:
    """Return the addresses of a host, as the system knows them, each once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def reachable(
    where: Target, *, resolve: Resolve = resolved, anywhere: bool = False
) -> tuple[str, ...]:
    """
    Return the addresses to connect to, looked up once and all of them checked.

    Raises:
        NotAllowed: one of them is private; the others are not tried then either.
        OSError: the host has no address.
    """
    found = tuple(resolve(where.host, where.port))
    if not found:
        raise OSError("the host has no address")
    if not anywhere and any(map(private, found)):
        raise NotAllowed("its host has a private address")
    return found
