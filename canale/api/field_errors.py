# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pydantic's errors, which are English, in the language of the request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

# By pydantic's name of the error (https://docs.pydantic.dev/latest/errors/validation_errors/).
SENTENCES = {
    "missing": _("Field required"),
    "extra_forbidden": _("Extra inputs are not permitted"),
    "literal_error": _("Input should be %(expected)s"),
    "string_type": _("Input should be a valid string"),
    "string_unicode": _("Input should be a valid Unicode string"),
    "string_too_short": _("String should have at least %(min_length)d characters"),
    "string_too_long": _("String should have at most %(max_length)d characters"),
    "string_pattern_mismatch": _("String should match pattern %(pattern)s"),
    "list_type": _("Input should be a valid list"),
    "too_long": _("List should have at most %(max_length)d items"),
    "int_type": _("Input should be a valid integer"),
    "int_parsing": _("Input should be a valid integer"),
    "int_parsing_size": _("Input should be a smaller integer"),
    "int_from_float": _("Input should be a valid integer"),
    "greater_than_equal": _("Input should be at least %(ge)d"),
    "less_than_equal": _("Input should be at most %(le)d"),
    "bool_type": _("Input should be a valid boolean"),
    "model_type": _("Input should be an object"),
    "model_attributes_type": _("Input should be an object"),
}
PREFIX = "Value error, "


def sentence(error: Mapping[str, Any]) -> str:
    """Give pydantic's own sentence where the language has no translation of it."""
    known = SENTENCES.get(error["type"])
    if known is None or (translated := gettext(known)) == known:
        return str(error["msg"]).removeprefix(PREFIX)
    values = dict(error.get("ctx") or {})
    if "expected" in values:
        values["expected"] = values["expected"].replace(" or ", gettext(" or "))
    return translated % values
