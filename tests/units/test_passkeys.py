# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which answers of a passkey open the newsroom, and which do not."""

from __future__ import annotations

import html
import json
import logging
import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from canale.accounts.models import Membership, Role, Staff
from canale.accounts.sessions import SessionStore
from canale.channel.channels import create_channel
from canale.channel.models import Channel
from canale.newsroom import adapter, passkey_forms
from tests.standins.authenticator import PRESENT, VERIFIED, Passkey, base64url

PASSWORD = "acqua alta sul fiume Po"
PARTY = "canale.example.it"
BASE = f"https://{PARTY}"
ACCOUNTS = "/newsroom/accounts/"
DOOR = f"{ACCOUNTS}2fa/webauthn/login/"
ADD = f"{ACCOUNTS}2fa/webauthn/add/"
INSIDE = "/newsroom/c/cremona/"
STATE = "mfa.webauthn.state"


class Person:
    """Somebody with an account and a passkey."""

    def __init__(self, city: Channel, name: str) -> None:
        email = f"{name}@cremona.test"
        self.staff = Staff.objects.create_user(email, PASSWORD)
        Membership.objects.create(staff=self.staff, channel=city, role=Role.EDITOR)
        self.key = Passkey(BASE, PARTY)
        self.browser = Client()
        self.browser.force_login(self.staff)
        self.browser.post(f"{ACCOUNTS}reauthenticate/", {"password": PASSWORD})
        self.handle = ""

    def add(self, **said: Any) -> int:
        """Add the passkey; the answer's status."""
        asked = _asked(self.browser.get(ADD), "creation_options")
        self.handle = asked["user"]["id"]
        credential = json.dumps(self.key.created(asked["challenge"], **said))
        sent = {"name": "k", "passwordless": "on", "credential": credential}
        return self.browser.post(ADD, sent).status_code


def _asked(page: Any, name: str) -> Any:
    found = re.search(r'id="js_data"[^>]*>(.*?)</script>', page.content.decode(), re.DOTALL)
    assert found, page.content
    return json.loads(html.unescape(found[1]))[name]["publicKey"]


@pytest.fixture(autouse=True)
def base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (adapter, passkey_forms):
        monkeypatch.setattr(module, "settings", SimpleNamespace(base_url=BASE))


@pytest.fixture
def city(db: None) -> Channel:
    return create_channel("cremona", "Comune di Cremona")


@pytest.fixture
def editor(city: Channel) -> Person:
    person = Person(city, "anna")
    assert person.add() == 302
    return person


def _challenge(browser: Client) -> str:
    answer = browser.get(DOOR, headers={"x-requested-with": "XMLHttpRequest"})
    challenge: str = answer.json()["request_options"]["publicKey"]["challenge"]
    return challenge


def _opens(browser: Client, credential: dict[str, Any]) -> bool:
    browser.post(DOOR, {"credential": json.dumps(credential)})
    return browser.get(INSIDE).status_code == 200


def test_passkey_signs_in_and_is_not_logged(
    editor: Person, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = Client()
    with caplog.at_level(logging.INFO):
        assert _opens(stranger, editor.key.got(_challenge(stranger), editor.handle))
    assert editor.key.id.hex() not in caplog.text


ELSEWHERE: list[dict[str, Any]] = [
    {"origin": "https://evil.example"},
    {"origin": f"https://www.{PARTY}"},
    {"origin": f"http://{PARTY}"},
    {"origin": f"{BASE}."},
    {"party": "evil.example"},
    {"crossOrigin": True},
    {"crossOrigin": True, "topOrigin": "https://evil.example"},
]
UNVERIFIED: list[dict[str, Any]] = [{"flags": PRESENT}, {"flags": VERIFIED}]
OTHER: list[dict[str, Any]] = [
    {"type": "webauthn.create"},
    {"challenge": base64url(b"x" * 32)},
    {"challenge": ""},
]


def test_answer_for_another_page_or_without_the_person_is_refused(editor: Person) -> None:
    for said in [*ELSEWHERE, *UNVERIFIED, *OTHER]:
        stranger = Client()
        asked = {"challenge": _challenge(stranger)} | said
        assert not _opens(stranger, editor.key.got(user=editor.handle, **asked)), said


def test_passkey_made_on_another_page_is_not_added(city: Channel) -> None:
    person = Person(city, "anna")
    for said in [*ELSEWHERE, *UNVERIFIED]:
        assert person.add(**said) == 200, said


def test_passkey_opens_no_other_account(city: Channel, editor: Person) -> None:
    colleague = Person(city, "bruno")
    assert colleague.add() == 302
    stranger = Client()
    assert not _opens(stranger, colleague.key.got(_challenge(stranger), editor.handle))
    colleague.key.id, own = editor.key.id, colleague.key.id
    assert not _opens(stranger, colleague.key.got(_challenge(stranger), editor.handle))
    colleague.key.id = own
    assert _opens(stranger, colleague.key.got(_challenge(stranger), colleague.handle))


def test_removed_passkey_opens_nothing(editor: Person) -> None:
    stranger = Client()
    credential = editor.key.got(_challenge(stranger), editor.handle)
    editor.staff.authenticator_set.all().delete()
    assert not _opens(stranger, credential)


def test_passkey_response_is_accepted_once_under_concurrency(editor: Person) -> None:
    """Each of them has read the session that holds the challenge before the first is through."""
    browsers = [Client() for _ in range(3)]
    credential = editor.key.got(_challenge(browsers[0]), editor.handle)
    for browser in browsers[1:]:
        session = SessionStore()
        session[STATE] = browsers[0].session[STATE]
        session.create()
        browser.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    assert [_opens(browser, credential) for browser in browsers] == [True, False, False]
