# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The newsroom's forms. They parse a post; canale.publishing validates it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from canale.accounts.models import Staff
from canale.channel.characters import cut, one_line, several_lines
from canale.channel.colours import COLOUR, DEFAULT_COLOUR
from canale.channel.models import (
    ALBUM_SIZE,
    ALT_LENGTH,
    HEADLINE_LENGTH,
    TEXT_LENGTH,
    Channel,
    Kind,
    Post,
    Revision,
)
from canale.channel.moments import Written
from canale.channel.motifs import Motif
from canale.channel.names import SHORT_LENGTH, short_name
from canale.net.numbers import number_in
from canale.newsroom.moment_field import MomentField
from canale.publishing.content import (
    DAYS,
    FIELDS,
    PLACE_LENGTH,
    Content,
    KeptImage,
    NewImage,
    stored_content,
)
from canale.publishing.correct import NOTE_LENGTH

if TYPE_CHECKING:
    ChannelForm = forms.ModelForm[Channel]
else:
    ChannelForm = forms.ModelForm

HANDLE_RULE = gettext_lazy("Use letters without accents, digits and hyphens.")
_IMAGE_FIELD = re.compile(r"image-([0-9]{1,3})-(file|alt|kept)")


# The kinds for which composer.html shows these fields; it shows all others for every kind.
SHOWN_FOR = {
    "starts_at": (Kind.EVENT, Kind.DEADLINE, Kind.SERVICE),
    "ends_at": (Kind.EVENT, Kind.SERVICE, Kind.ALERT),
    "place": (Kind.EVENT,),
    "all_clear_of": (Kind.ALERT,),
}
LIMITS = {
    "headline": HEADLINE_LENGTH,
    "text": TEXT_LENGTH,
    "place": PLACE_LENGTH,
    "note": NOTE_LENGTH,
    "alt": ALT_LENGTH,
    "images": ALBUM_SIZE,
}


class LineField(forms.CharField):
    """A line of text, cleaned up before its length is checked."""

    def to_python(self, value: Any) -> str:
        return one_line(super().to_python(value) or "")


class LinesField(forms.CharField):
    """Like LineField, for several lines."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        return several_lines(super().to_python(value) or "")


class ColourField(forms.RegexField):
    """The city's colour, for colour_choice.html."""

    # Colours of many an Italian coat of arms, and the blue of public sites.
    suggested = (
        (DEFAULT_COLOUR, gettext_lazy("Blue")),
        ("#1d2f6f", gettext_lazy("Navy")),
        ("#b3122a", gettext_lazy("Red")),
        ("#6e1a3b", gettext_lazy("Burgundy")),
        ("#00693e", gettext_lazy("Green")),
        ("#f2b700", gettext_lazy("Gold")),
        ("#a6512c", gettext_lazy("Terracotta")),
        ("#3d4852", gettext_lazy("Dark grey")),
    )

    def __init__(self) -> None:
        super().__init__(
            # Searched for: without its ends it would be found in more than a colour.
            rf"^{COLOUR}\Z",
            label=gettext_lazy("Colour of the city"),
            required=False,
            initial=DEFAULT_COLOUR,
            widget=forms.TextInput(attrs={"type": "color"}),
        )


class AlertChoice(forms.Select):
    """A select whose options each have their own text direction."""

    def create_option(self, *args: Any, **more: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(*args, **more)
        option["attrs"]["dir"] = "auto"
        return option


class PostForm(forms.Form):
    """The fields of a post. canale.publishing checks their lengths."""

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
        label=gettext_lazy("All clear for this alert"),
        required=False,
        coerce=int,
        empty_value=None,
        widget=AlertChoice,
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
        clears.choices = [none, *((str(post.pk), post.content.headline) for post in alerts)]
        for name in ("starts_at", "ends_at"):
            cast("MomentField", self.fields[name]).stored = self.initial.get(name)

    def content(self, images: tuple[NewImage | KeptImage, ...]) -> Content:
        """Return the content of a valid form.

        A hidden field keeps the value that a program gave it, unless the kind changes.
        """
        kind = self.cleaned_data["kind"]
        kept = self.initial if kind == self.initial.get("kind") else {}
        values = {
            name: self.cleaned_data[name] if is_shown(name, kind) else kept[name]
            for name in FIELDS & self.fields.keys()
            if is_shown(name, kind) or name in kept
        }
        return Content(**values, images=images)

    def add_errors(self, errors: dict[str, list[str]]) -> None:
        """Add the errors that publishing found; those of images go to the top of the form."""
        for field, sentences in errors.items():
            for sentence in sentences:
                self.add_error(field if field in self.fields else None, sentence)


def is_shown(name: str, kind: str) -> bool:
    return kind in SHOWN_FOR.get(name, Kind.values)


def unfinished_content(data: QueryDict) -> Content:
    """Return what is already valid in a form that is still being filled in, without images."""
    chosen = data.get("kind", "")
    kind = Kind(chosen) if chosen in Kind.values else Kind.NEWS
    times: dict[str, Written | None] = {}
    for name in DAYS:
        field = MomentField("")
        with suppress(ValidationError):
            times[name] = field.clean(field.widget.value_from_datadict(data, {}, name))
    values: dict[str, Any] = {
        "kind": kind,
        "headline": cut(one_line(data.get("headline", "")), HEADLINE_LENGTH * 2),
        "text": several_lines(data.get("text", "")[: TEXT_LENGTH * 2]),
        "place": cut(one_line(data.get("place", "")), PLACE_LENGTH),
        "all_clear_of": number_in(data.get("all_clear_of", "")),
        **times,
    }
    return Content(**{name: value for name, value in values.items() if is_shown(name, kind)})


def initial_of(revision: Revision) -> dict[str, object]:
    return stored_content(revision).values()


def images_of(request: HttpRequest) -> tuple[NewImage | KeptImage, ...]:
    """Return the images of the fields `image-<n>-file|alt|kept`, ordered by number."""
    slots: dict[int, dict[str, str | File[bytes]]] = {}
    for name, value in [*request.POST.items(), *request.FILES.items()]:
        match = _IMAGE_FIELD.fullmatch(name)
        if match and isinstance(value, str | File):
            slots.setdefault(int(match[1]), {})[match[2]] = value
    images: list[NewImage | KeptImage] = []
    for _number, slot in sorted(slots.items()):
        alt, file = str(slot.get("alt", "")), slot.get("file")
        if isinstance(file, File):
            images.append(NewImage(file.read(), alt))
        elif (kept := number_in(str(slot.get("kept", "")))) is not None:
            images.append(KeptImage(kept, alt))
    return tuple(images)


def _is_emoji(text: str) -> bool:
    """Accept a pictograph or keycap with its modifiers: skin tones, joiners, tags of a flag."""
    has_picture = any(unicodedata.category(char) == "So" or char == "\u20e3" for char in text)
    return (
        has_picture
        and len(text) <= 16
        and all(
            char in "0123456789#*\u200d"
            or "\U000e0020" <= char <= "\U000e007f"
            or unicodedata.category(char) in {"So", "Sk", "Mn", "Me"}
            for char in text
        )
    )


class SetupForm(forms.Form):
    """The channel and its first administrator."""

    name = LineField(label=gettext_lazy("Name of the channel"), max_length=80)
    handle = forms.SlugField(
        label=gettext_lazy("Address of the channel"),
        max_length=40,
        error_messages={"invalid": HANDLE_RULE},
    )
    description = LinesField(label=gettext_lazy("Description"), max_length=300, required=False)
    colour = ColourField()
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

    def clean_colour(self) -> str:
        return str(self.cleaned_data["colour"] or DEFAULT_COLOUR)

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        staff = Staff(email=self.data.get("email", ""))
        # The channel does not exist yet.
        staff.also_avoid = (self.data.get("name", ""), self.data.get("handle", ""))
        validate_password(password, staff)
        return password


def appearance(channel: Channel, colour: str, motif: str) -> Channel:
    """Return the channel with another colour and motif, where they are valid; not to be saved."""
    return Channel(
        name=channel.name,
        colour=colour if re.fullmatch(COLOUR, colour) else channel.colour,
        motif=motif if motif in Motif.values else channel.motif,
    )


class ChannelSettings(ChannelForm):
    """The channel's public profile, and how long its posts stay visible."""

    name = LineField(
        label=gettext_lazy("Name"), max_length=80, widget=forms.TextInput(attrs={"dir": "auto"})
    )
    short_name = LineField(
        label=gettext_lazy("Short name (at most 12 letters)"),
        max_length=SHORT_LENGTH,
        required=False,
        widget=forms.TextInput(attrs={"dir": "auto"}),
        help_text=gettext_lazy("Under the app’s icon on the home screen."),
    )
    description = LinesField(
        label=gettext_lazy("Description"),
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )
    colour = ColourField()
    motif = forms.ChoiceField(
        label=gettext_lazy("Motif"),
        choices=Motif.choices,
        required=False,
        widget=forms.RadioSelect,
    )
    website = forms.URLField(label=gettext_lazy("Website"), required=False, assume_scheme="https")
    accessibility_statement = forms.URLField(
        label=gettext_lazy("Accessibility statement"), required=False, assume_scheme="https"
    )
    reactions = forms.CharField(label=gettext_lazy("Reactions"), max_length=100)
    avatar = forms.FileField(label=gettext_lazy("New picture"), required=False)
    initials = forms.BooleanField(
        label=gettext_lazy("Go back to the drawn initials"), required=False
    )

    class Meta:
        model = Channel
        fields = (
            "name",
            "short_name",
            "description",
            "colour",
            "motif",
            "website",
            "contact_email",
            "accessibility_statement",
            "retention_days",
        )
        labels = {
            "contact_email": gettext_lazy("Contact e-mail"),
            "retention_days": gettext_lazy("Days that posts stay visible"),
        }

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["short_name"].widget.attrs["placeholder"] = short_name(self.instance.name)
        for field in self.fields.values():
            # With the attribute, browsers silently truncate pasted text.
            limit = field.widget.attrs.pop("maxlength", None)
            if limit:
                field.widget.attrs["data-limit"] = limit

    @property
    def introduction(self) -> list[forms.BoundField]:
        return [self[name] for name in ("name", "short_name", "description")]

    @property
    def shown(self) -> Channel:
        """The channel as the form has it; not to be saved."""
        colour = str(self["colour"].value() or "")
        motif = str(self["motif"].value() or "")
        return appearance(self.instance, colour, motif)

    @property
    def others(self) -> list[forms.BoundField]:
        """All that stand neither in the introduction nor in appearance.html."""
        shown = {"name", "short_name", "description", "colour", "motif", "avatar", "initials"}
        return [field for field in self if field.name not in shown]

    def clean_colour(self) -> str:
        return str(self.cleaned_data["colour"] or self.instance.colour)

    def clean_motif(self) -> str:
        return str(self.cleaned_data["motif"] or self.instance.motif)

    def clean_reactions(self) -> list[str]:
        emoji = list(dict.fromkeys(self.cleaned_data["reactions"].split()))
        if not 1 <= len(emoji) <= 8 or not all(map(_is_emoji, emoji)):
            raise ValidationError(_("Write one to eight emoji with spaces between them."))
        return emoji
