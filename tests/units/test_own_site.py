# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Signing in belongs to the site of the base URL, whatever host a request names."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError

from canale.newsroom import adapter, passkey_forms
from canale.newsroom.adapter import SealedMFAAdapter, StaffAccountAdapter
from canale.newsroom.passkey_forms import SameOriginMixin

BASE = "https://canale.example.it"


@pytest.fixture(autouse=True)
def base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (adapter, passkey_forms):
        monkeypatch.setattr(module, "settings", SimpleNamespace(base_url=BASE))


def test_relying_party_is_the_base_urls_host() -> None:
    party = SealedMFAAdapter().get_public_key_credential_rp_entity()
    assert party == {"id": "canale.example.it", "name": "canale.example.it"}
    assert SealedMFAAdapter().get_totp_issuer() == "canale.example.it"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)",
        "http://canale.example.it/", "https://canale.example.it.evil.example/", "https:///evil",
        "https://canale.example.it@evil.example/", "",
    ],
)  # fmt: skip
def test_next_does_not_redirect_to_other_sites(url: str) -> None:
    assert not StaffAccountAdapter().is_safe_url(url)


@pytest.mark.parametrize("url", ["/newsroom/c/x/", f"{BASE}/newsroom/", "?page=2"])
def test_next_redirects_within_the_site(url: str) -> None:
    assert StaffAccountAdapter().is_safe_url(url)


def credential(origin: object) -> dict[str, object]:
    said = {"type": "webauthn.get", "challenge": "AAAA", "origin": origin}
    data = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    return {"response": {"clientDataJSON": data}}


@pytest.mark.parametrize(
    "given",
    [
        *map(credential, ["https://evil.example", "https://www.canale.example.it", "", None, [1]]),
        *map(credential, ["http://canale.example.it", f"{BASE}:8443", f"{BASE}/"]),
        {}, [], "x", 1, None, {"response": None}, {"response": {"clientDataJSON": "!"}},
        {"response": {"clientDataJSON": base64.b64encode(b"[" * 60_000).decode()}},
    ],
)  # fmt: skip
def test_passkey_of_another_page_is_refused(given: object) -> None:
    form = SameOriginMixin()
    form.cleaned_data = {"credential": given}  # type: ignore[attr-defined]
    with pytest.raises(ValidationError):
        form.clean_credential()


def test_passkey_of_our_own_page_is_accepted() -> None:
    form = SameOriginMixin()
    form.cleaned_data = {"credential": credential(BASE)}  # type: ignore[attr-defined]
    assert form.clean_credential() == credential(BASE)
