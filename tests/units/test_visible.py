# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Thirty days, and clocks that disagree."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from canale.channel.channels import create_channel
from canale.channel.models import Post
from canale.publishing.content import Content
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("later", "visible"),
    [
        (timedelta(), True),
        # Published by a node whose clock is behind, or was set back.
        (timedelta(seconds=-2), True),
        (timedelta(hours=-1), True),
        (timedelta(days=30, seconds=-1), True),
        (timedelta(days=30), False),
    ],
)
def test_a_published_post_is_visible_until_its_end(later: timedelta, visible: bool) -> None:
    channel = create_channel("orologi", "Orologi")
    draft = save_draft(channel, Content(kind="news", headline="Ora", text=""), by="test")
    assert not draft.is_visible(timezone.now())
    now = timezone.now()
    post = publish(draft, by="test", now=now)
    assert post.is_visible(now + later) is visible
    assert Post.objects.visible(now + later).filter(pk=post.pk).exists() is visible
