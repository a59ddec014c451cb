# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The parts of `canale check` that try something: the site, a file, a row."""

from __future__ import annotations

import http.client
import socket
import ssl
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from django.db import Error, connection, transaction

from canale.core import durable_files
from canale.core.finding import Finding
from canale.core.setting_values import USUAL_PORTS
from canale.core.settings import settings

SECONDS = 5.0
# Let's Encrypt's certificates live for 90 days and are renewed 30 days before their end.
DAYS_LEFT = 14
DAY = 86_400
# A page that only canale serves in this form, and that proxies pass on.
PATH = "/.well-known/security.txt"


def site() -> Iterator[Finding]:
    """Request the base URL as a browser does."""
    base = settings.base_url
    parts = urlsplit(base)
    host, port = parts.hostname or "", parts.port or USUAL_PORTS[parts.scheme]
    local = parts.scheme == "http"
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]
    except OSError as error:
        yield Finding(
            False,
            f"the name {host} is not found ({error.strerror})",
            "let its DNS records (A, AAAA) name this machine or its proxy; correct CANALE_BASE_URL",
            warning=local,
        )
        return
    where = f"{base} ({address})"
    try:
        status, ours, left = _request(host, port, tls=not local)
    except (OSError, http.client.HTTPException) as error:
        yield _no_response(where, error)
        return
    yield _response(where, status, ours=ours, local=local)
    if left is not None:
        yield Finding(
            left > DAYS_LEFT,
            f"its certificate ends in {left} days",
            "renew it, and see why that did not happen on its own (certbot renew --dry-run)",
            warning=left > 0,
        )


def _no_response(where: str, error: Exception) -> Finding:
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "verify_message", "") or error.reason or str(error)
        return Finding(
            False,
            f"the certificate at {where} is not trusted: {reason}",
            "get one for this name (docs/operate.md, Behind a proxy), with its whole chain",
        )
    return Finding(
        False,
        f"nothing answers at {where}: {error}",
        "start canale and its proxy; if they run, open the port, or correct CANALE_BASE_URL. "
        "From inside some networks one's own public address cannot be reached: try it outside",
        warning=True,
    )


def _response(where: str, status: int, *, ours: bool, local: bool) -> Finding:
    others = "" if ours else f" {status}, and not with this channel's pages"
    return Finding(
        ours,
        f"{where} answers{others}",
        "start canale (502, 503), let the proxy pass Host on (421), or correct CANALE_BASE_URL",
        warning=local or status in (502, 503, 504),
    )


def _request(host: str, port: int, *, tls: bool) -> tuple[int, bool, int | None]:
    """Return status, whether canale answered, and the days left of the certificate.

    Raises OSError, HTTPException.
    """
    line: http.client.HTTPConnection
    if tls:
        context = ssl.create_default_context()
        line = http.client.HTTPSConnection(host, port, timeout=SECONDS, context=context)
    else:
        line = http.client.HTTPConnection(host, port, timeout=SECONDS)
    try:
        line.connect()
        left = None
        if isinstance(line.sock, ssl.SSLSocket):
            end = ssl.cert_time_to_seconds(str((line.sock.getpeercert() or {})["notAfter"]))
            left = int((end - time.time()) // DAY)
        line.request("GET", PATH)
        answer = line.getresponse()
        body = answer.read(4096).decode("latin-1")
    finally:
        line.close()
    ours = answer.status == http.HTTPStatus.OK and f"Contact: {settings.vapid_contact}" in body
    return answer.status, ours, left


def written_file() -> Iterator[Finding]:
    trouble = ""
    try:
        with tempfile.NamedTemporaryFile(dir=settings.data, prefix=".check-") as file:
            file.write(b"x" * 4096)
            file.flush()
            durable_files.sync(Path(file.name))
    except OSError as error:
        trouble = error.strerror or str(error)
    yield Finding(
        not trouble,
        f"a file can be written to {settings.data}"
        if not trouble
        else f"no file can be written to {settings.data} ({trouble})",
        "make room, mount it writable, or let the user that runs canale own it",
    )


def written_row() -> Iterator[Finding]:
    """Write a row and roll back."""
    trouble = ""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE django_migrations SET name = name")
            transaction.set_rollback(True)
    except Error as error:
        trouble = (str(error).strip() or type(error).__name__).splitlines()[0]
    yield Finding(
        not trouble,
        "the database can be written" if not trouble else f"nothing can be written ({trouble})",
        "end what holds a lock, make room, or name the primary by CANALE_DATABASE_URL",
    )
