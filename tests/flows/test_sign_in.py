# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The door: what is closed says so, no page of the account breaks, odd input is refused."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.newsroom import Newsroom
from tests.site import HANDLE, PASSWORD, Site

ACCOUNTS = "/newsroom/accounts/"


@pytest.fixture(scope="module")
def newsroom(module_site: Site) -> Newsroom:
    """The administrator, signed in once: each sign-in hashes a password."""
    signed_in = Newsroom(module_site)
    signed_in.send(f"{ACCOUNTS}reauthenticate/", password=PASSWORD)
    return signed_in


@pytest.mark.parametrize("path", ["signup/", "email/", "confirm-email/", "password/reset/"])
def test_disabled_account_pages_say_so(module_site: Site, path: str) -> None:
    answer = httpx.get(f"{module_site.url}{ACCOUNTS}{path}")
    assert answer.status_code == 404
    assert "canale password" in answer.text or "amministra" in answer.text


@pytest.mark.parametrize(
    ("path", "heading", "offers"),
    [
        ("2fa/", "Account", '/newsroom/accounts/2fa/totp/activate/"'),
        ("2fa/webauthn/", "Passkey", '/newsroom/accounts/2fa/webauthn/add/"'),
        ("2fa/totp/activate/", "app", 'name="code"'),
        ("password/change/", "Cambia la password", 'name="oldpassword"'),
        ("logout/", "Esci", 'action="/newsroom/accounts/logout/"'),
    ],
)
def test_every_account_page_has_its_heading_and_action(
    newsroom: Newsroom, path: str, heading: str, offers: str
) -> None:
    answer = newsroom.browser.get(ACCOUNTS + path)
    assert answer.status_code == 200
    assert answer.url.path == ACCOUNTS + path
    headings = re.findall(r"<h1[^>]*>(.*?)</h1>", answer.text, re.DOTALL)
    assert [heading in said for said in headings] == [True], (headings, answer.text)
    assert offers in answer.text


def test_malformed_address_is_reported_at_its_field(module_site: Site) -> None:
    newsroom = Newsroom(module_site)
    newsroom.browser.cookies.clear()
    answer = newsroom.send(f"{ACCOUNTS}login/", login="cremona", password="x")
    assert "Inserisci un indirizzo email valido" in answer.text


@pytest.mark.quick
def test_a_changed_password_ends_the_other_sessions(module_site: Site) -> None:
    email = "turno@cremona.test"
    module_site.inside("staff", [email, PASSWORD, HANDLE, "editor"])
    here, elsewhere = Newsroom(module_site, email), Newsroom(module_site, email)
    new = f"{PASSWORD}-nuova"
    change = f"{ACCOUNTS}password/change/"
    here.send(change, oldpassword=PASSWORD, password1=new, password2=new)
    assert elsewhere.browser.get(elsewhere.home).url.path == f"{ACCOUNTS}login/"
    assert Newsroom(module_site, email, new).browser.get(here.home).url.path == here.home


@pytest.mark.parametrize("number", ["²", "9" * 30, "-1", "x"])
def test_revoking_an_invalid_token_number_is_harmless(newsroom: Newsroom, number: str) -> None:
    assert newsroom.send(f"{newsroom.home}tokens/", revoke=number).status_code == 200


@pytest.mark.parametrize(
    ("reactions", "status"),
    [("👍 ❤️ 👩‍🚒 1️⃣ 🇮🇹", 200), ("<b>", 422), ("---", 422), ("👍\u202e", 422)],
)
def test_reactions_must_be_emoji(newsroom: Newsroom, reactions: str, status: int) -> None:
    words = {"name": "Cremona", "retention_days": "30", "reactions": reactions}
    answer = newsroom.send(f"{newsroom.home}channel/", None, **words)
    assert answer.status_code == status
