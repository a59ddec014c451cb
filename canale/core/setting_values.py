# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Parsers for the values of settings.

Each raises ValueError for a value that cannot work, and KeyError for a word that is not one of
those allowed. The message adds what the setting's list of allowed values does not say.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from zoneinfo import available_timezones

import idna

from canale.core.database_url import parse_database_url

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

USUAL_PORTS = {"http": 80, "https": 443}
MAX_PORT = 65535
# RFC 1035, section 2.3.4, and RFC 952 as RFC 1123, section 2.1 extends it.
MAX_NAME = 253
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
# Browsers read a name that ends in a number as an IPv4 address (https://url.spec.whatwg.org/#ends-in-a-number-checker).
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
# RFC 5322, section 3.2.3, without quoted forms and the signs that mean something in a URI.
_LOCAL_PART = re.compile(r"[A-Za-z0-9!$'*+=^_`{|}~-]+(?:\.[A-Za-z0-9!$'*+=^_`{|}~-]+)*")
MAX_LOCAL_PART = 64
# Names that lead nowhere outside one network (RFC 6761, RFC 6762, RFC 8375, RFC 9476, and ICANN's
# decision on .internal; the rest are in use behind routers).
_PRIVATE_ENDS = {
    *("localhost", "local", "localdomain", "invalid", "onion", "alt", "internal", "arpa"),
    *("lan", "home", "corp", "intranet", "private"),
}
_PRINTABLE = re.compile(r"[!-~]+", re.ASCII)


def host_name(text: str) -> str:
    """A host's name as it is sent: lower case, with letters beyond ASCII in punycode (UTS #46)."""
    name = text if text.isascii() else idna.uts46_remap(text, std3_rules=False, transitional=False)
    labels = name.lower().removesuffix(".").split(".")
    for place, label in enumerate(labels):
        try:
            if not label.isascii():
                labels[place] = idna.alabel(label).decode("ascii")
            elif label.startswith("xn--"):
                idna.ulabel(label)
        except idna.IDNAError as error:
            raise ValueError(f"{label} is not allowed in a host's name ({error})") from error
        if "_" in label:
            raise ValueError(f"{label} has an underscore, which no host's name may have")
        if not _LABEL.fullmatch(labels[place]):
            raise ValueError(f"{labels[place]!r} is not allowed in a host's name")
    name = ".".join(labels)
    if len(name) > MAX_NAME or _NUMBER.fullmatch(labels[-1]):
        raise ValueError(f"{text} is not a host's name")
    return name


def ip_address(text: str) -> str:
    """An IP address in its usual form, without a zone (fe80::1%eth0)."""
    if "%" in text:
        raise ValueError("an address with a zone means something on one machine only")
    return str(ipaddress.ip_address(text))


def listening_host(text: str) -> str:
    """A host to listen on: an IP address, with or without brackets, or a name."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in bare:
        return ip_address(bare)
    try:
        return ip_address(bare)
    except ValueError:
        return host_name(bare)


def web_host(text: str) -> str:
    """The host of a web address, in brackets if it is an IPv6 address."""
    bracketed = text.startswith("[") and text.endswith("]")
    try:
        address = ipaddress.ip_address(ip_address(text[1:-1] if bracketed else text))
    except ValueError:
        if bracketed or ":" in text:
            raise
        return host_name(text)
    if address.is_unspecified or address.is_multicast or str(address) == "255.255.255.255":
        raise ValueError(f"{address} is no address that a browser can open")
    return f"[{address}]" if address.version == 6 else str(address)


def origin(text: str) -> str:
    """Scheme, host and port (RFC 6454, section 6.2) of a web address; anything more is refused."""
    parts = _web_address(text)
    if parts.path not in {"", "/"} or "?" in text or "#" in text:
        raise ValueError("it must end after the host or the port")
    return f"{parts.scheme}://{_place(parts)}"


def _web_address(text: str) -> SplitResult:
    if any(character.isspace() or not character.isprintable() for character in text):
        raise ValueError("it has a blank or a control character")
    if "\\" in text:
        raise ValueError("it has a backslash")
    parts = urlsplit(text)
    if parts.scheme not in USUAL_PORTS:
        raise ValueError("it must begin with http:// or https://")
    if not parts.netloc:
        raise ValueError("it names no host")
    if "@" in parts.netloc:
        raise ValueError("it must not name a user")
    return parts


def _place(parts: SplitResult) -> str:
    """The host, and the port unless it is the scheme's own."""
    host, bracket, rest = parts.netloc.rpartition("]")
    if not bracket:
        host, _, port = parts.netloc.partition(":")
    elif rest and not rest.startswith(":"):
        raise ValueError(f"{parts.netloc} is not a host and a port")
    else:
        host, port = host + bracket, rest[1:]
    number = port_number(port) if port else USUAL_PORTS[parts.scheme]
    return web_host(host) + (f":{number}" if number != USUAL_PORTS[parts.scheme] else "")


def whole(text: str, low: int, high: int) -> int:
    """A whole number in plain ASCII digits: Python's own `int` takes 1_000, +1 and ٣ as well."""
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or not low <= int(text) <= high:
        raise ValueError
    return int(text)


def port_number(text: str) -> int:
    return whole(text, 1, MAX_PORT)


def push_proxy(text: str) -> str:
    """A proxy for outgoing connections; empty for none (`direct`). A password stays in it."""
    if text == "direct":
        return ""
    if not _PRINTABLE.fullmatch(text):
        raise ValueError("it has a blank or a letter beyond ASCII")
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if parts.scheme not in USUAL_PORTS:
        raise ValueError("only http and https proxies (CONNECT) are used")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or not parts.hostname:
        raise ValueError("it must end after the host or the port")
    if parts.port == 0:
        raise ValueError
    return f"{parts.scheme}://{parts.netloc}"


def proxy_of(environment: Mapping[str, str]) -> str:
    """The proxy for https that the environment names, in curl's way; a name in capitals goes last.
    NO_PROXY counts as a whole (`*`): push services are no hosts of one's own. Raises ValueError,
    with the variable's name first."""
    if "*" in (environment.get("no_proxy"), environment.get("NO_PROXY")):
        return ""
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        text = environment.get(name, "").strip()
        if text:
            try:
                return push_proxy(text)
            except ValueError as error:
                raise ValueError(name, *error.args) from error
    return ""


def origins(text: str) -> tuple[str, ...]:
    return tuple(origin(part.strip()) for part in text.split(",") if part.strip())


def nats_servers(text: str) -> tuple[str, ...]:
    """Parse NATS URLs. Error messages repeat no part of an address: it may hold a password."""
    servers = tuple(part.strip() for part in text.split(",") if part.strip())
    for server in servers:
        if not _PRINTABLE.fullmatch(server):
            raise ValueError("an address has a blank or a letter beyond ASCII")
        parts = urlsplit(server)
        beyond = parts.path.strip("/") or parts.query or parts.fragment
        if parts.scheme not in {"nats", "tls"} or not parts.hostname or parts.port == 0 or beyond:
            raise ValueError("it is not an address of NATS")
        if "%" in parts.hostname:
            raise ValueError("a host's name has a percent sign")
    return servers


def database_url(text: str) -> str:
    parse_database_url(text)
    return text


def networks(text: str) -> tuple[Network, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return tuple(ipaddress.ip_network(part) for part in parts)


def proxy_networks(text: str) -> tuple[str, ...]:
    named = networks(text)
    for network in named:
        if network.prefixlen == 0:
            raise ValueError(f"{network} is everybody, and anybody could invent an address")
    return tuple(map(str, named))


def contact(text: str) -> str:
    """A URI that every push service takes in a token's `sub` (RFC 8292, section 2.1). Apple answers
    403 BadJwtToken to one that its parser dislikes: exactly one address, no name beside it."""
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() == "mailto":
        local, at, domain = rest.rpartition("@")
        if not at or len(local) > MAX_LOCAL_PART or not _LOCAL_PART.fullmatch(local):
            raise ValueError("after mailto: comes one plain e-mail address and nothing else")
        name = host_name(domain)
        _refuse_private(name)
        return f"mailto:{local}@{name}"
    if colon and scheme.lower() == "https":
        parts = _web_address(text)
        _refuse_private(_place(parts).partition(":")[0])
        after = text.partition("://")[2][len(parts.netloc) :]
        if not _PRINTABLE.fullmatch(after or "/"):
            raise ValueError("it has a letter beyond ASCII after the host; percent-encode it")
        return f"https://{_place(parts)}{after}"
    raise ValueError("it must begin with mailto: or https:")


def _refuse_private(host: str) -> None:
    labels = host.split(".")
    if len(labels) < 2 or "[" in host or labels[-1].isdecimal() or labels[-1] in _PRIVATE_ENDS:
        raise ValueError(f"{host} is not a name on the internet")


def is_contact(text: str) -> bool:
    """True if push services take it."""
    try:
        return contact(text) == text
    except ValueError:
        return False


def link(text: str) -> str:
    """A web address for people to open."""
    parts = _web_address(text)
    return f"{parts.scheme}://{_place(parts)}" + text.partition("://")[2][len(parts.netloc) :]


def folder(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:  # The home of a user who is not there (~name).
        raise ValueError(str(error)) from error


def switch(text: str) -> bool:
    return {"on": True, "off": False}[text]


def log_form(text: str) -> str:
    return {"text": "text", "json": "json"}[text]


def time_zone(text: str) -> str:
    if text not in available_timezones():
        raise ValueError
    return text
