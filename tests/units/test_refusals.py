# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Refused sign-ins leave traces: in the metrics, and in the log of the account's channels."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from canale.accounts import audit
from canale.accounts.failures import log_failures
from canale.accounts.models import AuditEntry, FailedSignIn, Membership, Role, Staff
from canale.metrics.definitions import REFUSAL_REASONS, REGISTRY
from tests.accounts import EMAIL, PASSWORD, add_account

pytestmark = pytest.mark.django_db
ACCOUNTS, HOME = "/newsroom/accounts/", "/newsroom/c/cremona/"
STRANGER = "203.0.113.77"


@pytest.fixture
def editor() -> Staff:
    return add_account(EMAIL, PASSWORD, Role.EDITOR)


def sign_in(email: str = EMAIL, password: str = "sbagliata") -> Client:
    client = Client(REMOTE_ADDR=STRANGER, headers={"accept-language": "it"})
    client.post(f"{ACCOUNTS}login/", {"login": email, "password": password})
    return client


def counts() -> dict[str, float]:
    name = "canale_refusals_total"
    values = {each: REGISTRY.get_sample_value(name, {"reason": each}) for each in REFUSAL_REASONS}
    return {reason: value or 0 for reason, value in values.items()}


def counted(before: dict[str, float]) -> dict[str, float]:
    now = counts()
    return {reason: now[reason] - before[reason] for reason in now if now[reason] != before[reason]}


def entries() -> list[tuple[str, int]]:
    rows = AuditEntry.objects.order_by("pk").values_list("act", "detail")
    return [(act, detail["count"]) for act, detail in rows if act.endswith("_refused")]


def test_refusals_are_counted(editor: Staff, settings: Settings) -> None:
    totp.TOTP.activate(editor, totp.generate_totp_secret())
    before = counts()
    sign_in()
    sign_in("nobody@cremona.test")
    assert counted(before) == {"password": 2}
    thief = sign_in(password=PASSWORD)
    thief.post(f"{ACCOUNTS}2fa/authenticate/", {"code": "000000"})
    Client().post(f"{ACCOUNTS}2fa/webauthn/login/", {"credential": "{}"})
    assert counted(before) == {"password": 2, "code": 1, "passkey": 1}

    before = counts()
    inside = Client()
    inside.force_login(editor)
    assert inside.get(f"{HOME}tokens/").status_code == 403
    inside.post(f"{ACCOUNTS}reauthenticate/", {"password": "sbagliata"})
    form = {"oldpassword": "sbagliata", "password1": "x", "password2": "x"}
    inside.post(f"{ACCOUNTS}password/change/", form)
    assert counted(before) == {"forbidden": 1, "password": 2}

    before = counts()
    careful = Client(enforce_csrf_checks=True, headers={"accept-language": "it"})
    answer = careful.post(f"{ACCOUNTS}login/", {"login": EMAIL})
    assert answer.status_code == 403
    assert "torna indietro" in answer.content.decode().lower()
    wrong = {"authorization": "Bearer canale_wrong"}
    posts = "/api/v1/channels/cremona/posts"
    data = {"kind": "news", "headline": "x", "text": "x"}
    assert Client().post(posts, data, "application/json", headers=wrong).status_code == 401
    settings.SIGN_IN_LIMITS = True
    for _ in range(11):
        sign_in()
    assert counted(before) == {"csrf": 1, "token": 1, "limit": 1, "password": 10}


def test_failures_are_logged_once_a_minute_with_a_count(editor: Staff) -> None:
    now = timezone.now()
    sign_in()
    log_failures(now)
    assert entries() == [("staff.password_refused", 1)]
    for _ in range(4):
        sign_in()
    log_failures(now + timedelta(seconds=59))
    assert len(entries()) == 1
    log_failures(now + timedelta(seconds=60))
    log_failures(now + timedelta(seconds=61))
    assert entries() == [("staff.password_refused", 1), ("staff.password_refused", 4)]
    log_failures(now + timedelta(minutes=3))
    assert not FailedSignIn.objects.exists()
    assert STRANGER not in str(list(AuditEntry.objects.values()))
    assert audit.verify().ok


def test_wrong_codes_are_logged(editor: Staff) -> None:
    totp.TOTP.activate(editor, totp.generate_totp_secret())
    thief = sign_in(password=PASSWORD)
    for _ in range(3):
        thief.post(f"{ACCOUNTS}2fa/authenticate/", {"code": "000000"})
    log_failures(timezone.now())
    assert entries() == [("staff.code_refused", 3)]


def test_unknown_address_leaves_no_entry_and_no_row(editor: Staff) -> None:
    sign_in("nobody@cremona.test")
    # The same work as for an account: the time tells nothing.
    row = FailedSignIn.objects.get()
    assert (row.staff, row.waiting) == (None, 1)
    assert "nobody" not in str(FailedSignIn.objects.values())
    log_failures(timezone.now())
    assert entries() == []
    assert not FailedSignIn.objects.exists()


def test_log_page_describes_refusals_in_italian(editor: Staff) -> None:
    Membership.objects.update(role=Role.ADMIN)
    sign_in()
    log_failures(timezone.now())
    admin = Client(headers={"accept-language": "it"})
    admin.force_login(editor)
    page = admin.get(f"{HOME}log/").content.decode()
    assert "ha sbagliato la password" in page
    assert "quante volte" in page


def test_deleted_account_does_not_break_the_log(editor: Staff) -> None:
    sign_in()
    editor.delete()
    log_failures(timezone.now())
    assert not FailedSignIn.objects.exists()
