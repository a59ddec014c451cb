# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Guessing is slow; who guesses at an account does not shut its owner out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings

from canale.accounts.models import Membership, Role, Staff
from canale.channel.channels import create_channel
from canale.newsroom.known_device import COOKIE

pytestmark = pytest.mark.django_db
EMAIL, PASSWORD = "a@cremona.test", "acqua alta sul fiume Po"
LOGIN = "/newsroom/accounts/login/"
CODE = "/newsroom/accounts/2fa/authenticate/"
TOO_MANY = "Troppi tentativi"


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> Iterator[None]:
    settings.ACCOUNT_RATE_LIMITS = {
        "login_failed": "10/m/ip,100/300s/key",
        "code_failed": "20/h/key",
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def owner() -> Staff:
    staff = Staff.objects.create_user(EMAIL, PASSWORD)
    Membership.objects.create(
        staff=staff, channel=create_channel("cremona", "Cremona"), role=Role.ADMIN
    )
    return staff


def browser(address: str) -> Client:
    return Client(headers={"accept-language": "it"}, REMOTE_ADDR=address)


def sign_in(client: Client, password: str) -> HttpResponse:
    return client.post(LOGIN, {"login": EMAIL, "password": password})


def is_in(client: Client) -> bool:
    return client.get("/newsroom/c/cremona/").status_code == 200


def strangers_guess() -> None:
    """From as many addresses as it takes: the account is shut for those who come by."""
    for number in range(11):
        stranger = browser(f"192.0.2.{number}")
        for _ in range(10):
            sign_in(stranger, "sbagliata")
    refused = sign_in(browser("192.0.2.99"), PASSWORD)
    assert TOO_MANY in refused.content.decode()


def test_the_owner_gets_in_with_a_browser_that_signed_in_before(owner: Staff) -> None:
    known = browser("198.51.100.1")
    assert sign_in(known, PASSWORD).status_code == 302
    known.post("/newsroom/accounts/logout/")
    assert not is_in(known)
    strangers_guess()
    assert sign_in(known, PASSWORD).status_code == 302
    assert is_in(known)


def test_who_is_signed_in_confirms_with_the_password_all_the_same(owner: Staff) -> None:
    known = browser("198.51.100.1")
    sign_in(known, PASSWORD)
    strangers_guess()
    answer = known.post("/newsroom/accounts/reauthenticate/", {"password": PASSWORD})
    assert answer.status_code == 302


def test_a_known_browser_may_not_guess_for_ever(owner: Staff) -> None:
    known = browser("198.51.100.1")
    sign_in(known, PASSWORD)
    known.post("/newsroom/accounts/logout/")
    cookie = known.cookies[COOKIE].value
    for number in range(10):
        again = browser(f"198.51.100.{number + 10}")
        again.cookies[COOKIE] = cookie
        for _ in range(10):
            assert TOO_MANY not in sign_in(again, "sbagliata").content.decode()
    moved = browser("198.51.100.99")
    moved.cookies[COOKIE] = cookie
    assert TOO_MANY in sign_in(moved, PASSWORD).content.decode()


@pytest.mark.parametrize("cookie", ["", "x", "WzEsMV0:1vN:x"])
def test_a_forged_cookie_is_a_strangers(owner: Staff, cookie: str) -> None:
    strangers_guess()
    forger = browser("203.0.113.1")
    forger.cookies[COOKIE] = cookie
    assert TOO_MANY in sign_in(forger, PASSWORD).content.decode()


def test_another_persons_browser_is_a_strangers(owner: Staff) -> None:
    Staff.objects.create_user("b@cremona.test", PASSWORD)
    other = browser("203.0.113.1")
    other.post(LOGIN, {"login": "b@cremona.test", "password": PASSWORD})
    other.post("/newsroom/accounts/logout/")
    strangers_guess()
    assert TOO_MANY in sign_in(other, PASSWORD).content.decode()


def test_codes_are_guessed_twenty_times_an_hour_whatever_the_address(owner: Staff) -> None:
    totp.TOTP.activate(owner, totp.generate_totp_secret())
    right = RecoveryCodes.activate(owner).get_unused_codes()
    for number in range(4):
        thief = browser(f"192.0.2.{number}")
        assert sign_in(thief, PASSWORD).url == CODE
        for _ in range(5):
            assert TOO_MANY not in thief.post(CODE, {"code": "000000"}).content.decode()
    late = browser("192.0.2.200")
    sign_in(late, PASSWORD)
    assert TOO_MANY in late.post(CODE, {"code": right[0]}).content.decode()


def test_a_right_code_opens_and_begins_anew(owner: Staff) -> None:
    totp.TOTP.activate(owner, totp.generate_totp_secret())
    codes = RecoveryCodes.activate(owner).get_unused_codes()
    for number in range(3):
        person = browser(f"192.0.2.{number}")
        sign_in(person, PASSWORD)
        for _ in range(9):
            person.post(CODE, {"code": "000000"})
        assert person.post(CODE, {"code": codes[number]}).status_code == 302
        assert is_in(person)
