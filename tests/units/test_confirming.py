# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Before somebody changes how they sign in, they are asked once more, in our own words."""

from __future__ import annotations

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.test import Client

from canale.accounts.models import Staff

pytestmark = pytest.mark.django_db
EMAIL, PASSWORD = "a@cremona.test", "acqua alta sul fiume Po"
AGAIN = "/newsroom/accounts/reauthenticate/"
BY_CODE = "/newsroom/accounts/2fa/reauthenticate/"
BY_PASSKEY = "/newsroom/accounts/2fa/webauthn/reauthenticate/"


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client(headers={"accept-language": "it"})
    staff = Staff.objects.create_user(EMAIL, PASSWORD)
    client.post("/newsroom/accounts/login/", {"login": EMAIL, "password": PASSWORD})
    totp.TOTP.activate(staff, totp.generate_totp_secret())
    RecoveryCodes.activate(staff)
    passkey = {"name": "Telefono", "credential": {}, "passwordless": True}
    Authenticator.objects.create(user=staff, type=Authenticator.Type.WEBAUTHN, data=passkey)
    # A real one is made by a device.
    monkeypatch.setattr("allauth.mfa.webauthn.internal.auth.get_credentials", lambda user: [])
    return client


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (AGAIN, "La tua password"),
        (BY_CODE, "Il codice che mostra la tua app"),
        (BY_PASSKEY, "Con una passkey"),
    ],
)
def test_each_reauthentication_page_is_italian_and_links_the_others(
    person: Client, path: str, asked: str
) -> None:
    answer = person.get(path)
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "Conferma che sei tu" in page
    assert asked in page
    for other in {AGAIN, BY_CODE, BY_PASSKEY} - {path}:
        assert f'href="{other}' in page


def test_reauthentication_reports_errors_at_their_fields(person: Client) -> None:
    wrong = person.post(AGAIN, {"password": "x"}).content.decode()
    assert re.search(r'id="error-password"[^>]*><p>', wrong)
    code = person.post(BY_CODE, {"code": "000000"}).content.decode()
    assert re.search(r'id="error-code"[^>]*><p>Codice errato', code)
    right = person.post(AGAIN, {"password": PASSWORD, "next": "/newsroom/accounts/2fa/"})
    assert (right.status_code, right.headers["Location"]) == (302, "/newsroom/accounts/2fa/")
