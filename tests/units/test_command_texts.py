# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Text that the command line reads arrives complete or is refused."""

from __future__ import annotations

import argparse
import codecs
import io
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canale.accounts.models import Staff
from canale.channel.models import Channel, Post
from canale.cli import inputs, main
from canale.cli.commands import CommandError
from tests.site import PASSWORD

ITALIAN = "Libertà, così è\nperché 🚧"
WAYS = {
    "utf-8": ITALIAN.encode(),
    "utf-8 with a mark": codecs.BOM_UTF8 + ITALIAN.encode(),
    "crlf": ITALIAN.replace("\n", "\r\n").encode(),
    "utf-16 of Notepad": codecs.BOM_UTF16_LE + ITALIAN.replace("\n", "\r\n").encode("utf-16-le"),
    "utf-16, big end first": codecs.BOM_UTF16_BE + ITALIAN.encode("utf-16-be"),
}


@pytest.mark.parametrize("data", WAYS.values(), ids=WAYS.keys())
def test_text_file_is_read_in_any_common_encoding(data: bytes) -> None:
    assert inputs.decoded(data, "x.txt") == ITALIAN


@pytest.mark.parametrize(
    "data",
    [ITALIAN.encode("utf-8").replace("🚧".encode(), b"\xe0"), "Libertà".encode("latin-1"),
     "Libertà".encode("utf-16-le"), codecs.BOM_UTF16_LE + b"a", "Libertà".encode("utf-32"),
     b"\xef\xbb\xbf\xff", b"a\0b", "\ud800".encode("utf-8", "surrogatepass")],
)  # fmt: skip
def test_file_that_is_not_text_is_refused(data: bytes) -> None:
    with pytest.raises(CommandError, match="avviso.txt is not"):
        inputs.decoded(data, "avviso.txt")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40) | st.text(max_size=20).map(str.encode) | st.text(max_size=9).map(
    lambda text: text.encode("utf-16", "surrogatepass")))  # fmt: skip
def test_any_bytes_are_decoded_exactly_or_refused(data: bytes) -> None:
    try:
        text = inputs.decoded(data, "x")
    except CommandError:
        return
    utf16 = data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    exact = data.decode("utf-16") if utf16 else data.removeprefix(codecs.BOM_UTF8).decode()
    assert text == exact.replace("\r\n", "\n").replace("\r", "\n")


@pytest.fixture
def city(db: None) -> Channel:
    return Channel.objects.create(handle="cremona", name="Cremona")


def publish(*more: str) -> int:
    return main(["publish", "--channel", "cremona", "--kind", "news", *more])


def says(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize(
    "option", ["--headline", "--text", "--place", "--topic", "--starts-at", "--alt"]
)
def test_arguments_that_are_not_utf_8_are_refused(
    city: Channel, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    torn = "Citt\udce0 di Forl\udcec"
    assert publish("--headline", "Buona", option, torn) == 1
    assert f"{option.removeprefix('--')} is not UTF-8" in capsys.readouterr().err
    assert not Post.objects.exists()


def test_file_name_may_be_latin_1(
    city: Channel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / os.fsdecode(b"citt\xe0.jpg")
    file.write_bytes(b"no picture")
    assert publish("--headline", "x", "--image", str(file), "--alt", "x") == 1
    assert "cannot read this image" in capsys.readouterr().err


def test_standard_input_is_published_entirely_or_not_at_all(
    city: Channel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    says(monkeypatch, codecs.BOM_UTF8 + b"*Avviso* di oggi\r\nseconda riga\r\n")
    assert publish("--headline", "Intera", "--text", "-") == 0
    assert Post.objects.get().content.text == "*Avviso* di oggi\nseconda riga"
    says(monkeypatch, "Libertà".encode("latin-1"))
    assert publish("--headline", "A metà", "--text", "-") == 1
    assert "standard input is not UTF-8" in capsys.readouterr().err
    for nothing in (b"", b"\r\n", codecs.BOM_UTF8):
        says(monkeypatch, nothing)
        assert publish("--headline", "Senza testo", "--text", "-") == 1
        assert "standard input is empty" in capsys.readouterr().err
    assert Post.objects.count() == 1


def test_command_with_closed_streams_does_not_crash(
    city: Channel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert publish("--headline", "x", "--text", "-") == 1
    assert "standard input is empty" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdout", None)
    assert publish("--headline", "Senza indirizzo") == 0
    assert Post.objects.get().content.headline == "Senza indirizzo"


@pytest.mark.parametrize(
    ("option", "value"),
    [("--starts-at", "20270501"), ("--ends-at", "01/05/2027"), ("--starts-at", "2027-03-28T02:30")],
)
def test_unparsable_time_publishes_nothing(
    city: Channel, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    assert publish("--headline", "Fiera", option, value) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"canale: not published. {option}: ")
    assert len(said.splitlines()) == 1
    assert not Post.objects.exists()


def test_numbers_are_ascii_digits_that_fit_the_column() -> None:
    assert inputs.number("12") == 12
    for text in ("٣", "1" * 19, "9" * 5000, "-1", "1_0", " 1"):
        with pytest.raises(ValueError, match=re.escape(text)):
            inputs.number(text)


LINES = {
    "line feed": f"{PASSWORD}\n".encode(),
    "crlf": f"{PASSWORD}\r\nun commento\r\n".encode(),
    "no end": PASSWORD.encode(),
    "utf-8 with a mark": codecs.BOM_UTF8 + PASSWORD.encode(),
    "utf-16": f"{PASSWORD}\r\n".encode("utf-16"),
}


@pytest.mark.parametrize("data", LINES.values(), ids=LINES.keys())
def test_password_is_read_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    file = tmp_path / "password"
    file.write_bytes(data)
    assert inputs.password(str(file), "anna") == PASSWORD
    says(monkeypatch, data)
    assert inputs.password("-", "anna") == PASSWORD


@pytest.mark.parametrize(
    "around", [" %s", "%s ", "%s\t", "%s\u00a0", "%s\u200b", "\ufeff%s", "%s\v"]
)
def test_password_with_surrounding_blanks_is_refused(tmp_path: Path, around: str) -> None:
    """Neither taken, since no one can sign in, nor changed."""
    file = tmp_path / "password"
    file.write_bytes(codecs.BOM_UTF8 + (around % PASSWORD).encode() + b"\r\n")
    with pytest.raises(CommandError, match="begins or ends with a space"):
        inputs.password(str(file), "anna")


@pytest.mark.parametrize(
    ("typed", "reason"), [(f" {PASSWORD}", "with a space"), (f"{PASSWORD}\udce0", "not UTF-8")]
)
def test_password_typed_at_the_terminal_follows_the_same_rules(
    monkeypatch: pytest.MonkeyPatch, typed: str, reason: str
) -> None:
    monkeypatch.setattr(inputs, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    monkeypatch.setattr(inputs.getpass, "getpass", lambda prompt: typed)
    with pytest.raises(CommandError, match=reason):
        inputs.password(None, "anna")


@pytest.mark.django_db
def test_undecodable_password_is_refused_and_address_is_normalized(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    staff = Staff.objects.create_user("anna@cremona.test", PASSWORD)
    file = tmp_path / "password"
    file.write_bytes("perché no, città".encode("latin-1"))
    asked = ["password", "\u00a0Anna@cremona.test ", "--password-file", str(file)]
    assert main(asked) == 1
    said = capsys.readouterr().err
    assert "is not UTF-8" in said
    assert "perch" not in said
    file.write_text("una parola nuova e lunga")
    assert main(asked) == 0
    staff.refresh_from_db()
    assert staff.check_password("una parola nuova e lunga")


@pytest.mark.django_db
def test_invalid_handle_is_explained_in_english(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    words = ("--handle", "forlì", "--name", "Forlì", "--admin", "anna@forlì.it")
    assert main(["init", *words, "--password-file", str(file)]) == 1
    assert "consisting of letters, numbers" in capsys.readouterr().err
    assert not Channel.objects.exists()


def test_arguments_of_every_command_are_validated() -> None:
    from canale.cli.runner import refuse_what_is_not_text

    with pytest.raises(CommandError, match="new-email is not UTF-8"):
        refuse_what_is_not_text(argparse.Namespace(new_email=["a@b.it", "\udce0@b.it"]))
