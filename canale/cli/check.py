# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale check: reports what is wrong with the set-up, and how to fix it."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import shutil
import sqlite3
import stat
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

from django.conf import settings as django_settings
from django.db import Error as DatabaseError
from django.db import connection

from canale.bus import Bus, process_bus
from canale.cli.brokers import broker_problem
from canale.cli.check_tries import site, written_file, written_row
from canale.cli.database_postgresql import durability_settings
from canale.cli.diagnostics import database_diagnosis
from canale.core.data_folder import user_name
from canale.core.finding import Finding
from canale.core.settings import settings
from canale.delivery.transports.registry import FAN_OUTS
from canale.followers.models import Address
from canale.net.open_files import most_open_files
from canale.vault.sealing import VaultError, open_sealed

MIN_FREE_BYTES = 2 * 2**30
# SQLite's WAL-reset bug is fixed from here on: https://sqlite.org/wal.html#walresetbug
MIN_SQLITE = (3, 51, 3)
SECONDS = 5.0
# Open files of one process: its live connections (app.py), with a margin.
MIN_OPEN_FILES = 20_500
# A clock that is behind this version's release (November 2025) is wrong.
RELEASED_AT = 1_764_000_000


Check = Callable[[], Iterator[Finding]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--offline",
        action="store_true",
        help="contact neither the site's own URL nor the push services",
    )


def run(arguments: argparse.Namespace) -> int:
    checks: list[Check] = [clock, folder, written_file, permissions, key, address]
    checks += [spec.check_settings for spec in FAN_OUTS]
    checks += [database, vault, bus, broker, front_end, open_files, limits]
    if not arguments.offline:
        checks += [site, *(spec.check_services for spec in FAN_OUTS)]
    findings = sorted(
        (finding for check in checks for finding in check()), key=lambda finding: finding.rank
    )
    sys.stdout.writelines(map(shown, findings))
    sys.stdout.write(f"\n{counted(findings)}")
    return 0 if all(finding.rank for finding in findings) else 1


def clock() -> Iterator[Finding]:
    now = time.time()
    yield Finding(
        now > RELEASED_AT,
        f"the clock says {time.strftime('%Y-%m-%d %H:%M', time.gmtime(now))} UTC",
        "set the machine's time and synchronise it (timedatectl set-ntp true): posts appear and "
        "expire by it",
    )


def folder() -> Iterator[Finding]:
    data = settings.data
    owner = data.stat().st_uid
    # os.walk, and not rglob: it skips folders that disappear while it runs.
    inside = (Path(top, name) for top, *names in os.walk(data) for name in chain(*names))
    foreign = [(path, of.st_uid) for path, of in _existing(inside) if of.st_uid != owner]
    yield Finding(
        not foreign,
        f"everything in the data folder {data} belongs to {user_name(owner)}"
        if not foreign
        else f"{foreign[0][0]} belongs to {user_name(foreign[0][1])}: canale, running "
        f"as {user_name(owner)}, may be unable to open it",
        f"chown -R {user_name(owner)}: {data}",
    )
    free = shutil.disk_usage(data).free
    yield Finding(
        free > MIN_FREE_BYTES,
        f"{free / 2**30:.1f} GiB are free there",
        f"make room: below {MIN_FREE_BYTES // 2**30} GiB a busy day may fill the disk",
    )


def _existing(
    paths: Iterable[Path], *, follow_symlinks: bool = False
) -> Iterator[tuple[Path, os.stat_result]]:
    """Skip files that are deleted during the check: journals, the lock files of workers."""
    for path in paths:
        with suppress(FileNotFoundError):
            yield path, path.stat(follow_symlinks=follow_symlinks)


def permissions() -> Iterator[Finding]:
    """Check for files that an older version, or a copy, left readable to every user."""
    data = settings.data
    open_to_others = [
        path.name
        for path, of in _existing(data.iterdir(), follow_symlinks=True)
        if stat.S_IMODE(of.st_mode) & 0o077
    ]
    closed = stat.S_IMODE(data.stat().st_mode) & 0o077 == 0
    is_closed = closed or not open_to_others
    yield Finding(
        is_closed,
        f"{'nobody else' if is_closed else 'somebody else'} on this machine can read {data}",
        f"chmod -R go= {data}",
    )


def key() -> Iterator[Finding]:
    yield Finding(
        not settings.old_secret_key,
        f"the secret key is {'being changed' if settings.old_secret_key else 'the only one'}",
        "restart every server and worker, then finish it: canale rotate-key",
        warning=True,
    )
    kept = settings.data / "secret-key"
    if not kept.exists() or kept.read_text("ascii").strip() != settings.secret_key:
        yield Finding(True, "the secret key comes from the environment")
        return
    mode = stat.S_IMODE(kept.stat().st_mode)
    is_private = mode & 0o077 == 0
    yield Finding(
        is_private,
        f"{'only its owner' if is_private else 'somebody else'} can read {kept} (mode {mode:o})",
        f"chmod 600 {kept}",
    )
    yield Finding(True, "keep a copy of secret-key apart: without it no follower can be reached")


def address() -> Iterator[Finding]:
    base = settings.base_url
    local = base.split("//", 1)[1].split(":")[0] in ("localhost", "127.0.0.1")
    yield Finding(
        base.startswith("https://"),
        f"citizens reach the channel at {base}",
        "put a proxy with a certificate in front and set CANALE_BASE_URL=https://…: "
        "phones accept notifications over https only"
        + (" (localhost works for trying it out)" if local else ""),
        warning=local,
    )


def database() -> Iterator[Finding]:
    trouble = database_diagnosis()
    if trouble is not None:
        yield Finding(False, trouble.what, trouble.fix)
        return
    yield Finding(True, "the database is of this version")
    yield from written_row()
    if connection.vendor == "sqlite":
        yield from _sqlite()
    else:
        for name, is_on in durability_settings().items():
            yield Finding(
                is_on,
                f"PostgreSQL's {name} is {'on' if is_on else 'off'}",
                f"set {name} = on (deploy/postgresql.conf) and reload it: now a power cut may lose "
                "or damage what was published and who left",
            )


def _sqlite() -> Iterator[Finding]:
    version = sqlite3.sqlite_version_info
    yield Finding(
        version >= MIN_SQLITE,
        f"SQLite is {'.'.join(map(str, version))}",
        "install pysqlite3 (bin/setup and pip do): before 3.51.3 a bug may damage the database",
    )
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA quick_check(1)")
        result = cursor.fetchone()
        cursor.execute("PRAGMA journal_mode")
        journal = str(cursor.fetchone()[0])
    yield Finding(
        journal == "wal",
        f"readers and the writer {'do not ' if journal == 'wal' else ''}wait for each other "
        f"(journal: {journal})",
        "put the data folder on a disk of this machine: SQLite's WAL needs shared memory, which "
        "network file systems lack",
        warning=True,
    )
    is_intact = result is not None and result[0] == "ok"
    yield Finding(
        is_intact,
        f"the database file is {'intact' if is_intact else 'damaged'} "
        f"({result[0] if result else 'no answer'})",
        "stop canale and restore the last backup",
    )


def bus() -> Iterator[Finding]:
    kind = "NATS" if settings.nats_url else "this machine's sockets"
    checked = process_bus()
    end = time.monotonic() + SECONDS
    while checked.problem and time.monotonic() < end:
        time.sleep(0.05)
    trouble = checked.problem or asyncio.run(_roundtrip_problem(checked))
    yield Finding(
        not trouble,
        f"hints go through {kind}" if not trouble else f"no hint comes through {kind} ({trouble})",
        "start nats-server or correct CANALE_NATS_URL, and let its user publish and subscribe to "
        "canale.>; until then pages and workers poll the database every second"
        if settings.nats_url
        else f"let the user that runs canale own {settings.data / 'bus'}",
    )


async def _roundtrip_problem(checked: Bus) -> str:
    """Send a hint to ourselves. Return why it did not arrive; empty if it did."""
    sent = secrets.token_bytes(8)
    received = asyncio.Event()

    def on_message(data: bytes) -> None:
        if data == sent:
            received.set()

    try:
        subscription = checked.subscribe({"check": on_message})
    except OSError as error:
        return str(error)
    try:
        async with asyncio.timeout(SECONDS):
            checked.publish("check", sent)
            await received.wait()
    except TimeoutError:
        return checked.problem or "no message came back"
    finally:
        subscription.close()
    return ""


def broker() -> Iterator[Finding]:
    # The check of the bus reported the cause already.
    if not settings.nats_url or process_bus().problem:
        return
    problem = broker_problem()
    yield Finding(
        not problem,
        "NATS has JetStream" if not problem else f"NATS offers no JetStream ({problem})",
        "let nats-server keep messages, as deploy/nats-server.conf does (jetstream, store_dir), "
        "and its user publish to $JS.API.> and canale-batches.>; until then workers poll the "
        "database every second",
        warning=True,
    )


def vault() -> Iterator[Finding]:
    """Check that the secret key opens the addresses: with another key nobody is notified."""
    try:
        newest = Address.objects.order_by("-id").first()
    except DatabaseError:
        return  # The check of the database reports it.
    if newest is None:
        return
    try:
        open_sealed(bytes(newest.sealed), newest.kind, newest.channel_id)
        opens = True
    except VaultError:
        opens = False
    yield Finding(
        opens,
        f"the secret key {'opens' if opens else 'does not open'} the followers' addresses",
        "restore the secret-key of the backup that this database came from",
    )


def front_end() -> Iterator[Finding]:
    manifest = Path(django_settings.STATIC_ROOT) / "staticfiles.json"
    there = manifest.exists()
    yield Finding(
        there,
        f"styles and scripts are {'' if there else 'not '}built",
        "run bin/setup, or install the wheel again",
    )


def open_files() -> Iterator[Finding]:
    files = most_open_files()
    yield Finding(
        files >= MIN_OPEN_FILES,
        f"a process may open {files} files, so about as many pages may be open",
        f"raise the hard limit to {MIN_OPEN_FILES} or more (systemd: LimitNOFILE=, "
        "shell: ulimit -Hn, containers: --ulimit nofile=)",
        warning=True,
    )


def limits() -> Iterator[Finding]:
    yield Finding(
        settings.rate_limits,
        f"rate limits are {'on' if settings.rate_limits else 'off'}",
        "unset CANALE_RATE_LIMITS: off is for rehearsals and load tests only",
        warning=True,
    )


def shown(finding: Finding) -> str:
    if finding.ok:
        return f"ok       {finding.what}\n"
    mark = "warning " if finding.warning else "WRONG   "
    return f"{mark} {finding.what}\n         → {finding.fix}\n"


def counted(findings: Sequence[Finding]) -> str:
    ranks = Counter(finding.rank for finding in findings)
    warnings = "warning" if ranks[1] == 1 else "warnings"
    return f"{ranks[0]} wrong, {ranks[1]} {warnings}, {ranks[2]} ok\n"
