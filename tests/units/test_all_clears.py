# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which alert an all-clear may end, at every door the same."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from canale.channel.channels import create_channel
from canale.channel.models import Channel, Post
from canale.publishing.content import Content, PostRefusedError, check
from canale.publishing.correct import correct
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from canale.publishing.withdraw import withdraw

pytestmark = pytest.mark.django_db


@pytest.fixture
def city() -> Channel:
    return create_channel("cremona", "Comune di Cremona")


def clearing(alert: Post | int | None, kind: str = "alert") -> Content:
    number = alert.pk if isinstance(alert, Post) else alert
    return Content(kind, "Cessata", "", all_clear_of=number)


def published(city: Channel, wording: Content) -> Post:
    return publish(save_draft(city, wording, by="cli"), by="cli")


@pytest.fixture
def alert(city: Channel) -> Post:
    return published(city, Content("alert", "Il Po sale", ""))


def refused(city: Channel, wording: Content, post: Post | None = None) -> list[str]:
    with pytest.raises(PostRefusedError) as error:
        check(city, wording, post)
    return list(error.value.errors)


def test_alert_ends_a_visible_alert(city: Channel, alert: Post) -> None:
    clear = published(city, clearing(alert))
    assert clear.content.all_clear_of == alert
    assert not alert.is_active_alert(timezone.now())


def test_alert_cannot_end_itself(city: Channel, alert: Post) -> None:
    assert refused(city, clearing(alert), alert) == ["all_clear_of"]
    with pytest.raises(PostRefusedError):
        correct(alert, clearing(alert), note="Finita", by="cli")
    alert.refresh_from_db()
    assert alert.content.all_clear_of is None
    assert alert.is_active_alert(timezone.now())


def test_all_clear_cannot_be_ended(city: Channel, alert: Post) -> None:
    clear = published(city, clearing(alert))
    assert refused(city, clearing(clear)) == ["all_clear_of"]
    assert refused(city, clearing(clear), alert) == ["all_clear_of"], "they would end each other"


def test_only_a_visible_alert_of_the_channel_can_be_ended(city: Channel, alert: Post) -> None:
    draft = save_draft(city, Content("alert", "Bozza", ""), by="cli")
    news = published(city, Content("news", "Fiera", ""))
    elsewhere = published(create_channel("crema", "Crema"), Content("alert", "Piena", ""))
    withdrawn = published(city, Content("alert", "Errore", ""))
    withdraw(withdrawn, reason="Errore", by="cli")
    over = published(city, Content("alert", "Passata", ""))
    Post.objects.filter(pk=over.pk).update(visible_until=timezone.now() - timedelta(days=1))
    for post in (draft, news, elsewhere, withdrawn, over):
        assert refused(city, clearing(post)) == ["all_clear_of"], post.content.headline
    assert refused(city, clearing(10**9)) == ["all_clear_of"]


@pytest.mark.parametrize("kind", ["news", "service"])
def test_only_an_alert_ends_an_alert(city: Channel, alert: Post, kind: str) -> None:
    assert refused(city, clearing(alert, kind)) == ["all_clear_of"]
    clear = published(city, clearing(alert))
    assert refused(city, clearing(alert, kind), clear) == ["all_clear_of"]


def test_correction_keeps_an_alert_that_has_gone_since(city: Channel, alert: Post) -> None:
    clear = published(city, clearing(alert))
    withdraw(alert, reason="Errore", by="cli")
    correct(clear, clearing(alert), note="Meglio", by="cli")
    clear.refresh_from_db()
    assert clear.content.all_clear_of_id == alert.pk
