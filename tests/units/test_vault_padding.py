# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The length of what is sealed does not tell one push service from another."""

from __future__ import annotations

import os
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from urllib.parse import quote

import pytest
from allauth.mfa.models import Authenticator

from canale.accounts.models import Staff
from canale.delivery.transports.webpush import check_new
from canale.delivery.transports.webpush.encryption import AUTH_LENGTH, POINT_LENGTH
from canale.followers.device_token import new_token
from canale.followers.follow import follow
from canale.followers.models import Address
from canale.newsroom.adapter import SealedMFAAdapter, reseal_second_factors
from canale.vault import sealing
from canale.vault.padding import SIZES, pad, unpad
from canale.vault.sealing import NONCE_BYTES, open_and_check, open_sealed, seal
from tests.sending import city_of

TAG_BYTES = 16
KEYS = {"p256dh": "B" * 87, "auth": "a" * 22}


def token(length: int) -> str:
    return urlsafe_b64encode(os.urandom(length)).decode()[:length]


def microsoft(size: int) -> str:
    """A channel URI: base64 in a query, so its length varies with the signs it escapes."""
    escaped = quote(b64encode(b"\x05\x06" + os.urandom(size)), safe="")
    lower = re.sub("%..", lambda match: match[0].lower(), escaped)
    return f"https://wns2-par02p.notify.windows.com/w/?token={lower}"


# Endpoints as browsers get them today, with invented tokens.
ENDPOINTS = {
    "Google": f"https://fcm.googleapis.com/fcm/send/{token(11)}:APA91b{token(134)}",
    "Google, new path": f"https://fcm.googleapis.com/wp/{token(11)}:APA91b{token(134)}",
    "Apple": f"https://web.push.apple.com/Q{token(170)}",
    "Mozilla": f"https://updates.push.services.mozilla.com/wpush/v2/gAAAAAB{token(176)}",
    "Microsoft": microsoft(260),
    "Microsoft, long": microsoft(280),
}


@pytest.mark.django_db
def test_sealed_endpoints_of_all_push_services_have_one_length() -> None:
    city = city_of(0)
    assert len({len(endpoint) for endpoint in ENDPOINTS.values()}) >= 4
    for endpoint in ENDPOINTS.values():
        address = ("push", {"endpoint": endpoint, "keys": KEYS})
        follow(city, new_token(), address=address, topics=[], language="it")
    stored = [bytes(row.sealed) for row in Address.objects.all()]
    assert len(stored) == len(ENDPOINTS)
    assert {len(sealed) for sealed in stored} == {NONCE_BYTES + SIZES[0] + TAG_BYTES}
    opened = {str(open_sealed(sealed, "push", city.pk)["endpoint"]) for sealed in stored}
    assert opened == set(ENDPOINTS.values())


def test_first_size_has_room_for_endpoints_to_grow() -> None:
    """The longest endpoint reported so far has 500 characters."""
    address = {"endpoint": "x" * 735, "keys": KEYS}
    assert len(seal(address, "push", 1)) == NONCE_BYTES + SIZES[0] + TAG_BYTES


def test_the_longest_accepted_address_fits() -> None:
    """2,048 characters pass `check_new`; none of them may grow in JSON."""
    origin = "https://push.example:8443"
    printable = {chr(code) for code in range(0x21, 0x7F)} - set('"\\#')
    path = "".join(sorted(printable)) * 30
    endpoint = f"{origin}/{path}"[:2048]
    keys = {
        "p256dh": urlsafe_b64encode(G).decode(),
        "auth": urlsafe_b64encode(bytes(AUTH_LENGTH)).decode(),
    }
    check_new({"endpoint": endpoint, "keys": keys}, {origin})
    sealed = seal({"endpoint": endpoint, "keys": keys}, "push", 1)
    assert len(sealed) == NONCE_BYTES + SIZES[-1] + TAG_BYTES
    assert open_sealed(sealed, "push", 1)["endpoint"] == endpoint


# The generator of P-256: a point that is valid and needs no random numbers.
G = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
assert len(G) == POINT_LENGTH


@pytest.mark.parametrize("length", [0, 1, 32, SIZES[0] - 1, SIZES[0], SIZES[0] + 1, SIZES[-1] - 1])
@pytest.mark.parametrize("byte", [b"\0", b"\x80", b"x"])
def test_padding_is_removed_exactly(length: int, byte: bytes) -> None:
    padded = pad(byte * length)
    assert len(padded) in SIZES
    assert len(padded) > length
    assert unpad(padded) == (byte * length, True)


def test_too_long_value_is_refused() -> None:
    with pytest.raises(ValueError, match="2304 bytes to seal; at most 2303 fit"):
        pad(b"x" * SIZES[-1])


@pytest.mark.parametrize("plain", [b"", b"{}", b"\x80", b"x" * 31 + b"\x80", b"}" * SIZES[0]])
def test_unpadded_bytes_are_returned_unchanged(plain: bytes) -> None:
    assert unpad(plain) == (plain, False)


def test_unpadded_address_opens_and_is_not_current(monkeypatch: pytest.MonkeyPatch) -> None:
    address = {"endpoint": ENDPOINTS["Apple"], "keys": KEYS}
    with monkeypatch.context() as before:
        before.setattr(sealing, "pad", lambda plain: plain)
        unpadded = seal(address, "push", 1)
    assert len(unpadded) < SIZES[0]
    assert open_and_check(unpadded, "push", 1) == (address, False)
    assert open_and_check(seal(address, "push", 1), "push", 1) == (address, True)


@pytest.mark.django_db
def test_second_factors_are_padded_when_they_are_sealed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adapter = SealedMFAAdapter()
    with monkeypatch.context() as before:
        before.setattr(sealing, "pad", lambda plain: plain)
        secret, seed = adapter.encrypt("JBSWY3DPEHPK3PXP"), adapter.encrypt("a seed of its own")
    person = Staff.objects.create(email="anna@comune.example")
    factors = Authenticator.objects
    totp = factors.create(user=person, type="totp", data={"secret": secret})
    codes = factors.create(user=person, type="recovery_codes", data={"seed": seed})

    assert reseal_second_factors() == 2

    totp.refresh_from_db()
    codes.refresh_from_db()
    assert len(b64decode(totp.data["secret"])) == len(b64decode(codes.data["seed"]))
    assert adapter.decrypt(totp.data["secret"]) == "JBSWY3DPEHPK3PXP"
    assert adapter.decrypt(codes.data["seed"]) == "a seed of its own"
    assert reseal_second_factors() == 0
