# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Passkeys, codes from an app and recovery codes: added, renamed, replaced and ended by pressing
what the pages show."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.pages import City, needs_chromium
from tests.browser.test_accessibility import violations
from tests.browser.test_writing import sign_in
from tests.site import HANDLE, PASSWORD

pytestmark = needs_chromium

FACTORS = "/newsroom/accounts/2fa/"


@pytest.fixture
def desk(device: BrowserContext, city: City, request: pytest.FixtureRequest) -> Page:
    email = f"{request.node.name.replace('_', '-')}@cremona.test"
    city.site.inside("staff", [email, PASSWORD, HANDLE, "admin"])
    return sign_in(device, city, email)


def test_passkey_is_renamed_and_removed(city: City, desk: Page) -> None:
    cdp = desk.context.new_cdp_session(desk)
    cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    _open(city, desk, "webauthn/add/")
    desk.locator("#mfa_webauthn_add").click()
    expect(desk.get_by_text("Passkey aggiunta.")).to_be_visible()
    _open(city, desk, "webauthn/")
    desk.get_by_role("link", name="Cambia nome").click()
    desk.fill("[name=name]", "Telefono di Anna")
    desk.get_by_role("button", name="Salva").click()
    expect(desk.locator(".lines")).to_contain_text("Telefono di Anna")
    assert violations(desk) == []
    desk.get_by_role("link", name="Rimuovi").click()
    expect(desk.get_by_role("heading", name="Rimuovere «Telefono di Anna»?")).to_be_visible()
    desk.get_by_role("button", name="Rimuovi").click()
    expect(desk.get_by_text("Passkey rimossa.")).to_be_visible()
    expect(desk.get_by_text("Non hai ancora nessuna passkey.")).to_be_visible()


def test_codes_are_turned_on_replaced_and_turned_off(city: City, desk: Page) -> None:
    _open(city, desk, "totp/activate/")
    desk.fill("#id_code", "000000")
    desk.get_by_role("button", name="Attiva").click()
    expect(desk.locator("#error-code")).to_contain_text("Codice errato")
    desk.fill("#id_code", _code(desk.input_value("#authenticator_secret")))
    desk.get_by_role("button", name="Attiva").click()
    expect(desk.get_by_text("Codici dall’app attivati.")).to_be_visible()
    _open(city, desk, "recovery-codes/")
    before = desk.locator(".codes").inner_text()
    assert len(re.findall(r"[0-9]{8}", before)) == 10
    assert violations(desk) == []
    desk.get_by_role("link", name="Creane di nuovi").click()
    desk.get_by_role("button", name="Creane di nuovi").click()
    expect(desk.get_by_text("Ecco i tuoi nuovi codici di recupero.")).to_be_visible()
    assert desk.locator(".codes").inner_text() != before
    _open(city, desk, "totp/deactivate/")
    desk.get_by_role("button", name="Disattiva").click()
    expect(desk.get_by_text("Codici dall’app disattivati.")).to_be_visible()


def _open(city: City, page: Page, path: str) -> None:
    """Open a page of the second factors, giving the password where it is asked once more."""
    page.goto(city.site.url + FACTORS + path)
    if "reauthenticate" in page.url:
        page.fill("[name=password]", PASSWORD)
        page.locator("main form button").first.click()
        expect(page).to_have_url(city.site.url + FACTORS + path)


def _code(secret: str) -> str:
    """Return the code that an authenticator app shows now (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**6:06d}"
