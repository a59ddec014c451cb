# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Checks of Web Push for `canale check`: the contact, the way to the push services, the clock."""

from __future__ import annotations

import base64
import http.client
import re
import socket
import ssl
import statistics
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urlsplit

from canale.core.finding import Finding
from canale.core.setting_values import is_contact
from canale.core.settings import settings
from canale.delivery.transports.webpush.services import HOSTS

TIMEOUT_SECONDS = 5.0
# A notification's token says until when it holds, by our clock.
MAX_SKEW_SECONDS = 60


def check_settings() -> Iterator[Finding]:
    good = is_contact(settings.vapid_contact)
    yield Finding(
        good,
        f"push services {'take' if good else 'refuse'} the contact {settings.vapid_contact}",
        "set CANALE_VAPID_CONTACT=mailto:NAME@YOUR.DOMAIN, read by a person: "
        "Apple answers 403 to others",
        warning=not settings.base_url.startswith("https://"),
    )


def check_services() -> Iterator[Finding]:
    if settings.push_proxy.startswith("https:"):
        # Python cannot open TLS within TLS on a socket; what sends notifications can.
        yield Finding(
            False,
            "the push services were not tried: the proxy is itself reached by TLS",
            "publish a post, and see in the newsroom whether phones got it",
            warning=True,
        )
        return
    through = " through the proxy" if settings.push_proxy else ""
    times: list[float] = []
    for host in HOSTS:
        try:
            with connect_to(host) as connection:
                times += their_time(connection, host)
            yield Finding(True, f"{host} can be reached{through}")
        except socket.gaierror as error:
            yield Finding(
                False,
                f"the name {host} is not found ({error.strerror})",
                "fix this machine's name resolution (/etc/resolv.conf): notifications go there",
            )
        except OSError as error:
            yield Finding(
                False,
                f"{host} cannot be reached{through} ({error})",
                "let this machine open connections to port 443: notifications go through there; or "
                "name the proxy that does, by CANALE_PUSH_PROXY",
            )
    if times:
        yield skew(time.time() - statistics.median(times))


def connect_to(host: str) -> ssl.SSLSocket:
    """A TLS connection to a push service, by the way that workers take: through the proxy, if there
    is one (RFC 9110, section 9.3.6). Raises OSError."""
    proxy = urlsplit(settings.push_proxy)
    at = (proxy.hostname or "", proxy.port or 80) if settings.push_proxy else (host, 443)
    line = socket.create_connection(at, TIMEOUT_SECONDS)
    if settings.push_proxy:
        head = f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n"
        if proxy.username:
            pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
            head += f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"
        line.sendall(f"{head}\r\n".encode())
        reply = b""
        while b"\r\n\r\n" not in reply and len(reply) <= 16_384:
            part = line.recv(1024)
            if not part:
                break
            reply += part
        status = reply.split(b"\r\n")[0].decode("latin-1")
        # Any 2xx opens the tunnel.
        if not re.match(r"HTTP/1\.[01] 2[0-9]{2}\b", status):
            line.close()
            raise OSError(f"the proxy answers {status or 'nothing'}")
    return ssl.create_default_context().wrap_socket(line, server_hostname=host)


def their_time(connection: socket.socket, host: str) -> list[float]:
    """The far end's clock, in seconds since the epoch: none or one. Raises OSError."""
    connection.sendall(f"HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = http.client.HTTPResponse(connection, method="HEAD")
    try:
        answer.begin()
        return [parsedate_to_datetime(answer.headers["date"]).timestamp()]
    except (http.client.HTTPException, TypeError, ValueError):
        return []


def skew(seconds: float) -> Finding:
    """A notification's token says until when it holds, by our clock."""
    ahead = "ahead of" if seconds > 0 else "behind"
    return Finding(
        abs(seconds) < MAX_SKEW_SECONDS,
        f"the clock is {abs(seconds):.0f} s {ahead} that of the push services",
        "set the machine's time and keep it by NTP (timedatectl set-ntp true): push services "
        "refuse a sender whose time is wrong",
    )
