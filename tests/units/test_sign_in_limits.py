# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Guessing is slow; who guesses at an account does not shut its owner out."""

from __future__ import annotations

import time

import hypothesis
import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.db.models import F
from django.http import HttpResponse
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from canale.accounts import attempts
from canale.accounts.models import AttemptCount, Staff
from canale.newsroom.known_device import COOKIE
from canale.newsroom.mfa_forms import plain_code
from canale.newsroom.sign_in_limits import ACCOUNT_SECONDS, MAX_PER_ACCOUNT
from tests.accounts import EMAIL, PASSWORD, add_account

pytestmark = pytest.mark.django_db
LOGIN = "/newsroom/accounts/login/"
CODE = "/newsroom/accounts/2fa/authenticate/"
TOO_MANY = "Troppi tentativi"


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> None:
    settings.SIGN_IN_LIMITS = True


@pytest.fixture
def owner() -> Staff:
    return add_account()


def browser(address: str) -> Client:
    return Client(headers={"accept-language": "it"}, REMOTE_ADDR=address)


def sign_in(client: Client, password: str) -> HttpResponse:
    return client.post(LOGIN, {"login": EMAIL, "password": password})


def is_in(client: Client) -> bool:
    return client.get("/newsroom/c/cremona/").status_code == 200


def strangers_guess() -> None:
    """The account is shut for those who come by: of all the guesses only the last is made here,
    `test_account_is_counted_once_whatever_host_and_spelling` makes each."""
    owner = Staff.objects.get(email=EMAIL)
    limit = attempts.Limit("password", f"account {owner.pk}", MAX_PER_ACCOUNT, ACCOUNT_SECONDS)
    for _ in range(MAX_PER_ACCOUNT - 1):
        assert attempts.take([limit]) is None
    assert TOO_MANY not in sign_in(browser("192.0.2.98"), "sbagliata").content.decode()
    refused = sign_in(browser("192.0.2.99"), PASSWORD)
    assert f"{TOO_MANY}. Aspetta 5 minuti, poi riprova." in refused.content.decode()


def test_owner_signs_in_from_a_known_browser_despite_the_limit(owner: Staff) -> None:
    known = browser("198.51.100.1")
    assert sign_in(known, PASSWORD).status_code == 302
    known.post("/newsroom/accounts/logout/")
    assert not is_in(known)
    strangers_guess()
    assert sign_in(known, PASSWORD).status_code == 302
    assert is_in(known)


def test_signed_in_person_can_confirm_despite_the_limit(owner: Staff) -> None:
    known = browser("198.51.100.1")
    sign_in(known, PASSWORD)
    strangers_guess()
    answer = known.post("/newsroom/accounts/reauthenticate/", {"password": PASSWORD})
    assert answer.status_code == 302


def test_guesses_from_a_known_browser_are_limited(owner: Staff) -> None:
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
def test_forged_cookie_does_not_make_a_browser_known(owner: Staff, cookie: str) -> None:
    strangers_guess()
    forger = browser("203.0.113.1")
    forger.cookies[COOKIE] = cookie
    assert TOO_MANY in sign_in(forger, PASSWORD).content.decode()


def test_browser_known_for_one_account_is_unknown_for_another(owner: Staff) -> None:
    Staff.objects.create_user("b@cremona.test", PASSWORD)
    other = browser("203.0.113.1")
    other.post(LOGIN, {"login": "b@cremona.test", "password": PASSWORD})
    other.post("/newsroom/accounts/logout/")
    strangers_guess()
    assert TOO_MANY in sign_in(other, PASSWORD).content.decode()


def test_codes_are_limited_to_twenty_guesses_an_hour(owner: Staff) -> None:
    totp.TOTP.activate(owner, totp.generate_totp_secret())
    right = RecoveryCodes.activate(owner).get_unused_codes()
    for number in range(4):
        thief = browser(f"192.0.2.{number}")
        assert sign_in(thief, PASSWORD).url == CODE
        for _ in range(5):
            assert TOO_MANY not in thief.post(CODE, {"code": "000000"}).content.decode()
    late = browser("192.0.2.200")
    sign_in(late, PASSWORD)
    refused = late.post(CODE, {"code": right[0]})
    assert f"{TOO_MANY}. Aspetta 60 minuti, poi riprova." in refused.content.decode()


def test_correct_code_signs_in_and_resets_the_count(owner: Staff) -> None:
    totp.TOTP.activate(owner, totp.generate_totp_secret())
    codes = RecoveryCodes.activate(owner).get_unused_codes()
    for number in range(3):
        person = browser(f"192.0.2.{number}")
        sign_in(person, PASSWORD)
        for _ in range(9):
            person.post(CODE, {"code": "000000"})
        assert person.post(CODE, {"code": codes[number]}).status_code == 302
        assert is_in(person)


def test_other_forms_do_not_reset_the_count(owner: Staff) -> None:
    totp.TOTP.activate(owner, totp.generate_totp_secret())
    thief = browser("192.0.2.1")
    sign_in(thief, PASSWORD)
    for _ in range(20):
        assert TOO_MANY not in thief.post(CODE, {"code": "000000"}).content.decode()
    for number in range(330):
        attempts.take([attempts.Limit("form", f"2001:db8:1:{number:x}::/64", 30, 60)])
    again = browser("192.0.2.2")
    sign_in(again, PASSWORD)
    answer = again.post(CODE, {"code": "000000"})
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 3600
    assert TOO_MANY in answer.content.decode()


def test_password_thief_does_not_exhaust_the_owners_codes(owner: Staff) -> None:
    totp.TOTP.activate(owner, totp.generate_totp_secret())
    codes = RecoveryCodes.activate(owner).get_unused_codes()
    known = browser("198.51.100.1")
    sign_in(known, PASSWORD)
    assert known.post(CODE, {"code": codes[0]}).status_code == 302
    known.post("/newsroom/accounts/logout/")
    thief = browser("192.0.2.1")
    sign_in(thief, PASSWORD)
    for _ in range(21):
        thief.post(CODE, {"code": "000000"})
    sign_in(known, PASSWORD)
    assert known.post(CODE, {"code": codes[1]}).status_code == 302


def test_limit_of_a_provider_is_ten_times_that_of_a_household(owner: Staff) -> None:
    answers = [
        sign_in(browser(f"2001:db8:7:{number // 9:x}::1"), f"sbagliata {number}").status_code
        for number in range(105)
    ]
    # The account is shut after a hundred, too: ask for another one.
    other = browser("2001:db8:7:ffff::1").post(LOGIN, {"login": "b@x.test", "password": "x"})
    elsewhere = browser("2001:db8:8::1").post(LOGIN, {"login": "b@x.test", "password": "x"})
    assert answers == [200] * 100 + [429] * 5
    assert other.status_code == 429
    assert elsewhere.status_code == 200


def test_neighbour_behind_the_same_address_does_not_lock_out_a_browser(
    owner: Staff,
) -> None:
    known = browser("198.51.100.1")
    sign_in(known, PASSWORD)
    known.post("/newsroom/accounts/logout/")
    for _ in range(11):
        refused = sign_in(browser("198.51.100.1"), "sbagliata")
    assert refused.status_code == 429
    assert sign_in(known, PASSWORD).status_code == 302


def test_account_is_counted_once_whatever_host_and_spelling(owner: Staff) -> None:
    for number in range(100):
        person = browser(f"192.0.2.{number}")
        email = EMAIL.upper() if number % 2 else EMAIL
        person.post(LOGIN, {"login": email, "password": "no"}, headers={"host": f"h{number}.test"})
    assert sign_in(browser("192.0.2.200"), PASSWORD).status_code == 429


def test_correct_passwords_are_not_counted(owner: Staff) -> None:
    for _ in range(25):
        assert sign_in(browser("192.0.2.1"), PASSWORD).status_code == 302


def test_refused_attempt_is_neither_hashed_nor_counted(
    owner: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(10):
        sign_in(browser("192.0.2.1"), "sbagliata")
    counted = set(AttemptCount.objects.values_list("pk", "used"))
    monkeypatch.setattr(Staff, "check_password", None)
    monkeypatch.setattr(Staff, "set_password", None)
    assert sign_in(browser("192.0.2.1"), "sbagliata").status_code == 429
    # By household, by account and by form; only the form, which is cheap, counts on.
    assert sorted(used for _, used in counted) == [10, 10, 10]
    assert len(counted & set(AttemptCount.objects.values_list("pk", "used"))) == 2


@pytest.mark.parametrize(
    ("path", "form", "most"),
    [
        ("password/change/", {"oldpassword": "x", "password1": "y", "password2": "y"}, 10),
        ("reauthenticate/", {"password": "x"}, 10),
        ("2fa/reauthenticate/", {"code": "000000"}, 10),
    ],
)
def test_reauthentication_guesses_are_limited(
    owner: Staff, path: str, form: dict[str, str], most: int
) -> None:
    totp.TOTP.activate(owner, totp.generate_totp_secret())
    left = browser("198.51.100.1")
    left.force_login(owner)
    answers = [left.post(f"/newsroom/accounts/{path}", form) for _ in range(most + 1)]
    assert [answer.status_code for answer in answers] == [200] * most + [429]
    assert "Aspetta" in answers[-1].content.decode()


def test_forms_without_a_password_are_limited_too() -> None:
    for path in (LOGIN, "/newsroom/accounts/2fa/webauthn/login/"):
        AttemptCount.objects.all().delete()
        stranger = browser("192.0.2.1")
        answers = [stranger.post(path).status_code for _ in range(31)]
        assert 429 not in answers[:30]
        assert answers[30] == 429


def test_row_is_deleted_when_its_window_ends(owner: Staff) -> None:
    for _ in range(10):
        sign_in(browser("192.0.2.1"), "sbagliata")
    assert sign_in(browser("192.0.2.1"), PASSWORD).status_code == 429
    AttemptCount.objects.update(ends_at=F("ends_at") - 60)
    assert sign_in(browser("192.0.2.1"), PASSWORD).status_code == 302
    AttemptCount.objects.update(ends_at=0)
    attempts.prune()
    assert not AttemptCount.objects.exists()


def test_clock_set_back_does_not_lock_out_for_years(owner: Staff) -> None:
    for _ in range(10):
        sign_in(browser("192.0.2.1"), "sbagliata")
    AttemptCount.objects.update(ends_at=F("ends_at") + 10**8)
    assert sign_in(browser("192.0.2.1"), PASSWORD).status_code == 302


def _code(secret: str) -> str:
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30))


def test_code_is_accepted_once(owner: Staff) -> None:
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(owner, secret)
    code = _code(secret)
    first, second = browser("192.0.2.1"), browser("192.0.2.2")
    for person in (first, second):
        sign_in(person, PASSWORD)
    assert first.post(CODE, {"code": code}).status_code == 302
    assert second.post(CODE, {"code": code}).status_code == 200
    assert not is_in(second)
    again = first.post("/newsroom/accounts/2fa/reauthenticate/", {"code": code})
    assert again.status_code == 200


def test_code_used_to_set_up_the_app_is_not_accepted_again(
    owner: Staff, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    person = browser("192.0.2.1")
    sign_in(person, PASSWORD)
    activate = "/newsroom/accounts/2fa/totp/activate/"
    person.post("/newsroom/accounts/reauthenticate/", {"password": PASSWORD})
    assert person.get(activate).status_code == 200
    code = _code(person.session["mfa.totp.secret"])
    with django_capture_on_commit_callbacks(execute=True):
        assert person.post(activate, {"code": code}).status_code == 302
    thief = browser("192.0.2.2")
    sign_in(thief, PASSWORD)
    assert thief.post(CODE, {"code": code}).status_code == 200
    assert not is_in(thief)


@pytest.mark.parametrize(
    "written",
    ["{a} {b}", " {a}{b} ", "{a}-{b}", "{a}\u00a0{b}", "{a}\u202f{b}\u200e", "{a}–{b}", "{a}.{b}"],
)
def test_code_is_accepted_as_apps_display_it(owner: Staff, written: str) -> None:
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(owner, secret)
    person = browser("192.0.2.1")
    sign_in(person, PASSWORD)
    code = _code(secret)
    answer = person.post(CODE, {"code": written.format(a=code[:3], b=code[3:])})
    assert answer.status_code == 302


@given(
    st.text(alphabet=st.characters(categories=["Z", "P", "C"]), max_size=5), st.text("0123456789")
)
@hypothesis.settings(max_examples=40, deadline=None)
def test_separators_in_a_code_are_ignored(between: str, digits: str) -> None:
    assert plain_code(between.join(["", *digits, ""])) == digits


def test_digits_of_any_script_are_accepted() -> None:
    assert plain_code("１２３ ٤٥٦") == "123456"
