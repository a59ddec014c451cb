# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rules for what editors write: no text that misleads readers or breaks their pages."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pydantic
import pytest
from django.core.exceptions import ValidationError
from PIL import Image

from canale.api.schemas import CorrectionIn, NewImageIn, WithdrawalIn, WordingIn
from canale.channel.channels import create_channel
from canale.channel.models import HEADLINE_LENGTH, TEXT_LENGTH, Channel
from canale.cli.commands import CommandError
from canale.cli.token import checked_name
from canale.newsroom.forms import ChannelSettings, SetupForm
from canale.publishing.content import Content, NewImage, PostRefusedError, check
from canale.publishing.correct import check_note

EDGES = (
    datetime(9999, 12, 31, 23, 59, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-23))),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23))),
    datetime(26, 12, 1, tzinfo=UTC),
)


@pytest.mark.django_db
@pytest.mark.parametrize("moment", EDGES)
@pytest.mark.parametrize("field", ["starts_at", "ends_at"])
def test_date_at_the_end_of_the_calendar_is_refused(moment: datetime, field: str) -> None:
    """One such post and the whole channel's page could not be rendered."""
    channel = Channel.objects.create(handle="cremona", name="Cremona")
    start = datetime(2026, 12, 1, tzinfo=UTC)
    wording = Content(kind="event", headline="Fiera", text="", starts_at=start)
    at_start = field == "starts_at"
    edge = replace(wording, starts_at=moment) if at_start else replace(wording, ends_at=moment)
    with pytest.raises(PostRefusedError) as refused:
        check(channel, edge)
    assert refused.value.errors.keys() == {field}


@pytest.mark.django_db
def test_event_with_an_end_time_needs_a_start_time() -> None:
    """From 2 December to 2 December at 18: from when?"""
    channel = Channel.objects.create(handle="cremona", name="Cremona")
    event = Content("event", "Fiera", "", starts_at=date(2026, 12, 2))
    check(channel, event)
    check(channel, replace(event, ends_at=date(2026, 12, 3)))
    with pytest.raises(PostRefusedError, match="l’ora di inizio") as refused:
        check(channel, replace(event, ends_at=datetime(2026, 12, 2, 18, tzinfo=UTC)))
    assert refused.value.errors.keys() == {"starts_at"}


BLANKS = ["", " ", "\u200b", "\ufeff", "\u3164\u3164", "\u2800", "\U000e0020", "\ufe0f", "\u0301"]
BROKEN = "Citt\udce0 di Forl\udcec"
PICTURE = io.BytesIO()
Image.new("RGB", (40, 40)).save(PICTURE, "PNG")


def refused(**fields: Any) -> dict[str, list[str]]:
    channel = Channel.objects.create(handle="cremona", name="Cremona")
    wording = replace(Content(kind="news", headline="Fiera", text=""), **fields)
    with pytest.raises(PostRefusedError) as refusal:
        check(channel, wording)
    return refusal.value.errors


@pytest.mark.django_db
@pytest.mark.parametrize("blank", BLANKS)
def test_invisible_headline_or_description_is_refused(blank: str) -> None:
    pictures = (NewImage(PICTURE.getvalue(), blank),)
    assert refused(headline=blank, images=pictures).keys() == {"headline", "images"}
    for field in ("note", "reason"):
        with pytest.raises(PostRefusedError):
            check_note(blank, field, "Say why.")
    assert ChannelSettings({"name": blank}).errors["name"]
    assert SetupForm({"name": blank}).errors["name"]
    with pytest.raises(ValidationError):
        create_channel("crema", blank)


@pytest.mark.parametrize("blank", BLANKS)
def test_api_refuses_invisible_text(blank: str) -> None:
    for shape in (WordingIn, CorrectionIn, WithdrawalIn, NewImageIn):
        fields = {"headline": blank, "note": blank, "reason": blank, "alt": blank}
        with pytest.raises(pydantic.ValidationError) as refusal:
            shape(**{name: fields[name] for name in fields if name in shape.model_fields})
        wrong = {error["loc"][0] for error in refusal.value.errors()}
        assert wrong & fields.keys() == fields.keys() & shape.model_fields.keys()


@pytest.mark.django_db
def test_invisible_place_or_text_counts_as_empty() -> None:
    channel = Channel.objects.create(handle="cremona", name="Cremona")
    wording = Content(kind="news", headline="Fiera", text="\u200b\n\u2800", place="\u3164")
    checked = check(channel, wording).content
    assert (checked.text, checked.place) == ("", "")


@pytest.mark.django_db
def test_lone_surrogates_are_refused_not_dropped() -> None:
    pictures = (NewImage(PICTURE.getvalue(), BROKEN),)
    errors = refused(headline=BROKEN, text=BROKEN, place=BROKEN, images=pictures)
    assert errors.keys() == {"headline", "text", "place", "images"}
    with pytest.raises(PostRefusedError):
        check_note(BROKEN, "note", "Say what changed.")
    for name, description in ((BROKEN, ""), ("Crema", BROKEN)):
        with pytest.raises(ValidationError):
            create_channel("crema", name, description)
    with pytest.raises(CommandError):
        checked_name(BROKEN)
    for broken in ({"headline": BROKEN}, {"headline": "Fiera", "text": BROKEN}):
        with pytest.raises(pydantic.ValidationError):
            WordingIn(**broken)


@pytest.mark.django_db
def test_replacement_characters_are_refused() -> None:
    """U+FFFD stands for a character that some program could not decode."""
    lost = "Citt\ufffd"
    pictures = (NewImage(PICTURE.getvalue(), lost),)
    errors = refused(headline=lost, text=lost, place=lost, images=pictures)
    assert errors.keys() == {"headline", "text", "place", "images"}
    with pytest.raises(PostRefusedError):
        check_note(lost, "note", "Say what changed.")


@pytest.mark.django_db
def test_lengths_are_checked_after_normalization() -> None:
    """Typed on a Mac, an è may be two characters; pasted words come with blanks around them."""
    long = "  " + "e\u0300" * HEADLINE_LENGTH + "\v \ufeff"
    text = "e\u0300" * TEXT_LENGTH + "\r\n\r\n"
    channel = Channel.objects.create(handle="cremona", name="Cremona")
    wording = Content(kind="news", headline=long, text=text)
    assert check(channel, wording).content.headline == "è" * HEADLINE_LENGTH
    given = WordingIn(headline=long, text=text)
    assert (given.headline, given.text) == ("è" * HEADLINE_LENGTH, "è" * TEXT_LENGTH)
    form = ChannelSettings({"name": long})
    form.full_clean()
    assert form.cleaned_data["name"] == "è" * HEADLINE_LENGTH
    assert create_channel("crema", long, "").name == "è" * HEADLINE_LENGTH
    assert check_note(" " + "e\u0300" * 200, "note", "") == "è" * 200
    for words in ("e" * (HEADLINE_LENGTH + 1), "e\u0323\u0300" * HEADLINE_LENGTH):
        with pytest.raises(PostRefusedError):
            check(channel, Content(kind="news", headline=words, text=""))
        with pytest.raises(pydantic.ValidationError, match="at most 80 characters"):
            WordingIn(headline=words)


@pytest.mark.parametrize("colour", ["x#0066cc", "#0066ccff", "red;}"])
def test_colour_that_is_none_is_refused_and_the_form_shows_the_former(colour: str) -> None:
    form = ChannelSettings({"colour": colour}, instance=Channel(colour="#8b0000"))
    assert form.errors["colour"]
    assert form.shown.colour == "#8b0000"
