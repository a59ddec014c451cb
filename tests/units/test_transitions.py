# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""States of posts and revisions move by one table each, and never back."""

from __future__ import annotations

import pytest
from django.utils import timezone

from canale.accounts.models import Role
from canale.channel.channels import create_channel
from canale.channel.models import (
    ONCE_PUBLISHED,
    Channel,
    Image,
    Post,
    Revision,
    RevisionState,
    State,
)
from canale.publishing.content import Content, KeptImage, NewImage
from canale.publishing.correct import correct
from canale.publishing.drafts import delete_draft, save_draft
from canale.publishing.publish import publish
from canale.publishing.transitions import POST, REVISION, Act, may, move
from canale.publishing.withdraw import withdraw
from tests.pictures import jpeg

pytestmark = pytest.mark.django_db
ALLOWED = [(state, act) for state, act in POST]
OTHERS = [(state, act) for state in State for act in Act if (state, act) not in POST]


@pytest.fixture
def city() -> Channel:
    return create_channel("cremona", "Comune di Cremona")


@pytest.mark.parametrize(("state", "act"), ALLOWED)
def test_action_moves_a_post_to_the_state_of_the_table(
    city: Channel, state: State, act: Act
) -> None:
    post = Post.objects.create(channel=city, state=state)
    assert move(post, act, withdrawal_reason="Perché sì")
    kept = Post.objects.get(pk=post.pk)
    assert (kept.state, kept.withdrawal_reason) == (POST[state, act].to, "Perché sì")
    assert (post.state, post.withdrawal_reason) == (kept.state, kept.withdrawal_reason)


@pytest.mark.parametrize(("state", "act"), OTHERS)
def test_any_other_action_changes_nothing(city: Channel, state: State, act: Act) -> None:
    post = Post.objects.create(channel=city, state=state)
    assert not move(post, act, withdrawal_reason="Perché sì")
    kept = Post.objects.get(pk=post.pk)
    assert (kept.state, kept.withdrawal_reason) == (state, "")


def test_state_in_the_database_counts_not_the_loaded_one(city: Channel) -> None:
    post = Post.objects.create(channel=city)
    in_hand = Post.objects.get(pk=post.pk)
    assert move(post, Act.PUBLISH)
    assert not move(in_hand, Act.PUBLISH)


def test_no_action_leads_back_to_a_draft() -> None:
    assert State.UNPUBLISHED not in {transition.to for transition in POST.values()}
    assert [act for (_, act), t in REVISION.items() if t.to == RevisionState.DRAFT] == [Act.REWRITE]


def test_editors_write_and_publishers_publish() -> None:
    assert may(Role.EDITOR, Act.REWRITE)
    for act in (Act.PUBLISH, Act.CORRECT, Act.WITHDRAW):
        assert may(Role.PUBLISHER, act)
        assert not may(Role.EDITOR, act)
    assert not any(may(role, Act.EXPIRE) for role in Role)
    assert not may(None, Act.REWRITE)


def test_states_after_publication_are_listed() -> None:
    reached = {transition.to for transition in POST.values()}
    assert set(ONCE_PUBLISHED) == reached


def test_correction_supersedes_what_it_corrects_and_keeps_it(city: Channel) -> None:
    image = NewImage(jpeg(), "Il ponte")
    post = publish(
        save_draft(city, Content("news", "Uno", "", images=(image,)), by="cli"), by="cli"
    )
    first = post.content
    correct(post, Content("event", "Due", "", starts_at=timezone.now()), note="Data", by="cli")
    post = Post.objects.get(pk=post.pk)
    old, new = post.revisions.all()
    assert (old.state, new.state) == (RevisionState.SUPERSEDED, RevisionState.PUBLISHED)
    assert (old.kind, old.headline, old.images.get().alt) == ("news", "Uno", "Il ponte")
    assert (new.kind, new.headline, new.images.count()) == ("event", "Due", 0)
    assert (post.content, post.next) == (new, None)
    assert old.digest == first.digest != new.digest


def test_dropped_image_is_deleted_unless_it_was_published(city: Channel) -> None:
    pictures = tuple(NewImage(jpeg(), alt) for alt in ("Uno", "Due"))
    post = save_draft(city, Content("news", "Foto", "", images=pictures), by="cli")
    kept = post.content.images.all()[0]
    one = (KeptImage(kept.image_id, "Uno"),)
    save_draft(city, Content("news", "Foto", "", images=one), by="cli", post=post)
    assert Image.objects.get().pk == kept.image_id
    publish(post, by="cli")
    correct(post, Content("news", "Testo", ""), note="Senza foto", by="cli")
    assert Image.objects.count() == 1
    withdraw(Post.objects.get(pk=post.pk), reason="Errore", by="cli")
    assert Revision.objects.count() == 2


def test_images_are_deleted_with_their_draft(city: Channel) -> None:
    pictures = (NewImage(jpeg(), "Uno"),)
    post = save_draft(city, Content("news", "Foto", "", images=pictures), by="cli")
    delete_draft(post, by="cli")
    assert (Post.objects.count(), Revision.objects.count(), Image.objects.count()) == (0, 0, 0)
