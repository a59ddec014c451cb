# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A form field for a day with an optional time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from canale.channel.moments import MomentError, Written, read


class MomentValue(NamedTuple):
    """The values of the two inputs. A program may send both in the first: 2026-12-24T18:00."""

    day: str = ""
    time: str = ""


class MomentWidget(forms.Widget):
    """Reads the inputs of newsroom/moment.html: ``<name>`` and ``<name>_time``."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> MomentValue:
        return MomentValue(*(str(data.get(part, "")).strip() for part in (name, f"{name}_time")))


class MomentField(forms.Field):
    """A moment in the city's time zone, or a date. See canale.channel.moments."""

    stored: Written | None = None
    """The post's present value.

    If the form sends it back as shown, it stays exact to the microsecond, even in an hour that the
    clocks skip or repeat.
    """

    def __init__(self, label: Any) -> None:
        super().__init__(label=label, required=False, widget=MomentWidget)

    def prepare_value(self, value: object) -> MomentValue:
        if isinstance(value, MomentValue):
            return value
        if isinstance(value, datetime):
            local = timezone.localtime(value)
            return MomentValue(f"{local:%Y-%m-%d}", f"{local:%H:%M}")
        return MomentValue(str(value)) if value else MomentValue()

    def to_python(self, value: Any) -> Written | None:
        inputs: MomentValue = value
        if not inputs.day:
            if inputs.time:
                raise ValidationError(_("Add the day too."))
            return None
        if inputs == self.prepare_value(self.stored):
            return self.stored
        try:
            return read("T".join(filter(None, inputs)))
        except MomentError as error:
            raise ValidationError(str(error)) from None
