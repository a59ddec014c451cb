# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The schemas of requests and responses; the OpenAPI document is made from them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Literal, Self

from django.utils.translation import gettext as _
from ninja import Schema
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    WithJsonSchema,
    create_model,
    model_validator,
)

from canale.api.base64_text import base64_bytes
from canale.channel.characters import one_line, several_lines
from canale.channel.models import ALBUM_SIZE, ALT_LENGTH, HEADLINE_LENGTH, TEXT_LENGTH
from canale.delivery.transports.registry import ADDRESS_SCHEMAS, PUBLIC_PARAMS

KindName = Literal["news", "event", "deadline", "service", "alert"]
Slug = Annotated[str, Field(max_length=40, pattern=r"^[-\w]+$")]
Code = Annotated[str, Field(max_length=16, pattern=r"^[a-z0-9]+$")]
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Emoji = Annotated[str, Field(min_length=1, max_length=16)]
Language = Literal["it", "en"]


# Read by canale.channel.moments, as everywhere: pydantic would take 20270501 for seconds.
MomentIn = Annotated[
    str,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "string", "format": "date"},
            ],
            "description": "A moment; without an offset it is the city's time. A date alone is a "
            "whole day: a deadline and an end last until its last minute.",
        }
    ),
]


def _tidied(tidy: Callable[[str], str]) -> BeforeValidator:
    """Tidy a person's words first, so that their length is that of what is stored."""
    return BeforeValidator(lambda value: tidy(value) if isinstance(value, str) else value)


_LINE = _tidied(one_line)
Headline = Annotated[str, Field(min_length=1, max_length=HEADLINE_LENGTH), _LINE]
Text = Annotated[str, Field(max_length=TEXT_LENGTH), _tidied(several_lines)]
Place = Annotated[str, Field(max_length=120), _LINE]
Alt = Annotated[str, Field(min_length=1, max_length=ALT_LENGTH), _LINE]
Note = Annotated[str, Field(min_length=1, max_length=200), _LINE]
Reason = Annotated[str, Field(max_length=200), _LINE]
NumberIn = Annotated[int, Field(strict=True, ge=1, le=2**63 - 1)]


class Strict(Schema):
    """A misspelt field is an error, not a surprise."""

    model_config = ConfigDict(extra="forbid")


class ProblemOut(Schema):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: dict[str, list[str]] | None = None


class TopicOut(Schema):
    slug: str
    name: str


class ChannelHead(Schema):
    handle: str
    name: str
    short_name: str = Field(description="The name for an icon: at most 12 characters.")
    description: str
    colour: str = Field(description="The city's colour, dark enough for white text: `#rrggbb`.")
    url: str
    avatar: str
    followers: int


if TYPE_CHECKING:
    ChannelWithParams = ChannelHead
else:
    ChannelWithParams = create_model(
        "ChannelWithParams", __base__=ChannelHead, **dict.fromkeys(PUBLIC_PARAMS, str)
    )


class ChannelOut(ChannelWithParams):
    topics: list[TopicOut]
    reactions: list[str]
    retention_days: int


class ImageOut(Schema):
    small: str
    large: str
    width: int
    height: int
    alt: str


class PreviewOut(Schema):
    """The post's first link; title, description and picture are those of its page."""

    url: str
    host: str
    title: str
    description: str
    picture: str | None


class PostOut(Schema):
    id: int
    url: str
    kind: KindName
    headline: str
    text: str
    html: str
    published_at: datetime
    visible_until: datetime
    corrected_at: datetime | None
    correction: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    starts_on: date | None
    ends_on: date | None
    place: str
    all_clear_of: int | None
    topics: list[str]
    images: list[ImageOut]
    preview: PreviewOut | None
    reactions: dict[str, int]


class PostsOut(Schema):
    posts: list[PostOut]
    next: str | None


class NewImageIn(Strict):
    data: Annotated[
        bytes,
        BeforeValidator(base64_bytes),
        WithJsonSchema(
            {
                "type": "string",
                "contentEncoding": "base64",
                "description": "JPEG, PNG, WebP, GIF or AVIF in base64 (RFC 4648); of an "
                "animation the first frame is shown. base64url, missing padding, line breaks and "
                "a data: URI are understood.",
            }
        ),
    ]
    alt: Alt


class WordingIn(Strict):
    kind: KindName = "news"
    headline: Headline
    text: Text = ""
    topics: list[Slug] = []
    starts_at: MomentIn | None = None
    ends_at: MomentIn | None = None
    place: Place = ""
    all_clear_of: NumberIn | None = None
    images: Annotated[list[NewImageIn], Field(max_length=ALBUM_SIZE)] = []


class PostIn(WordingIn):
    draft: StrictBool = False


class CorrectionIn(Strict):
    """A correction: omitted fields stay as they are; ``images`` replaces all."""

    note: Note
    kind: KindName | None = None
    headline: Headline | None = None
    text: Text | None = None
    topics: list[Slug] | None = None
    starts_at: MomentIn | None = None
    ends_at: MomentIn | None = None
    place: Place | None = None
    images: Annotated[list[NewImageIn], Field(max_length=ALBUM_SIZE)] | None = None


class WithdrawalIn(Strict):
    reason: Note


class PostStateOut(Schema):
    id: int
    url: str
    state: str


class CopyOut(Schema):
    """The copy of a post on one outlet; ``url`` is empty where nobody can open it."""

    outlet: str
    state: str
    url: str


class PostDetailOut(PostStateOut):
    copies: list[CopyOut]


if TYPE_CHECKING:
    AddressesIn = Strict
else:
    AddressesIn = create_model(
        "AddressesIn",
        __base__=Strict,
        **{kind: (schema | None, None) for kind, schema in ADDRESS_SCHEMAS.items()},
    )


class FollowerIn(AddressesIn):
    topics: Annotated[list[Slug], Field(max_length=50)] = []
    language: Language = "it"
    invite: Code | None = None

    @property
    def address(self) -> tuple[str, dict[str, object]] | None:
        """The kind of the device's address, and the address."""
        for kind in ADDRESS_SCHEMAS:
            if (given := getattr(self, kind)) is not None:
                return kind, given.model_dump()
        return None

    @model_validator(mode="after")
    def _check_addresses(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in ADDRESS_SCHEMAS) > 1:
            raise ValueError(_("Give one address only."))
        return self


class Following(Schema):
    channel: str
    muted: bool
    topics: list[str]
    language: str


if TYPE_CHECKING:
    FollowingOut = Following
else:
    FollowingOut = create_model(
        "FollowingOut", __base__=Following, **dict.fromkeys(ADDRESS_SCHEMAS, bool)
    )


class MeOut(Schema):
    following: list[FollowingOut]
    reactions: dict[str, str]


class MeIn(Strict):
    channel: Slug
    muted: StrictBool | None = None
    topics: Annotated[list[Slug], Field(max_length=50)] | None = None
    language: Language | None = None


class ReactionIn(Strict):
    emoji: Emoji


class ReactionsOut(Schema):
    counts: dict[str, int]
    mine: str | None


class InviteOut(Schema):
    url: str
    qr: str
