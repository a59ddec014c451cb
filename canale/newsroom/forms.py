# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The newsroom's forms. What a post must be, canale.publishing says; here is only how it is
read from a form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from canale.accounts.models import Staff
from canale.channel.models import Channel, Kind, Post
from canale.publishing.wording import KeptImage, NewImage, Wording

if TYPE_CHECKING:
    ChannelForm = forms.ModelForm[Channel]
else:
    ChannelForm = forms.ModelForm

MOMENT_FORMAT = "%Y-%m-%dT%H:%M"
HANDLE_RULE = gettext_lazy("Use letters without accents, digits and hyphens.")
_IMAGE_FIELD = re.compile(r"image-(\d{1,3})-(file|alt|kept)")


class MomentField(forms.DateTimeField):
    """In the city's time zone. A moment that the change of clocks skips or repeats is refused."""

    def __init__(self, label: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MOMENT_FORMAT)
        formats = [MOMENT_FORMAT, f"{MOMENT_FORMAT}:%S"]
        super().__init__(label=label, required=False, widget=widget, input_formats=formats)

    def clean(self, value: object) -> datetime | None:
        try:
            cleaned: datetime | None = super().clean(value)
        except ValidationError:
            said = _("This moment does not exist, or is there twice: check the date and the hour.")
            raise ValidationError(said) from None
        except OverflowError:
            raise ValidationError(_("Check the year.")) from None
        return cleaned


class PostForm(forms.Form):
    """Headline, text, times, topics. Lengths are checked where posts are kept."""

    kind = forms.ChoiceField(choices=Kind.choices, widget=forms.RadioSelect)
    headline = forms.CharField(label=gettext_lazy("Headline"), required=False)
    text = forms.CharField(label=gettext_lazy("Text"), required=False, widget=forms.Textarea)
    starts_at = MomentField(gettext_lazy("Start"))
    ends_at = MomentField(gettext_lazy("End"))
    place = forms.CharField(label=gettext_lazy("Place"), required=False)
    topics = forms.MultipleChoiceField(
        label=gettext_lazy("Topics"), required=False, widget=forms.CheckboxSelectMultiple
    )
    all_clear_of = forms.TypedChoiceField(
        label=gettext_lazy("Ends this alert"), required=False, coerce=int, empty_value=None
    )
    note = forms.CharField(label=gettext_lazy("What changed"), required=False)

    def __init__(
        self, channel: Channel, *args: Any, alerts: Iterable[Post] = (), **more: Any
    ) -> None:
        super().__init__(*args, **more)
        topics = cast("forms.MultipleChoiceField", self.fields["topics"])
        topics.choices = [(topic.slug, topic.name) for topic in channel.topics.all()]
        clears = cast("forms.TypedChoiceField", self.fields["all_clear_of"])
        none = ("", _("None: this is a new alert"))
        clears.choices = [none, *((str(post.pk), post.headline) for post in alerts)]

    def wording(self, images: tuple[NewImage | KeptImage, ...]) -> Wording:
        """Of a form that is valid."""
        said = self.cleaned_data
        timed = said["kind"] != Kind.NEWS
        return Wording(
            kind=said["kind"],
            headline=said["headline"],
            text=said["text"],
            topics=tuple(said["topics"]),
            starts_at=said["starts_at"] if said["kind"] in (Kind.EVENT, Kind.DEADLINE) else None,
            ends_at=said["ends_at"] if timed and said["kind"] != Kind.DEADLINE else None,
            place=said["place"] if said["kind"] == Kind.EVENT else "",
            all_clear_of=said["all_clear_of"] if said["kind"] == Kind.ALERT else None,
            images=images,
        )

    def add_errors(self, errors: dict[str, list[str]]) -> None:
        """What publishing refused; images have their own place."""
        for field, sentences in errors.items():
            for sentence in sentences:
                self.add_error(field if field in self.fields else None, sentence)


def initial_of(post: Post) -> dict[str, object]:
    return {
        "kind": post.kind,
        "headline": post.headline,
        "text": post.text,
        "starts_at": post.starts_at,
        "ends_at": post.ends_at,
        "place": post.place,
        "topics": [topic.slug for topic in post.topics.all()],
        "all_clear_of": post.all_clear_of_id,
    }


def images_of(request: HttpRequest) -> tuple[NewImage | KeptImage, ...]:
    """The slots `image-<n>-file|alt|kept` of the form, in the order of their numbers."""
    slots: dict[int, dict[str, str | File[bytes]]] = {}
    for name, value in [*request.POST.items(), *request.FILES.items()]:
        found = _IMAGE_FIELD.fullmatch(name)
        if found and isinstance(value, str | File):
            slots.setdefault(int(found[1]), {})[found[2]] = value
    return tuple(image for number in sorted(slots) if (image := _image(slots[number])))


def _image(slot: dict[str, str | File[bytes]]) -> NewImage | KeptImage | None:
    alt, file, kept = str(slot.get("alt", "")), slot.get("file"), str(slot.get("kept", ""))
    if isinstance(file, File):
        return NewImage(file.read(), alt)
    if kept.isascii() and kept.isdigit():
        return KeptImage(int(kept), alt)
    return None


def _is_emoji(text: str) -> bool:
    """A picture and what may go with one: a colour of skin, a joiner, a keycap's sign."""
    picture = any(unicodedata.category(sign) == "So" or sign == "\u20e3" for sign in text)
    return picture and len(text) <= 16 and all(map(_belongs_to_emoji, text))


def _belongs_to_emoji(sign: str) -> bool:
    joins = sign in "0123456789#*\u200d" or "\U000e0020" <= sign <= "\U000e007f"
    return joins or unicodedata.category(sign) in {"So", "Sk", "Mn", "Me"}


class SetupForm(forms.Form):
    """The channel and its first administrator."""

    name = forms.CharField(label=gettext_lazy("Name of the channel"), max_length=80)
    handle = forms.SlugField(
        label=gettext_lazy("Address of the channel"),
        max_length=40,
        error_messages={"invalid": HANDLE_RULE},
    )
    description = forms.CharField(
        label=gettext_lazy("Description"), max_length=300, required=False, widget=forms.Textarea
    )
    avatar = forms.FileField(label=gettext_lazy("Picture"), required=False)
    email = forms.EmailField(label=gettext_lazy("Your e-mail"))
    password = forms.CharField(
        label=gettext_lazy("Password"), strip=False, widget=forms.PasswordInput(render_value=True)
    )

    def clean_handle(self) -> str:
        handle: str = self.cleaned_data["handle"].lower()
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", handle):
            raise ValidationError(HANDLE_RULE)
        if Channel.objects.filter(handle=handle).exists():
            raise ValidationError(_("There is already a channel at this address."))
        return handle

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, Staff(email=self.data.get("email", "")))
        return password


class ChannelSettings(ChannelForm):
    """What citizens see of the channel, and for how long."""

    website = forms.URLField(label=gettext_lazy("Website"), required=False, assume_scheme="https")
    accessibility_statement = forms.URLField(
        label=gettext_lazy("Accessibility statement"), required=False, assume_scheme="https"
    )
    reactions = forms.CharField(label=gettext_lazy("Reactions"), max_length=100)
    avatar = forms.FileField(label=gettext_lazy("New picture"), required=False)

    class Meta:
        model = Channel
        fields = (
            "name",
            "description",
            "website",
            "contact_email",
            "accessibility_statement",
            "retention_days",
        )
        labels = {
            "name": gettext_lazy("Name"),
            "description": gettext_lazy("Description"),
            "contact_email": gettext_lazy("Contact e-mail"),
            "retention_days": gettext_lazy("Days that posts stay visible"),
        }
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}

    def clean_reactions(self) -> list[str]:
        emoji = list(dict.fromkeys(self.cleaned_data["reactions"].split()))
        if not 1 <= len(emoji) <= 8 or not all(map(_is_emoji, emoji)):
            raise ValidationError(_("Write one to eight emoji with spaces between them."))
        return emoji
