# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A day and, in a field of its own, its hour: an hour that is not known stays empty."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from canale.channel.moments import MomentError, Written, read


class Halves(NamedTuple):
    """The values of the two inputs. A program may send both in the first: 2026-12-24T18:00."""

    day: str = ""
    hour: str = ""


class MomentWidget(forms.Widget):
    """Reads the inputs that newsroom/moment.html writes: ``<name>`` and ``<name>_time``."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Halves:
        return Halves(*(str(data.get(part, "")).strip() for part in (name, f"{name}_time")))


class MomentField(forms.Field):
    """In the city's time zone; a day without an hour is a date. See canale.channel.moments."""

    stored: Written | None = None
    """The post's own. Sent back as it was shown it stays, to the microsecond, also where clocks
    skip or repeat its hour."""

    def __init__(self, label: Any) -> None:
        super().__init__(label=label, required=False, widget=MomentWidget)

    def prepare_value(self, value: object) -> Halves:
        if isinstance(value, Halves):
            return value
        if isinstance(value, datetime):
            local = timezone.localtime(value)
            return Halves(f"{local:%Y-%m-%d}", f"{local:%H:%M}")
        return Halves(str(value)) if value else Halves()

    def to_python(self, value: Any) -> Written | None:
        halves: Halves = value
        if not halves.day:
            if halves.hour:
                raise ValidationError(_("Give the day too."))
            return None
        if halves == self.prepare_value(self.stored):
            return self.stored
        try:
            return read("T".join(filter(None, halves)))
        except MomentError as error:
            raise ValidationError(str(error)) from None
