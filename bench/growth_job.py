# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""One step of part `growth`, in a process of its own with the installation's settings.

    python -m bench.growth_job prepare
    python -m bench.growth_job seed FOLLOWERS    add followers until there are this many
    python -m bench.growth_job fill FOLLOWERS    add this many whose addresses cannot be opened
    python -m bench.growth_job plan POSTS        publish this many posts
    python -m bench.growth_job deliver           send everything that is planned
    python -m bench.growth_job deliver MESSAGES  send this much of it
    python -m bench.growth_job abandon           cancel the rest
    python -m bench.growth_job size              print the size of the database

Each prints one line of JSON with what it measured: seconds, seconds of CPU, megabytes at the peak.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import django
import uvloop

HANDLE = "cremona"
LANGUAGES = ("it", "it", "it", "en")
ROWS_AT_ONCE = 10_000
KEYS = {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx"
    "aOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}
ENDPOINT = "https://updates.push.services.mozilla.com/wpush/v2/"
FOLLOWER = ("id", "channel_id", "token_hash", "language", "muted", "by_invite", "followed_on")
ADDRESS = ("id", "channel_id", "follower_id", "kind", "sealed", "fingerprint")

Figures = Mapping[str, float]
Values = tuple[int | str | bytes, ...]


def prepare() -> Figures:
    from django.core.management import call_command

    from canale.channel.channels import create_channel

    call_command("migrate", verbosity=0)
    create_channel(HANDLE, "Città di Cremona")
    return {}


def seed(followers: int) -> Figures:
    """Insert rows like those of `follow`, one address each, in bulk."""
    from django.db import connection, transaction

    from canale.channel.channels import default_channel
    from canale.followers.models import Follower

    channel = default_channel()
    assert channel is not None
    present = Follower.objects.count()
    for first in range(present + 1, followers + 1, ROWS_AT_ONCE):
        ids = range(first, min(first + ROWS_AT_ONCE, followers + 1))
        with transaction.atomic():
            _insert("followers_follower", FOLLOWER, _followers(channel.pk, ids))
            _insert("followers_address", ADDRESS, _addresses(channel.pk, ids))
    if connection.vendor == "postgresql":
        # Autovacuum would do this on its own before long.
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    return {}


def _followers(channel: int, ids: range) -> Iterator[Values]:
    from django.utils import timezone

    today = timezone.localdate().isoformat()
    for number in ids:
        language = LANGUAGES[number % len(LANGUAGES)]
        yield number, channel, os.urandom(32), language, False, False, today


def _addresses(channel: int, ids: range) -> Iterator[Values]:
    from canale.vault.fingerprints import fingerprint
    from canale.vault.sealing import seal

    for number in ids:
        endpoint = f"{ENDPOINT}{number:0180}"
        sealed = seal({"endpoint": endpoint, "keys": KEYS}, "push", channel)
        yield number, channel, number, "push", sealed, fingerprint(endpoint)


def _insert(table: str, columns: tuple[str, ...], rows: Iterator[Values]) -> None:
    from django.db import connection

    names = ", ".join(columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(columns))
            statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"
            cursor.executemany(statement, list(rows))


def fill(followers: int) -> Figures:
    """Generate rows of realistic length in PostgreSQL, with numbers for hashes."""
    from django.db import connection

    from canale.followers.models import Follower

    present = Follower.objects.count()
    digest = "decode(lpad(to_hex(n), 64, '0'), 'hex')"
    numbers = f"generate_series({present + 1}, {followers}) n"
    with connection.cursor() as cursor:
        # Skip the check that each address has a follower.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            f"INSERT INTO followers_follower ({', '.join(FOLLOWER)})"
            f" SELECT n, channel_id, {digest}, 'it', false, false, followed_on"
            f" FROM followers_follower f, {numbers} WHERE f.id = 1"
        )
        cursor.execute(
            f"INSERT INTO followers_address ({', '.join(ADDRESS)})"
            f" SELECT n, channel_id, n, kind, sealed, {digest}"
            f" FROM followers_address a, {numbers} WHERE a.id = 1"
        )
        cursor.execute("VACUUM ANALYZE")
    return {}


def plan(posts: int) -> Figures:
    """Measure publishing as a whole, of which planning is the part that grows."""
    from canale.channel.channels import default_channel
    from canale.publishing.content import Content
    from canale.publishing.drafts import save_draft
    from canale.publishing.publish import publish

    channel = default_channel()
    assert channel is not None
    took = 0.0
    used = time.process_time()
    for number in range(posts):
        wording = Content(kind="news", headline=f"Avviso {number}", text="Via Dante è chiusa.")
        draft = save_draft(channel, wording, by="bench")
        started = time.perf_counter()
        publish(draft, by="bench")
        took += time.perf_counter() - started
    used = time.process_time() - used
    return {"seconds": took / posts, "cpu": used / posts, "peak": _peak()}


def deliver(messages: int = sys.maxsize) -> Figures:
    """Measure everything but encryption and network; the transport accepts each message at once."""
    from canale.bus import process_bus
    from canale.delivery.database_source import DatabaseSource
    from canale.delivery.leases import unfinished
    from canale.delivery.models import Broadcast
    from canale.delivery.transports.base import Outcome, Recipient, Result
    from canale.delivery.transports.webpush.message import Message
    from canale.delivery.transports.webpush.transport import WebPushTransport
    from canale.delivery.worker import Worker

    accepted = Result(Outcome.ACCEPTED, 201, "accepted")
    answered = 0

    async def answer(_: WebPushTransport, message: Message, recipient: Recipient) -> Result:
        nonlocal answered
        answered += 1
        return accepted

    WebPushTransport.send = answer  # type: ignore[assignment, method-assign]

    async def all_of_it() -> None:
        worker = Worker(DatabaseSource())
        running = asyncio.create_task(worker.run(process_bus()))
        while answered < messages and await worker.database.run(unfinished().exists):
            await asyncio.sleep(0.02)
        worker.stop()
        await running

    before = _accepted(Broadcast)
    started, used = time.perf_counter(), time.process_time()
    uvloop.run(all_of_it())
    took, used = time.perf_counter() - started, time.process_time() - used
    sent = _accepted(Broadcast) - before
    return {"seconds": took, "cpu": used, "peak": _peak(), "sent": sent}


def _accepted(broadcasts: Any) -> int:
    from django.db.models import Sum

    total: int | None = broadcasts.objects.aggregate(total=Sum("accepted"))["total"]
    return total or 0


def abandon() -> Figures:
    """Cancel everything that is planned and not yet sent."""
    from canale.delivery.models import Batch

    Batch.objects.exclude(state=Batch.State.DONE).update(state=Batch.State.DONE)
    return {}


def size() -> Figures:
    from django.conf import settings
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
            return {"megabytes": cursor.fetchone()[0] / 2**20}
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return {"megabytes": Path(settings.DATABASES["default"]["NAME"]).stat().st_size / 2**20}


def _peak() -> float:
    """Return the peak of this process in megabytes; ru_maxrss would include its parent's."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


ACTS: Mapping[str, Callable[..., Figures]] = {
    act.__name__: act for act in (prepare, seed, fill, plan, deliver, abandon, size)
}

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "canale.core.django_settings")
    django.setup()
    print(json.dumps(ACTS[sys.argv[1]](*map(int, sys.argv[2:]))))
