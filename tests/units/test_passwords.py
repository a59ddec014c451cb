# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A password is one, whatever keyboard writes it, and none that anybody would try first."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from canale.accounts.models import Staff
from canale.accounts.passwords import (
    MAX_CHECKED_LENGTH,
    MIN_PARTS,
    GuessablePasswordValidator,
    common_passwords,
    count_parts,
    normalise,
)
from canale.channel.channels import create_channel
from canale.cli import inputs
from canale.cli.commands import CommandError

pytestmark = pytest.mark.django_db
EMAIL, WORDS = "anna.bianchetti@alfa.test", "una città perché così è più forte"
LOGIN = "/newsroom/accounts/login/"
FORMS = ("NFC", "NFD", "NFKC", "NFKD")


@pytest.fixture(autouse=True)
def italian() -> Iterator[None]:
    with translation.override("it"):
        yield


def refusals(password: str, staff: Staff | None = None) -> list[str]:
    try:
        validate_password(password, staff)
    except ValidationError as error:
        return error.messages
    return []


def opens(password: str) -> bool:
    return Client().post(LOGIN, {"login": EMAIL, "password": password}).status_code == 302


@pytest.mark.parametrize("set_as", FORMS)
@pytest.mark.parametrize("typed", FORMS)
def test_password_is_accepted_in_any_unicode_normalization(set_as: str, typed: str) -> None:
    written = WORDS + " ﬁne½"
    Staff.objects.create_user(EMAIL, unicodedata.normalize(set_as, written))
    assert opens(unicodedata.normalize(typed, written))
    assert not opens(WORDS)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_old_hash_is_accepted_and_replaced(form: str) -> None:
    staff = Staff.objects.create_user(EMAIL, "x")
    old = unicodedata.normalize(form, WORDS)
    Staff.objects.filter(pk=staff.pk).update(password=make_password(old))
    assert opens(old)
    staff.refresh_from_db()
    assert opens(unicodedata.normalize("NFC", WORDS))
    assert opens(unicodedata.normalize("NFD", WORDS))


def test_a_changed_password_is_normalised_too() -> None:
    staff = Staff.objects.create_user(EMAIL, "acqua alta sul fiume Po")
    client = Client()
    client.force_login(staff)
    new = unicodedata.normalize("NFD", WORDS)
    form = {"oldpassword": "acqua alta sul fiume Po", "password1": new, "password2": new}
    assert client.post("/newsroom/accounts/password/change/", form).status_code == 302
    assert opens(unicodedata.normalize("NFC", WORDS))


@pytest.mark.parametrize("password", ["x", "città", unicodedata.normalize("NFD", "città")])
def test_unknown_account_costs_the_same_hashes(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    Staff.objects.create_user(EMAIL, WORDS)
    hashed: list[str] = []
    from django.contrib.auth.hashers import MD5PasswordHasher

    encode = MD5PasswordHasher.encode

    def counting(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counting)
    Client().post(LOGIN, {"login": EMAIL, "password": password})
    there = len(hashed)
    Client().post(LOGIN, {"login": "nobody@alfa.test", "password": password})
    assert len(hashed) == 2 * there > 0


EASY = """
123456789012 aaaaaaaaaaaa abcabcabcabc passwordpassword comunedialfa benvenuto123 benvenuto2026!
Benvenuto_2026 cambiami2026 cambiami123! P@ssw0rd2026! qwerty123456 qwertyuiopas 1qaz2wsx3edc
Mario.Rossi.1985!! Estate2026Estate Ciao1234Ciao1234 giugno-luglio-2026 forzajuve1897 15081985150819
Municipio2026!! 111111222222 abcdefghijkl zyxwvutsrqpo asdfghjklasd Admin123456!
"""


@pytest.mark.parametrize("password", EASY.split())
def test_common_password_is_refused(password: str) -> None:
    said = refusals(password)
    assert said
    assert all(sentence.endswith(".") for sentence in said)


PLACEHOLDERS = """
cambiami.subito Cambiami-Subito-1 c4mbiami_sub1to! C4mb14m1.Sub1t0 2026cambiami2026subito
cambiala.adesso.per.favore cambia-questa-password-al-primo-accesso password_provvisoria_2026
changeme.now.please Change.Me.At.Once ch4nge.th1s.passw0rd.n0w Please-change-it-immediately!
temporary.password.01 p.a.s.s.w.o.r.d c-a-m-b-i-a-m-i-2-0-2-6 1c2a3m4b5i6a7m8i c.h.a.n.g.e.m.e.7
"""


@pytest.mark.parametrize("password", PLACEHOLDERS.split())
def test_password_that_asks_to_be_changed_is_refused(password: str) -> None:
    assert any("facile da indovinare" in said for said in refusals(password))


@pytest.mark.parametrize(
    "password",
    [
        WORDS,
        "acqua alta sul fiume Po",
        "cavallo corretto batteria graffetta",
        "xK9#mQ2$vL7p",
        "roma lampada cavallo 2026",
        "cambiami il cavallo con la graffetta",
        "change horses in midstream now",
        "subito dopo la prima neve",
        "mare 48 luna 93 neve 17",
        "k#$%&!?9-_;:",
        "корова трава луна ночь",
        "水道の水は飲めません今日から",
    ],
)
def test_strong_password_is_accepted(password: str) -> None:
    assert refusals(password) == []


def test_three_thousand_common_passwords_are_refused() -> None:
    listed = set(common_passwords())
    assert len(listed) >= 3_000
    assert all(len(password) >= 12 for password in listed)
    # Each seventh, and the rules stand for more than the list: marks and capitals change nothing.
    some = sorted(listed)[::7]
    assert [password for password in some if not refusals(password)] == []


@given(st.sampled_from(sorted(common_passwords())), st.sampled_from(["", "!", "?!", "..."]))
@settings(max_examples=50, deadline=None)
def test_common_password_with_marks_and_capitals_is_refused(password: str, marks: str) -> None:
    assert count_parts(normalise(password).casefold() + marks) < MIN_PARTS


def test_local_names_are_refused() -> None:
    create_channel("zogno", "Comune di Zognobello")
    anna = Staff(email=EMAIL)
    for password in ("zognobello2026", "Zogno-Zognobello!", "Bianchetti1985!", "annabianchetti7"):
        assert any(
            "nomi del posto" in said or "e-mail" in said for said in refusals(password, anna)
        )
    for password in ("COMUNE-DI-ZOGNOBELLO-2026", "Comune di Zognobello, 1985"):
        assert any("nomi del posto" in said for said in refusals(password, anna))
    assert refusals("zogno lampada cavallo fune", anna) == []
    assert refusals("zogno-lampada-cavallo-fune!", anna) == []


def test_name_of_the_first_channel_is_refused_during_set_up() -> None:
    staff = Staff(email=EMAIL)
    assert refusals("Pizzighettone26", staff) == []
    staff.also_avoid = ("Comune di Pizzighettone", "pizzighettone")
    assert refusals("Pizzighettone26", staff) != []
    with pytest.raises(CommandError, match="local names"):
        inputs.checked_password("Pizzighettone26", EMAIL, "Pizzighettone")


def test_length_is_counted_after_normalization() -> None:
    decomposed = unicodedata.normalize("NFD", "àèìòùàèì")
    assert len(decomposed) > 12
    assert any("almeno 12" in said for said in refusals(decomposed))


def test_only_the_start_of_a_long_password_is_examined() -> None:
    with pytest.raises(ValidationError):
        GuessablePasswordValidator().validate(
            "ab" * (MAX_CHECKED_LENGTH // 2) + "zogno lampada cavallo fune"
        )
    GuessablePasswordValidator().validate("zogno lampada cavallo fune" + "ab" * MAX_CHECKED_LENGTH)
