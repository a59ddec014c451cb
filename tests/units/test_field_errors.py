# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Errors of the API's fields are in the language of the request, like the detail beside them."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation
from pydantic import ValidationError

from canale.api.field_errors import sentence
from canale.api.schemas import CorrectionIn, FollowerIn, PostIn, ReactionIn, Strict

PICTURE = {"data": "iVBORw0KGgo=", "alt": "Il Po"}
HEADLINE = {"headline": "Il Po sale"}


@pytest.mark.parametrize(
    ("schema", "given", "italian", "english"),
    [
        (PostIn, {}, "Campo obbligatorio", "Field required"),
        (ReactionIn, {"emoji": "x", "more": 1}, "Questo campo non esiste", "Extra inputs are"),
        (PostIn, HEADLINE | {"kind": "poll"}, "Valori ammessi: 'news', 'event'", "Input should be"),
        (PostIn, HEADLINE | {"kind": "poll"}, "'service' o 'alert'", "'service' or 'alert'"),
        (PostIn, {"headline": 5}, "Serve un testo", "Input should be a valid string"),
        (PostIn, {"headline": "x" * 81}, "Troppo lungo: al massimo 80", "at most 80"),
        (PostIn, HEADLINE | {"topics": ["a b"]}, "modello ^[-\\w]+$", "match pattern"),
        (PostIn, HEADLINE | {"topics": "strade"}, "Serve un elenco", "valid list"),
        (PostIn, HEADLINE | {"all_clear_of": 0}, "almeno 1", "greater than or equal to 1"),
        (PostIn, HEADLINE | {"all_clear_of": "5"}, "Serve un numero", "valid integer"),
        (PostIn, HEADLINE | {"draft": "yes"}, "Serve true o false", "valid boolean"),
        (PostIn, HEADLINE | {"images": [PICTURE] * 11}, "Troppi elementi", "at most 10 items"),
        (PostIn, HEADLINE | {"images": [PICTURE | {"data": "?"}]}, "Serve un’immagine", "Expected"),
        (CorrectionIn, {"note": ""}, "Troppo corto: almeno 1", "at least 1 character"),
        (FollowerIn, {"push": 5}, "Serve un oggetto JSON", "Input should be"),
    ],
)
def test_field_errors_are_in_the_language_of_the_request(
    schema: type[Strict], given: dict[str, Any], italian: str, english: str
) -> None:
    for language, expected in (("it", italian), ("en", english)):
        with translation.override(language):
            with pytest.raises(ValidationError) as raised:
                schema.model_validate(given)
            (error,) = raised.value.errors()
            said = sentence(error)
        assert expected in said
        assert "Value error" not in said
