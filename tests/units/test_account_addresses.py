# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""An account has one address, however browsers and people spell it."""

from __future__ import annotations

import pytest
from django.test import Client

from canale.accounts.addresses import address
from canale.accounts.models import Staff
from canale.channel.channels import create_channel
from canale.cli import main
from tests.site import PASSWORD

PUNYCODE = "anna@xn--forl-tpa.it"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Anna@Cremona.TEST ", "anna@cremona.test"),
        ("\u00a0anna@FORLÌ.it", PUNYCODE),
        ("anna@forli\u0300.it", PUNYCODE),
        (PUNYCODE.upper(), PUNYCODE),
        ("anna@under_score.it", "anna@under_score.it"),
        ("anna", "anna"),
        ("", ""),
    ],
)
def test_an_address_has_one_spelling(text: str, meant: str) -> None:
    assert address(text) == meant
    assert address(meant) == meant


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["anna@forlì.it", "Anna@FORLÌ.IT", PUNYCODE])
def test_accented_address_signs_in_from_every_browser(client: Client, typed: str) -> None:
    create_channel("cremona", "Cremona")
    Staff.objects.create_user("anna@forlì.it", PASSWORD)
    client.post("/newsroom/accounts/login/", {"login": typed, "password": PASSWORD})
    assert "_auth_user_id" in client.session
    assert main(["staff", "--channel", "cremona", "--add", typed, "--role", "editor"]) == 0
    assert Staff.objects.get().email == PUNYCODE
