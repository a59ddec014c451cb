# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Encryption against the RFC's own example and against an independent implementation."""

from __future__ import annotations

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from canale.delivery.transports.webpush.encryption import (
    MAX_BODY,
    MAX_PLAINTEXT,
    BadKeysError,
    SubscriptionKeys,
    encrypt,
    seal,
)
from tests.standins.webpush_rules import base64url, unbase64url

RECEIVER = ec.generate_private_key(ec.SECP256R1())
POINT = RECEIVER.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
AUTH = bytes(range(16))
GOOD = {"p256dh": base64url(POINT), "auth": base64url(AUTH)}
OFF_CURVE = POINT[:-1] + bytes((POINT[-1] ^ 1,))


def decrypted(body: bytes) -> bytes:
    plain: bytes = http_ece.decrypt(
        body, private_key=RECEIVER, auth_secret=AUTH, version="aes128gcm"
    )
    return plain


def test_the_example_of_rfc_8291_appendix_a() -> None:
    keys = SubscriptionKeys.from_json(
        {
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6S"
            "RpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        }
    )
    number = unbase64url("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
    sender = ec.derive_private_key(int.from_bytes(number, "big"), ec.SECP256R1())
    record = b"When I grow up, I want to be a watermelon\x02"
    body = seal(record, keys, sender, unbase64url("DGv6ra1nlYgDCS1FRnbzlw"))
    assert base64url(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
        "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
        "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


@given(st.binary(max_size=MAX_PLAINTEXT))
def test_independent_library_decrypts_our_messages(plaintext: bytes) -> None:
    body = encrypt(plaintext, SubscriptionKeys.from_json(GOOD))
    assert decrypted(body) == plaintext
    assert len(body) <= MAX_BODY


@pytest.mark.parametrize(("size", "body"), [(0, 358), (255, 358), (256, 614), (3993, 4096)])
def test_lengths_are_hidden_in_steps(size: int, body: int) -> None:
    assert len(encrypt(bytes(size), SubscriptionKeys.from_json(GOOD))) == body


def test_one_byte_too_many_is_refused() -> None:
    with pytest.raises(ValueError, match="3994 bytes"):
        encrypt(bytes(MAX_PLAINTEXT + 1), SubscriptionKeys.from_json(GOOD))


def test_keys_and_salts_are_never_reused() -> None:
    keys = SubscriptionKeys.from_json(GOOD)
    first, second = encrypt(b"x", keys), encrypt(b"x", keys)
    assert first[:16] != second[:16]
    assert first[21:86] != second[21:86]


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (None, "keys: missing"),
        ([], "keys: missing"),
        ({**GOOD, "p256dh": None}, "p256dh: not base64url"),
        ({**GOOD, "p256dh": base64url(POINT)[:-1] + "+"}, "p256dh: not base64url"),
        ({**GOOD, "p256dh": "A" * 1_000_000}, "p256dh: not base64url"),
        ({**GOOD, "p256dh": base64url(POINT[:64])}, "p256dh: 64 bytes instead of 65"),
        ({**GOOD, "p256dh": base64url(b"\x02" + POINT[1:])}, "not an uncompressed point"),
        ({**GOOD, "p256dh": base64url(OFF_CURVE)}, "not a point of P-256"),
        ({**GOOD, "p256dh": base64url(b"\x04" + bytes(64))}, "not a point of P-256"),
        ({**GOOD, "auth": base64url(bytes(15))}, "auth: 15 bytes instead of 16"),
        ({**GOOD, "auth": "A"}, "auth: not base64url"),
        ({"p256dh": GOOD["p256dh"]}, "auth: not base64url"),
        ({**GOOD, "auth": GOOD["auth"] + "==="}, "auth: not base64url"),
        ({**GOOD, "auth": GOOD["auth"] + "\n="}, "auth: not base64url"),
        ({**GOOD, "auth": "\ud800" * 22}, "auth: not base64url"),
        ({**GOOD, "auth": "à" * 22}, "auth: not base64url"),
        ({**GOOD, "auth": "/" * 22}, "auth: not base64url"),
        ({**GOOD, "auth": ""}, "auth: 0 bytes instead of 16"),
    ],
)
def test_bad_keys_are_refused_by_name(keys: object, reason: str) -> None:
    with pytest.raises(BadKeysError, match=reason):
        SubscriptionKeys.from_json(keys)


def test_padded_base64url_is_accepted() -> None:
    padded = {"p256dh": GOOD["p256dh"] + "=", "auth": GOOD["auth"] + "=="}
    assert SubscriptionKeys.from_json(padded).point == POINT
