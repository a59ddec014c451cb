# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How much a post may say: the longest that is taken, and the shortest that is refused."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image as Picture

from canale.channel.channels import create_channel
from canale.channel.models import ALBUM_SIZE, ALT_LENGTH, HEADLINE_LENGTH, TEXT_LENGTH, Channel
from canale.channel.models import Image as Kept
from canale.publishing.content import (
    PLACE_LENGTH,
    Content,
    KeptImage,
    NewImage,
    PostRefusedError,
    check,
)
from canale.publishing.correct import NOTE_LENGTH, check_note, correct
from canale.publishing.drafts import NotADraftError, delete_draft, save_draft
from canale.publishing.publish import NotPublishableError, publish

START = datetime(2026, 12, 1, 10, tzinfo=UTC)


def picture() -> bytes:
    out = io.BytesIO()
    Picture.new("RGB", (64, 64), "#0066cc").save(out, "PNG")
    return out.getvalue()


PICTURE = picture()
EVENT = Content("event", "Fiera", "", starts_at=START)


@pytest.fixture
def city(db: None) -> Channel:
    return create_channel("cremona", "Comune di Cremona")


def errors_of(city: Channel, wording: Content) -> dict[str, list[str]]:
    try:
        check(city, wording)
    except PostRefusedError as refused:
        return refused.errors
    return {}


@pytest.mark.parametrize(
    ("field", "limit"),
    [("headline", HEADLINE_LENGTH), ("text", TEXT_LENGTH), ("place", PLACE_LENGTH)],
)
def test_text_fields_have_a_maximum_length(city: Channel, field: str, limit: int) -> None:
    longest = {field: "à" * limit}
    assert errors_of(city, replace(EVENT, **longest)) == {}  # type: ignore[arg-type]
    longer = {field: "à" * (limit + 3)}
    (sentence,) = errors_of(city, replace(EVENT, **longer))[field]  # type: ignore[arg-type]
    assert "3" in sentence
    assert str(limit) in sentence


def test_note_has_a_maximum_length() -> None:
    longest = "à" * NOTE_LENGTH
    assert check_note(f"  {longest} ", "note", "Missing") == longest
    for note, said in (("à" * (NOTE_LENGTH + 1), str(NOTE_LENGTH)), (" \n ", "Missing")):
        with pytest.raises(PostRefusedError) as refused:
            check_note(note, "note", "Missing")
        assert said in refused.value.errors["note"][0]


@pytest.mark.parametrize(
    ("wording", "field"),
    [
        (replace(EVENT, starts_at=None), "starts_at"),
        (replace(EVENT, ends_at=START - timedelta(minutes=1)), "ends_at"),
        (Content("deadline", "Bando", ""), "starts_at"),
    ],
)
def test_times_must_fit_the_kind(city: Channel, wording: Content, field: str) -> None:
    assert field in errors_of(city, wording)


def test_end_after_the_start_is_accepted(city: Channel) -> None:
    assert errors_of(city, replace(EVENT, ends_at=START + timedelta(minutes=1))) == {}


def with_images(*alts: str) -> Content:
    return Content("news", "Foto", "", images=tuple(NewImage(PICTURE, alt) for alt in alts))


def test_album_has_a_maximum_size(city: Channel) -> None:
    assert errors_of(city, with_images(*["Un quadrato"] * ALBUM_SIZE)) == {}
    (sentence,) = errors_of(city, with_images(*["Un quadrato"] * (ALBUM_SIZE + 1)))["images"]
    assert str(ALBUM_SIZE) in sentence


@pytest.mark.parametrize("alt", ["", "  ", "à" * (ALT_LENGTH + 1)])
def test_image_description_is_required_and_has_a_maximum_length(city: Channel, alt: str) -> None:
    errors = errors_of(city, with_images("Un quadrato", alt))
    assert len(errors["images"]) == 1
    assert "2" in errors["images"][0], "which image it is"
    assert errors_of(city, with_images("à" * ALT_LENGTH)) == {}


def test_missing_image_is_refused_and_the_others_stay(city: Channel) -> None:
    post = save_draft(city, with_images("Uno", "Due"), by="cli")
    first, second = post.content.images.all()
    kept = tuple(KeptImage(shown.image_id, shown.alt) for shown in (first, second))
    Kept.objects.filter(pk=first.image_id).delete()
    with pytest.raises(PostRefusedError) as refused:
        save_draft(city, Content("news", "Foto", "", images=kept), by="cli", post=post)
    assert list(refused.value.errors) == ["images"]
    assert [shown.image_id for shown in post.content.images.all()] == [second.image_id]
    assert post.content.images.get().alt == "Due"


def test_image_deleted_while_a_correction_is_checked_is_refused(
    city: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = publish(save_draft(city, with_images("Uno"), by="cli"), by="cli")
    kept = (KeptImage(post.content.images.get().image_id, "Uno"),)

    def then_gone(*arguments: object) -> object:
        checked = check(*arguments)  # type: ignore[arg-type]
        Kept.objects.filter(shown_in__revision__post=post).delete()
        return checked

    monkeypatch.setattr("canale.publishing.correct.check", then_gone)
    with pytest.raises(PostRefusedError) as refused:
        correct(post, Content("news", "Altro", "", images=kept), note="Meglio", by="cli")
    assert list(refused.value.errors) == ["images"]
    post.refresh_from_db()
    assert post.content.headline == "Foto"


def test_image_of_another_post_cannot_be_used(city: Channel) -> None:
    other = save_draft(city, with_images("Uno"), by="cli")
    mine = save_draft(city, Content("news", "Mia", ""), by="cli")
    stolen = (KeptImage(other.content.images.get().image_id, "Uno"),)
    with pytest.raises(PostRefusedError):
        save_draft(city, Content("news", "Mia", "", images=stolen), by="cli", post=mine)
    assert other.content.images.count() == 1
    assert mine.content.images.count() == 0


def test_published_post_is_no_longer_a_draft(city: Channel) -> None:
    post = publish(save_draft(city, Content("news", "Titolo", ""), by="cli"), by="cli")
    with pytest.raises(NotADraftError):
        save_draft(city, Content("news", "Altro", ""), by="cli", post=post)
    with pytest.raises(NotADraftError):
        delete_draft(post, by="cli")
    with pytest.raises(NotPublishableError):
        publish(post, by="cli")
    post.refresh_from_db()
    assert (post.content.headline, post.state) == ("Titolo", "published")
