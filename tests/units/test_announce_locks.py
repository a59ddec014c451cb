# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Counts are announced while a post is withdrawn: neither waits for the other in a circle."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.utils import timezone

from canale.channel.channels import create_channel
from canale.channel.models import Post
from canale.live.reaction_updates import publish_reaction_updates
from canale.publishing.content import Content
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from canale.reactions.models import Unannounced
from tests.locks import somebody_waits
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres(only="SQLite has one writer at a time"),
]


def test_announcing_locks_the_post_before_its_note() -> None:
    channel = create_channel("cremona", "Cremona")
    draft = save_draft(channel, Content(kind="news", headline="Ora", text=""), by="test")
    post = publish(draft, by="test")
    Unannounced.objects.create(post=post)
    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            Post.objects.select_for_update().get(pk=post.pk)
            announcing = thread.submit(lambda: publish_reaction_updates(timezone.now()))
            wait_until(somebody_waits)
            # A withdrawal deletes the note next: had they taken it already, it would wait for them.
            assert list(Unannounced.objects.select_for_update(nowait=True))
        assert announcing.result(30) == 1
        thread.submit(lambda: connection.close()).result()
