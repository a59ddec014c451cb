# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The content of a post, checked before anything of it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from canale.channel.characters import is_damaged, one_line, several_lines
from canale.channel.images import Decoder, ImageRefusedError, PreparedImage, decoder
from canale.channel.models import (
    ALBUM_SIZE,
    ALT_LENGTH,
    HEADLINE_LENGTH,
    TEXT_LENGTH,
    Channel,
    Image,
    Kind,
    Post,
    Revision,
    Topic,
)
from canale.channel.moments import YEARS, MomentError, Times, Written, kept, read, times_of

PLACE_LENGTH = 120


@dataclass(frozen=True, slots=True)
class NewImage:
    """An upload as it came, and its description in words."""

    data: bytes
    alt: str


@dataclass(frozen=True, slots=True)
class KeptImage:
    """An image that the post already has."""

    id: int
    alt: str


@dataclass(frozen=True, slots=True)
class Content:
    """The whole content of a post: what form, API and command line build.

    Times are aware, or a day without an hour; topics are slugs; images are in their order.
    """

    kind: str
    headline: str
    text: str
    topics: tuple[str, ...] = ()
    starts_at: Written | None = None
    ends_at: Written | None = None
    place: str = ""
    all_clear_of: int | None = None
    images: tuple[NewImage | KeptImage, ...] = ()

    def values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in FIELDS}


FIELDS = frozenset(field.name for field in fields(Content))
# Each time, and the column of its day where no hour was given.
DAYS = {"starts_at": "starts_on", "ends_at": "ends_on"}


class PostRefusedError(Exception):
    """Something is wrong with the content: {field: [sentence for the editor, …]}."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(texts)}" for name, texts in errors.items()))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class CheckedContent:
    """Content whose topics, alert and images were found and are in order."""

    content: Content
    times: Times
    topics: list[Topic]
    all_clear_of: Post | None
    images: list[tuple[Image | PreparedImage, str]]

    def values(self) -> dict[str, object]:
        """Return the values of the columns of `Revision` and `Wording`."""
        alts = [alt for _image, alt in self.images]
        more = {"all_clear_of": self.all_clear_of, "alts": alts}
        return {**self.content.values(), **asdict(self.times), **more}


class _Errors(dict[str, list[str]]):
    def add(self, field: str, sentence: str) -> None:
        self.setdefault(field, []).append(sentence)


def check(channel: Channel, content: Content, post: Post | None = None) -> CheckedContent:
    """Check content and report all errors at once. ``post`` is the one being rewritten.

    Raises PostRefusedError, images.DecodersBusyError.
    """
    errors = _Errors()
    # Without stray white space and control characters, which nobody meant to type.
    content = replace(
        content,
        headline=one_line(content.headline),
        text=several_lines(content.text),
        topics=tuple(dict.fromkeys(content.topics)),
        place=one_line(content.place),
    )
    _check_words(content, errors)
    checked = CheckedContent(
        content,
        _times(content, errors),
        _topics(channel, content, errors),
        _alert(channel, content, post, errors),
        _images(content, post, errors),
    )
    if errors:
        raise PostRefusedError(errors)
    return checked


def _check_words(content: Content, errors: _Errors) -> None:
    if content.kind not in Kind.values:
        errors.add("kind", _("Choose one of the kinds: %(kinds)s.") % {"kinds": ", ".join(Kind)})
    if not content.headline:
        errors.add("headline", _("Write a headline."))
    _check_field(content.headline, HEADLINE_LENGTH, "headline", errors)
    _check_field(content.text, TEXT_LENGTH, "text", errors)
    _check_field(content.place, PLACE_LENGTH, "place", errors)


def _check_field(text: str, limit: int, field: str, errors: _Errors) -> None:
    if is_damaged(text):
        errors.add(field, not_unicode())
    if len(text) > limit:
        errors.add(
            field,
            _("Too long by %(over)d: at most %(limit)d characters.")
            % {"over": len(text) - limit, "limit": limit},
        )


def not_unicode() -> str:
    """The sentence for words that a database cannot keep."""
    return _("Some characters cannot be read: they are not Unicode. Write them again.")


def stored_content(revision: Revision) -> Content:
    """Return what a revision says, as an editor would write it again."""
    stored = revision.values
    values = {name: value for name, value in stored.items() if name in FIELDS}
    values |= {name: stored[day] or stored[name] for name, day in DAYS.items()}
    images = tuple(KeptImage(shown.image_id, shown.alt) for shown in revision.images.all())
    return Content(**values | {"images": images})  # type: ignore[arg-type]


def read_content(given: Mapping[str, Any], revision: Revision | None = None) -> Content:
    """Read content as programs give it: {field: value}, with times as text.

    Fields that are not given stay as in ``revision``; a day stays a day when a program sends its
    moment back. Raises PostRefusedError.
    """
    times = read_times({name: given[name] for name in DAYS if name in given})
    if revision is None:
        return Content(**{**given, **times})
    stored: dict[str, Any] = revision.values
    times = {name: kept(time, stored[name], stored[DAYS[name]]) for name, time in times.items()}
    return replace(stored_content(revision), **{**given, **times})


def read_times(given: Mapping[str, str | None]) -> dict[str, Written | None]:
    """Read the times that a program or a person wrote, by field. Raises PostRefusedError."""
    times: dict[str, Written | None] = {}
    errors = _Errors()
    for field, text in given.items():
        try:
            times[field] = None if text is None else read(text)
        except MomentError as error:
            errors.add(field, str(error))
    if errors:
        raise PostRefusedError(errors)
    return times


def _times(content: Content, errors: _Errors) -> Times:
    if content.kind == Kind.EVENT and content.starts_at is None:
        errors.add("starts_at", _("Say when the event begins."))
    if content.kind == Kind.DEADLINE and content.starts_at is None:
        errors.add("starts_at", _("Say when the deadline is."))
    _check_year(content.starts_at, "starts_at", errors)
    _check_year(content.ends_at, "ends_at", errors)
    if {"starts_at", "ends_at"} & errors.keys():
        return Times()
    times = times_of(content.kind, content.starts_at, content.ends_at)
    if times.starts_at and times.ends_at and times.ends_at < times.starts_at:
        errors.add("ends_at", _("The end comes before the start."))
    if content.kind == Kind.EVENT and times.starts_on and times.ends_at and not times.ends_on:
        errors.add("starts_at", _("The end has a time: add a time to the start too."))
    return times


def _check_year(moment: Written | None, field: str, errors: _Errors) -> None:
    """At the ends of the calendar the hour before or after does not exist; pages need both."""
    if moment is not None and moment.year not in YEARS:
        errors.add(field, _("Check the year."))


def _topics(channel: Channel, content: Content, errors: _Errors) -> list[Topic]:
    topics = list(channel.topics.filter(slug__in=content.topics))
    known = {topic.slug for topic in topics}
    for slug in content.topics:
        if slug not in known:
            errors.add("topics", _("%(topic)s is not a topic of this channel.") % {"topic": slug})
    return topics


def _alert(channel: Channel, content: Content, post: Post | None, errors: _Errors) -> Post | None:
    if content.all_clear_of is None:
        return None
    if content.kind != Kind.ALERT:
        errors.add("all_clear_of", _("Only an alert can give the all clear for another."))
        return None
    if post is not None and post.content.all_clear_of_id == content.all_clear_of:
        # It stays so when the alert has gone since.
        return post.content.all_clear_of
    # Neither itself nor another all-clear, which ends nothing by being over.
    alerts = channel.posts.visible(timezone.now()).filter(
        live__kind=Kind.ALERT, live__all_clear_of=None
    )
    alert = alerts.filter(pk=content.all_clear_of).first()
    if alert is None or alert == post:
        errors.add("all_clear_of", _("The alert was not found: it may have been withdrawn."))
    return alert


def _images(
    content: Content, post: Post | None, errors: _Errors
) -> list[tuple[Image | PreparedImage, str]]:
    if len(content.images) > ALBUM_SIZE:
        errors.add("images", _("At most %(limit)d images.") % {"limit": ALBUM_SIZE})
        return []
    album = post.content.images.select_related("image") if post else ()
    known = {shown.image_id: shown.image for shown in album}
    images: list[tuple[Image | PreparedImage, str]] = []
    uploads = any(isinstance(given, NewImage) for given in content.images)
    with decoder() if uploads else nullcontext() as decoding:
        for number, given in enumerate(content.images, 1):
            alt = one_line(given.alt)
            problems = _alt_problems(alt)
            image = _image(given, known, decoding, problems)
            for sentence in problems:
                numbered = {"number": number, "problem": sentence}
                errors.add("images", _("Image %(number)d: %(problem)s") % numbered)
            if image is not None:
                images.append((image, alt))
    return images


def _alt_problems(alt: str) -> list[str]:
    problems = []
    if not alt:
        problems.append(
            _("Describe what the image shows: people who cannot see it hear this description.")
        )
    if is_damaged(alt):
        problems.append(not_unicode())
    if len(alt) > ALT_LENGTH:
        too_long = _("The description is too long: at most %(limit)d characters.")
        problems.append(too_long % {"limit": ALT_LENGTH})
    return problems


def _image(
    given: NewImage | KeptImage,
    known: dict[int, Image],
    decoding: Decoder | None,
    problems: list[str],
) -> Image | PreparedImage | None:
    if isinstance(given, KeptImage):
        if given.id not in known:
            problems.append(_("This image is no longer part of the post."))
        return known.get(given.id)
    try:
        return decoding.image(given.data) if decoding else None
    except ImageRefusedError as refused:
        problems.append(str(refused.message))
        return None
