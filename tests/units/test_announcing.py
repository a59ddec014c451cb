# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Counts are announced once a second a post, whatever this machine's clock says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from canale.channel.channels import create_channel
from canale.channel.models import Post
from canale.live.reaction_updates import PACE, publish_reaction_updates
from canale.publishing.content import Content
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from canale.reactions.models import Unannounced


@pytest.fixture
def post(db: None) -> Post:
    channel = create_channel("cremona", "Cremona")
    draft = save_draft(channel, Content(kind="news", headline="Ora", text=""), by="test")
    long_ago = timezone.now() - timedelta(hours=5)
    return publish(draft, by="test", now=long_ago)


# By how much the database's clock, by which the scheduler goes, is ahead of this machine's.
@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_reaction_updates_are_sent_at_most_once_a_second(post: Post, hours: int) -> None:
    now = timezone.now() + timedelta(hours=hours)
    told = []
    for moment in (now, now + PACE / 2, now + PACE * 1.5):
        Unannounced.objects.get_or_create(post=post)
        told.append(publish_reaction_updates(moment))
    assert told == [1, 0, 1]
