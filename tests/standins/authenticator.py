# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A passkey, and the browser that speaks for it (WebAuthn, section 7)."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2 import cbor
from fido2.cose import ES256

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Passkey:
    """One key pair. ``site`` is the page's origin, ``party`` the relying party's id; ``client`` is
    whatever else the browser says of the page."""

    def __init__(self, site: str, party: str) -> None:
        self.site, self.party = site, party
        self.id = secrets.token_bytes(32)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._uses = 0

    def created(self, challenge: str, **said: Any) -> dict[str, Any]:
        """The browser's answer to `navigator.credentials.create`."""
        key = cbor.encode(dict(ES256.from_cryptography_key(self._key.public_key())))
        attested = b"\0" * 16 + len(self.id).to_bytes(2, "big") + self.id + key
        data = self._data(said.pop("flags", PRESENT | VERIFIED) | ATTESTED, said) + attested
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", challenge, said)
        response = {
            "clientDataJSON": base64url(client),
            "attestationObject": base64url(attestation),
        }
        return self._credential(response, {"credProps": {"rk": True}})

    def got(self, challenge: str, user: str, **said: Any) -> dict[str, Any]:
        """The browser's answer to `navigator.credentials.get`; ``user`` is the user handle."""
        data = self._data(said.pop("flags", PRESENT | VERIFIED), said)
        client = self._client("webauthn.get", challenge, said)
        signed = self._key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        response = {
            "clientDataJSON": base64url(client),
            "authenticatorData": base64url(data),
            "signature": base64url(signed),
            "userHandle": user,
        }
        return self._credential(response, {})

    def _data(self, flags: int, said: dict[str, Any]) -> bytes:
        self._uses += 1
        party = hashlib.sha256(said.pop("party", self.party).encode()).digest()
        return party + bytes([flags]) + self._uses.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str, said: dict[str, Any]) -> bytes:
        client = {"type": kind, "challenge": challenge, "origin": self.site, "crossOrigin": False}
        return json.dumps(client | said).encode()

    def _credential(
        self, response: dict[str, str], extensions: dict[str, object]
    ) -> dict[str, Any]:
        return {
            "id": base64url(self.id),
            "rawId": base64url(self.id),
            "type": "public-key",
            "response": response,
            "clientExtensionResults": extensions,
        }
