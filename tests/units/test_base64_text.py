# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A picture arrives whole in whatever base64 a program writes, or is refused with a reason."""

from __future__ import annotations

import base64
from textwrap import wrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canale.api.base64_text import base64_bytes

# Every letter of both alphabets, and two bytes that need padding.
DATA = bytes(range(256)) + b"\xfb\xff"
STANDARD = base64.b64encode(DATA).decode()
URL_SAFE = base64.urlsafe_b64encode(DATA).decode()


@pytest.mark.parametrize(
    "text",
    [
        STANDARD,
        URL_SAFE,
        STANDARD.rstrip("="),
        URL_SAFE.rstrip("="),
        "\r\n".join(wrap(STANDARD, 76)) + "\r\n",
        f"data:image/png;base64,{STANDARD}",
        f" DATA:image/jpeg;charset=utf-8;base64,{URL_SAFE}",
    ],
)
def test_every_base64_variant_is_decoded(text: str) -> None:
    assert base64_bytes(text) == DATA


@given(st.binary(max_size=90), st.booleans(), st.integers(1, 80))
@settings(max_examples=50, deadline=None)
def test_encoded_data_is_decoded_unchanged(data: bytes, url_safe: bool, width: int) -> None:
    text = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(data).decode()
    assert base64_bytes("\n".join(wrap(text, width))) == data


@pytest.mark.parametrize(
    "value",
    [
        STANDARD[:50] + "!" + STANDARD[50:],
        STANDARD[:50] + "=" + STANDARD[50:],
        STANDARD.replace("+", " "),
        STANDARD[:5],
        "data:image/png,abcd",
        "https://comune.example/foto.jpg",
        STANDARD + "===",
        "é" * 8,
        7,
        None,
        ["a"],
    ],
)
def test_invalid_base64_is_refused_with_a_reason(value: object) -> None:
    with pytest.raises(ValueError, match="base64"):
        base64_bytes(value)
