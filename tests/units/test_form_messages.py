# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Error messages of the newsroom's forms are Italian, also those of Django and allauth."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import QueryDict
from django.test import Client
from django.utils import translation

from canale.accounts.models import Staff
from canale.channel.channels import create_channel
from canale.newsroom.forms import ChannelSettings, PostForm, SetupForm

pytestmark = pytest.mark.django_db
# Words that every sentence of Django's in English has one of.
ENGLISH = {"the", "this", "an", "is", "must", "enter", "use", "your", "value", "too", "please"}


def _errors(make: Any, **said: str) -> dict[str, list[str]]:
    sent = QueryDict(mutable=True)
    sent.update(said)
    form: Form = make(sent)
    form.is_valid()
    return {name: [str(one) for one in found] for name, found in form.errors.items()}


def _all_errors() -> list[str]:
    city = create_channel("cremona", "Comune di Cremona")

    def settings(sent: QueryDict) -> Any:
        return ChannelSettings(sent, instance=city)

    def post(sent: QueryDict) -> Any:
        return PostForm(city, sent)

    said = [
        _errors(SetupForm),
        _errors(SetupForm, name="x" * 99, handle="Città", description="y" * 400, email="boh"),
        _errors(SetupForm, handle="x" * 50, password="a"),
        _errors(SetupForm, handle="cremona", email="anna@b.it", password="anna@b.it-anna"),
        _errors(SetupForm, password="password1234"),
        _errors(settings),
        _errors(settings, website="non un url", contact_email="boh", retention_days="abc"),
        _errors(settings, name="x" * 99, retention_days="0", reactions="ciao"),
        _errors(settings, retention_days="99999", contact_email="a" * 300 + "@b.it"),
        _errors(post),
        _errors(post, kind="x", topics="y", all_clear_of="9", starts_at="boh", headline="a\0b"),
    ]
    return [one for errors in said for found in errors.values() for one in found]


def test_form_errors_are_italian() -> None:
    with translation.override("it"):
        said = _all_errors()
    assert len(said) > 25
    english = [one for one in said if ENGLISH & set(one.lower().rstrip(".").split())]
    assert english == []
    assert not any("slug" in one for one in said)


def test_new_password_form_is_italian() -> None:
    person = Client(headers={"accept-language": "it"})
    password = "acqua alta sul fiume Po"
    Staff.objects.create_user("a@cremona.test", password)
    person.post("/newsroom/accounts/login/", {"login": "a@cremona.test", "password": password})
    sent = {"oldpassword": password, "password1": "abc", "password2": "abc"}
    page = person.post("/newsroom/accounts/password/change/", sent).content.decode()
    assert "Troppo corta: usa almeno 12 caratteri." in page
    assert "password must" not in page


def test_a_password_says_what_is_wrong_with_it() -> None:
    from django.contrib.auth.password_validation import validate_password

    with translation.override("it"), pytest.raises(ValidationError) as said:
        validate_password("anna.rossi@b.it", Staff(email="anna.rossi@b.it"))
    assert said.value.messages == [
        "Somiglia troppo al tuo indirizzo e-mail.",
        "È fatta di nomi del posto: scegli parole che non c’entrano.",
    ]


def test_forms_do_not_truncate_pasted_text() -> None:
    city = create_channel("cremona", "Comune di Cremona")
    settings = str(ChannelSettings(instance=city))
    assert 'data-limit="80"' in settings
    assert "maxlength" not in settings
