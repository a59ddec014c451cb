# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sessions end in time, are seen by their owner, and end when what proves the person changes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from canale.accounts.models import AuditEntry, Membership, Role, Staff, StaffSession
from canale.accounts.sessions import IDLE_TIMEOUT, MAX_SESSION_AGE, SessionStore, key_hash
from canale.accounts.upload_auth import may_upload
from canale.cli import password as password_command
from canale.newsroom.browsers import browser_name
from tests.accounts import EMAIL, PASSWORD, add_account

pytestmark = pytest.mark.django_db
HOME, SESSIONS = "/newsroom/c/cremona/", "/newsroom/sessions/"
CHANGE = "/newsroom/accounts/password/change/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"


@pytest.fixture
def owner() -> Staff:
    return add_account(EMAIL, PASSWORD, Role.ADMIN)


def signed_in(user_agent: str = FIREFOX) -> Client:
    client = Client(headers={"accept-language": "it", "user-agent": user_agent})
    form = {"login": EMAIL, "password": PASSWORD}
    assert client.post("/newsroom/accounts/login/", form).status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get(HOME).status_code == 200


def row_of(client: Client) -> StaffSession:
    return StaffSession.objects.get(pk=key_hash(client.session.session_key or ""))


def test_unused_session_expires(owner: Staff) -> None:
    client = signed_in()
    StaffSession.objects.update(seen_at=timezone.now() - IDLE_TIMEOUT + timedelta(minutes=1))
    assert is_in(client)
    assert row_of(client).seen_at > timezone.now() - timedelta(minutes=1)
    StaffSession.objects.update(seen_at=timezone.now() - IDLE_TIMEOUT)
    assert not is_in(client)


def test_session_in_use_expires_after_twelve_hours(owner: Staff) -> None:
    client = signed_in()
    session = client.session
    session["signed_in_at"] = (timezone.now() - MAX_SESSION_AGE + timedelta(minutes=1)).isoformat()
    session.save()
    assert is_in(client)
    assert row_of(client).expire_date < timezone.now() + timedelta(minutes=2)
    session["signed_in_at"] = (timezone.now() - MAX_SESSION_AGE).isoformat()
    session.save()
    assert not is_in(client)


def test_expired_sessions_are_deleted(owner: Staff) -> None:
    client, other = signed_in(), signed_in()
    StaffSession.objects.filter(pk=row_of(other).pk).update(seen_at=timezone.now() - IDLE_TIMEOUT)
    SessionStore.clear_expired()
    assert list(StaffSession.objects.all()) == [row_of(client)]


def test_people_see_their_sessions_and_end_one(owner: Staff) -> None:
    here, phone = signed_in(), signed_in("Mozilla/5.0 (iPhone) Version/18.0 Safari/604.1")
    page = here.get(SESSIONS).content.decode()
    assert "Firefox, Linux" in page
    assert "Safari, iPhone" in page
    here.post(SESSIONS, {"end": row_of(here).pk})
    assert is_in(here)
    here.post(SESSIONS, {"end": row_of(phone).pk})
    assert is_in(here)
    assert not is_in(phone)
    assert AuditEntry.objects.filter(act="staff.sessions_ended").count() == 1


def test_people_can_end_all_other_sessions(owner: Staff) -> None:
    here, *others = (signed_in() for _ in range(3))
    here.post(SESSIONS, {"others": "1"})
    assert is_in(here)
    assert not any(map(is_in, others))


@pytest.mark.parametrize("odd", ["", "x", "\0", "9" * 200])
def test_session_of_another_person_cannot_be_ended(owner: Staff, odd: str) -> None:
    stranger = Staff.objects.create_user("b@cremona.test", PASSWORD)
    other = Client()
    other.force_login(stranger)
    here = signed_in()
    assert other.post(SESSIONS, {"end": odd}).status_code == 302
    assert other.post(SESSIONS, {"end": row_of(here).pk}).status_code == 302
    other.post(SESSIONS, {"others": "1"})
    assert is_in(here)
    assert row_of(here).pk not in other.get(SESSIONS).content.decode()


def test_changed_password_ends_other_sessions(owner: Staff) -> None:
    here, other = signed_in(), signed_in()
    new = "quattro parole messe in fila"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert here.post(CHANGE, form).status_code == 302
    assert is_in(here)
    assert not is_in(other)
    assert StaffSession.objects.count() == 1


def test_new_second_factor_ends_other_sessions(
    owner: Staff, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    here, other = signed_in(), signed_in()
    here.post("/newsroom/accounts/reauthenticate/", {"password": PASSWORD})
    here.get("/newsroom/accounts/2fa/totp/activate/")
    secret = here.session["mfa.totp.secret"]
    counter = next(totp.yield_hotp_counters_from_time())
    code = totp.format_hotp_value(totp.hotp_value(secret, counter))
    with django_capture_on_commit_callbacks(execute=True):
        here.post("/newsroom/accounts/2fa/totp/activate/", {"code": code})
    assert is_in(here)
    assert not is_in(other)


def test_password_page_is_linked_and_reports_errors(owner: Staff) -> None:
    here = signed_in()
    assert CHANGE in here.get("/newsroom/accounts/2fa/").content.decode()
    assert "Cambia la password" in here.get(CHANGE).content.decode()
    form = {"oldpassword": "sbagliata", "password1": "corta", "password2": "altra"}
    answer = here.post(CHANGE, form).content.decode()
    assert answer.count('class="error') >= 2
    assert is_in(here)


def headers_of(client: Client) -> dict[str, str]:
    return {"cookie": "; ".join(f"{name}={it.value}" for name, it in client.cookies.items())}


def test_uploads_are_accepted_from_signed_in_people(owner: Staff) -> None:
    client = signed_in()
    headers = headers_of(client)
    assert may_upload(HOME, headers)
    assert not may_upload(HOME, {"cookie": f"canale_staff={row_of(client).pk}"})
    Staff.objects.update(is_active=False)
    assert not may_upload(HOME, headers)
    assert not is_in(client)
    Staff.objects.update(is_active=True)
    StaffSession.objects.update(seen_at=timezone.now() - IDLE_TIMEOUT)
    assert not may_upload(HOME, headers)
    Staff.objects.all().delete()
    assert not StaffSession.objects.exists()


def test_uploads_of_an_anonymous_session_are_refused(owner: Staff) -> None:
    client = Client()
    client.get(
        "/newsroom/accounts/2fa/webauthn/login/", headers={"x-requested-with": "XMLHttpRequest"}
    )
    assert StaffSession.objects.get().staff is None
    assert not may_upload(HOME, headers_of(client))


def test_a_password_from_the_command_line_ends_every_session(
    owner: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    import argparse

    client = signed_in()
    monkeypatch.setattr("canale.cli.inputs.password", lambda *_: "quattro parole messe in fila")
    password_command.run(argparse.Namespace(email=f" {EMAIL.upper()} ", password_file=None))
    assert not is_in(client)
    assert not StaffSession.objects.exists()


def test_sign_in_on_a_new_device_is_logged(owner: Staff) -> None:
    client = signed_in()
    client.post("/newsroom/accounts/logout/")
    client.post("/newsroom/accounts/login/", {"login": EMAIL, "password": PASSWORD})
    acts = AuditEntry.objects.order_by("pk").values_list("act", flat=True)
    assert list(acts) == ["staff.signed_in_on_new_device", "staff.signed_in"]


def test_sign_out_clears_the_browser_cache_only(owner: Staff) -> None:
    answer = signed_in().post("/newsroom/accounts/logout/")
    assert answer["Clear-Site-Data"] == '"cache"'


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("", ""),
        ("curl/8", ""),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/140.0 Mobile Safari/537.36", "Chrome, Android"),
        ("<script>Firefox", "Firefox"),
    ],
)
def test_browser_is_named_by_its_user_agent(user_agent: str, name: str) -> None:
    assert browser_name(user_agent) == name


FACTOR, ACCOUNT = f"{HOME}second-factor/", "/newsroom/accounts/2fa/"


def test_required_second_factor_blocks_all_other_pages(owner: Staff) -> None:
    editor = Staff.objects.create_user("b@cremona.test", PASSWORD)
    channel = owner.memberships.get().channel
    Membership.objects.create(staff=editor, channel=channel, role=Role.EDITOR)
    client, colleague = signed_in(), Client()
    colleague.force_login(editor)
    client.post(FACTOR, {"required": "1"})
    # A person without a second factor would lock themselves out.
    assert is_in(client)
    totp.TOTP.activate(owner, totp.generate_totp_secret())
    client.post(FACTOR, {"required": "1"})
    assert is_in(client)
    for path in ("", "posts/new/", "channel/", "log/"):
        answer = colleague.get(f"{HOME}{path}")
        assert (answer.status_code, answer["Location"]) == (302, ACCOUNT)
    assert colleague.post(f"{HOME}preview/", {"text": "x"}).status_code == 302
    assert colleague.get(ACCOUNT).status_code == 200
    totp.TOTP.activate(editor, totp.generate_totp_secret())
    assert is_in(colleague)
    assert colleague.post(FACTOR, {"optional": "1"}).status_code == 403
    client.post(FACTOR, {"optional": "1"})
    acts = AuditEntry.objects.filter(act__startswith="second_factor").order_by("pk")
    assert [entry.act for entry in acts] == ["second_factor.required", "second_factor.optional"]
