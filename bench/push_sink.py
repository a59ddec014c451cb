# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs bench/c/push_sink.c, a push service that accepts every message at once."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from bench import native, peers
from bench.process import CLIENT_CORE, cpu, end, on_core
from bench.push_job import private_pem

LIBRARIES = ("-lnghttp2", "-lssl", "-lcrypto")
PACKAGES = ("libnghttp2-dev", "libssl-dev", "nghttp2-client")


class Sink:
    """A running sink. `certificate` is self-signed; senders are configured to trust it."""

    def __init__(self, host: str, port: int, pid: int, certificate: Path) -> None:
        self.origin = f"https://{host}:{port}"
        self.pid = pid
        self.certificate = certificate
        trust = ssl.create_default_context(cafile=str(certificate))
        self._client = httpx.Client(base_url=self.origin, verify=trust)

    @property
    def trust(self) -> dict[str, str]:
        """Return environment variables that make Rust, Python, requests and Node trust it."""
        names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
        return dict.fromkeys(names, str(self.certificate))

    @property
    def requests(self) -> int:
        return int(self.counts()["requests"])

    def counts(self) -> dict[str, Any]:
        counts: dict[str, Any] = self._client.get("/counts").json()
        return counts

    def reset(self) -> None:
        self._client.get("/reset")

    def last(self) -> bytes:
        """Return the body of the last POST."""
        return self._client.get("/last").content

    def cpu(self) -> float:
        return cpu(self.pid)

    def close(self) -> None:
        self._client.close()


@contextmanager
def sink(folder: Path, address: str = "127.0.0.1") -> Iterator[Sink]:
    """Run on the core that no sender uses."""
    peers.debian(*PACKAGES)
    host = "localhost" if address == "127.0.0.1" else address
    certificate, key = _certified(folder, host)
    program = native.built("push_sink", *LIBRARIES)
    command = on_core(CLIENT_CORE, [program, certificate, key, address])
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        running = Sink(host, int(process.stdout.readline()), process.pid, certificate)
        yield running
        running.close()
    finally:
        end(process)
        if process.stdout is not None:
            process.stdout.close()


def _certified(folder: Path, host: str) -> tuple[Path, Path]:
    secret = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]), datetime.now(UTC)
    known: x509.GeneralName = x509.DNSName(host)
    if host != "localhost":
        known = x509.IPAddress(IPv4Address(host))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([known]), critical=False)
        .sign(secret, SHA256())
    )
    certificate, key = folder / "sink.pem", folder / "sink-key.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    key.touch(0o600)
    key.write_bytes(private_pem(secret))
    return certificate, key
