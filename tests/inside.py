# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Acts in the database of a running site, by canale's own code, in a process with its settings.

A test talks to it through `Site.inside`. ``python -m tests.inside`` reads lines ``[act, argument]``
and answers each by a line ``{"answer": …}`` or ``{"error": …}``. Each act has a process of its own,
forked from one that has read and imported everything: that takes a fiftieth of the time.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from typing import Any

import django


def follow(subscriptions: list[dict[str, Any]]) -> int:
    """Make a follower of each push subscription, without a welcome; all in a few writes."""
    from django.db import transaction
    from django.db.models import F

    from canale.channel.channels import default_channel
    from canale.followers.device_token import new_token, token_hash
    from canale.followers.models import Address, ChannelCount, Follower
    from canale.vault.fingerprints import fingerprint
    from canale.vault.sealing import seal

    channel = default_channel()
    assert channel is not None
    with transaction.atomic():
        followers = Follower.objects.bulk_create(
            Follower(channel=channel, token_hash=token_hash(new_token())) for _ in subscriptions
        )
        Address.objects.bulk_create(
            Address(
                channel=channel,
                follower=follower,
                kind="push",
                sealed=seal(subscription, "push", channel.pk),
                fingerprint=fingerprint(subscription["endpoint"]),
            )
            for follower, subscription in zip(followers, subscriptions, strict=True)
        )
        ChannelCount.objects.get_or_create(channel=channel)
        ChannelCount.objects.update(followers=F("followers") + len(followers))
    return len(followers)


def publish(said: list[Any]) -> int:
    """A post, planned in batches of so many addresses; its number."""
    from canale.channel.channels import default_channel
    from canale.delivery import plan
    from canale.publishing import publish as publishing
    from canale.publishing.content import Content
    from canale.publishing.drafts import save_draft

    kind, headline, plan.BATCH_ADDRESSES = said
    channel = default_channel()
    assert channel is not None
    post = save_draft(channel, Content(kind, headline, "Testo"), by="cli")
    publishing.publish(post, by="cli")
    return post.pk


def rows(_: object) -> dict[str, int]:
    """How many rows each table has."""
    from django.apps import apps

    return {
        model._meta.db_table: model.objects.count()
        for model in apps.get_models(include_auto_created=True)
    }


def dump(_: object) -> str:
    """Everything in the database, with binary columns in hexadecimal and as text."""
    from django.db import connection

    said: list[str] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                said.extend(_shown(value) for value in row)
    return "\n".join(said)


def _shown(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        raw = bytes(value)
        return f"{raw.hex()} {raw.decode('latin-1')}"
    return str(value)


def counts(post_id: int) -> list[dict[str, Any]]:
    """Return what the newsroom shows of a post's delivery."""
    from canale.channel.models import Post
    from canale.delivery.progress import progress

    said = []
    for row in progress(Post.objects.get(pk=post_id)):
        names = ("transport", "purpose", "planned", "accepted", "gone", "rejected", "skipped")
        more = ("expired", "retrying", "finished", "stopped")
        said.append({name: getattr(row, name) for name in (*names, *more)})
    return said


def claims(_: object) -> list[list[Any]]:
    """Batches that are claimed, and by whom."""
    from canale.delivery.models import Batch

    claimed = Batch.objects.filter(state=Batch.State.CLAIMED).order_by("pk")
    return [list(row) for row in claimed.values_list("pk", "claimed_by")]


def reaction_rows(post_id: int) -> dict[str, int]:
    """How many rows there are of each emoji: what the post's counters must say."""
    from collections import Counter

    from canale.reactions.models import Reaction

    return Counter(Reaction.objects.filter(post_id=post_id).values_list("emoji", flat=True))


def follower_rows(_: object) -> list[int]:
    """Rows of followers and addresses, and what the counter says."""
    from canale.followers.models import Address, ChannelCount, Follower

    return [
        Follower.objects.count(),
        Address.objects.count(),
        ChannelCount.objects.get().followers,
    ]


def age(days: float) -> None:
    """Let all posts be so many days older."""
    from datetime import timedelta

    from django.db.models import F

    from canale.channel.models import Post

    past = timedelta(days=days)
    Post.objects.update(
        published_at=F("published_at") - past, visible_until=F("visible_until") - past
    )


def topics(names: list[str]) -> None:
    """Give the channel topics."""
    from django.utils.text import slugify

    from canale.channel.channels import default_channel

    channel = default_channel()
    assert channel is not None
    for name in names:
        channel.topics.create(slug=slugify(name), name=name)


def preview(said: list[Any]) -> None:
    """The preview of a post's link, as if a worker had fetched it: its title and a picture."""
    import base64

    from canale.channel.images import prepare_preview
    from canale.previews.models import LinkPreview

    post_id, title, picture = said
    fetched = {
        "state": LinkPreview.State.FETCHED,
        "title": title,
        "picture": prepare_preview(base64.b64decode(picture)).variants[0].data,
        "picture_key": "example",
    }
    assert LinkPreview.objects.filter(post=post_id).update(**fetched) == 1


def invites(_: object) -> list[dict[str, Any]]:
    """Each invite's code and count, and all that the table could keep of one."""
    from canale.followers.models import Invite

    columns = sorted(field.column for field in Invite._meta.fields if field.name != "channel")
    rows = Invite.objects.values("code", "joined")
    return [{**row, "columns": columns} for row in rows]


def staff(said: list[str]) -> None:
    """An account with a role in a channel, which is made if there is none."""
    from canale.accounts.models import Membership, Staff
    from canale.channel.channels import create_channel
    from canale.channel.models import Channel

    email, password, handle, role = said
    channel = Channel.objects.filter(handle=handle).first() or create_channel(handle, handle)
    person = Staff.objects.create_user(email, password)
    Membership.objects.create(staff=person, channel=channel, role=role)


def tamper(_: object) -> None:
    """Change an entry of the audit log, as somebody with the database in hand would."""
    from canale.accounts.models import AuditEntry

    entry = AuditEntry.objects.order_by("id")[1]
    AuditEntry.objects.filter(pk=entry.pk).update(actor="nobody@x.it")


def kept_counts(post_id: int) -> dict[str, int]:
    """The counts that outlive a post."""
    from canale.channel.models import Post

    counts: dict[str, int] = Post.objects.get(pk=post_id).reaction_counts
    return counts


def sealed_with(key_file: str) -> dict[str, int]:
    """How many addresses the key in a file opens, and how many it does not."""
    from pathlib import Path

    from cryptography.exceptions import InvalidTag

    from canale.followers.models import Address
    from canale.vault.sealing import bound_to, cipher

    opener = cipher("vault", Path(key_file).read_text().strip())
    opened = {"yes": 0, "no": 0}
    for row in Address.objects.iterator():
        sealed, bound = bytes(row.sealed), bound_to(row.kind, row.channel_id)
        try:
            opener.decrypt(sealed[:12], sealed[12:], bound)
            opened["yes"] += 1
        except InvalidTag:
            opened["no"] += 1
    return opened


def break_a_seal(_: object) -> None:
    """Leave one address that no key opens."""
    from canale.followers.models import Address

    Address.objects.filter(pk=Address.objects.earliest("pk").pk).update(sealed=b"x" * 60)


def second_factor(secret: str) -> None:
    """Give the first member of staff a second factor."""
    from allauth.mfa.models import Authenticator
    from allauth.mfa.totp.internal.auth import TOTP

    from canale.accounts.models import Staff

    TOTP.activate(Staff.objects.get(), secret)
    assert Authenticator.objects.count() == 1


def second_factor_kept(_: object) -> str:
    """The secret of that factor, opened."""
    from allauth.mfa.models import Authenticator
    from allauth.mfa.utils import decrypt

    secret: str = decrypt(Authenticator.objects.get().data["secret"])
    return secret


def undo_migrations(part: str) -> None:
    """Leave the database as a canale left it that did not have this part yet."""
    from django.core.management import call_command

    call_command("migrate", part, "zero", verbosity=0, interactive=False)


def pretend_migration(step: list[str]) -> None:
    """Leave the database as a newer canale leaves it, which has one more migration."""
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    MigrationRecorder(connection).record_applied(*step)


def forget_migration(step: list[str]) -> None:
    """Undo `pretend_migration`."""
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    MigrationRecorder(connection).record_unapplied(*step)


def lose_table(name: str) -> None:
    """Drop a table, as after an unfinished restore."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA foreign_keys = OFF")
        cursor.execute(f"DROP TABLE {connection.ops.quote_name(name)}")


ACTS = {
    act.__name__: act
    for act in (
        follow,
        publish,
        rows,
        dump,
        counts,
        claims,
        reaction_rows,
        follower_rows,
        age,
        topics,
        preview,
        invites,
        staff,
        tamper,
        kept_counts,
        sealed_with,
        break_a_seal,
        second_factor,
        second_factor_kept,
        lose_table,
        undo_migrations,
        pretend_migration,
        forget_migration,
    )
}

# Most of the modules that the acts import.
IMPORTED = (
    "canale.accounts.models",
    "canale.delivery.progress",
    "canale.publishing.drafts",
    "canale.publishing.publish",
    "canale.reactions.models",
    "canale.vault.fingerprints",
    "canale.vault.sealing",
)


def answer_each_line() -> None:
    while line := sys.stdin.readline():
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            with os.fdopen(writing, "w") as out:
                out.write(json.dumps(_done(*json.loads(line))))
            # Notifications for the bus are sent when the process exits.
            return
        os.close(writing)
        with os.fdopen(reading) as answered:
            answer = answered.read()
        _, status = os.waitpid(child, 0)
        if status or not answer:
            answer = json.dumps({"error": f"it ended with {os.waitstatus_to_exitcode(status)}"})
        print(answer, flush=True)


def _done(act: str, argument: Any) -> dict[str, Any]:
    try:
        return {"answer": ACTS[act](argument)}
    except Exception:
        return {"error": traceback.format_exc()}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "canale.core.django_settings")
    django.setup()
    for name in IMPORTED:
        importlib.import_module(name)
    answer_each_line()
