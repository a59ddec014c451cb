# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The kept connection: which server, as whom, how safely, and what when it says nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from nats.aio.client import Client
from nats.errors import Error

from canale.nats.connection import NatsConnection, server_of
from tests.nats_server import (
    NatsServer,
    close_buses,
    closed_buses,  # noqa: F401
    listening,
    needs_nats,
    new_bus,
    run,
)
from tests.waiting import until

pytestmark = [needs_nats, pytest.mark.usefixtures("closed_buses")]


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path) as server:
        yield server
        close_buses()


def test_unresponsive_server_is_given_up(nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("canale.nats.connection.PING_SECONDS", 0.3)
    monkeypatch.setattr("canale.nats.connection.ANSWER_SECONDS", 0.5)

    async def flow() -> None:
        bus = new_bus(nats.url)
        heard = await listening(bus)
        nats.freeze()
        try:
            # The loop does not run fallback: a publisher that waited for an answer would hang.
            bus.publish("live", b"into the void")
            # Without our own limit, nats-py's is ten seconds.
            await until(lambda: bus.problem, seconds=8)
            assert "no answer in time" in bus.problem
        finally:
            nats.thaw()
        await until(lambda: not bus.problem)
        bus.publish("live", b"1")
        await until(lambda: ("live", b"1") in heard)

    run(flow)


def test_other_server_is_tried(nats: NatsServer, tmp_path: Path) -> None:
    async def flow() -> None:
        with NatsServer(tmp_path) as second:
            bus = new_bus(nats.url, second.url)
            other = new_bus(second.url)
            await listening(other)
            nats.stop()
            heard = await listening(bus)
            other.publish("live", b"1")
            await until(lambda: ("live", b"1") in heard)

    run(flow)


def test_users_passwords_and_tokens_authenticate(tmp_path: Path) -> None:
    users = 'authorization { user: "canale", password: "a,b@c:d/è" }'
    token = 'authorization { token: "s3cret" }'

    async def flow() -> None:
        with NatsServer(tmp_path, users) as nats:
            place = f"127.0.0.1:{nats.port}"
            await listening(new_bus(f"nats://canale:a%2Cb%40c%3Ad%2F%C3%A8@{place}"))
            wrong = new_bus(f"nats://canale:hunter2@{place}")
            wrong.publish("live")
            await until(lambda: "Authorization Violation" in wrong.problem)
            assert "hunter2" not in wrong.problem
        with NatsServer(tmp_path, token) as nats:
            await listening(new_bus(f"nats://s3cret@127.0.0.1:{nats.port}"))

    run(flow)


def test_permission_violation_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rights = 'authorization { users: [{ user: u, password: p, permissions: { publish: "x" } }] }'

    async def flow() -> None:
        with NatsServer(tmp_path, rights) as nats:
            bus = new_bus(f"nats://u:p@127.0.0.1:{nats.port}")
            for number in range(5):
                bus.publish("live", str(number).encode())
            await until(lambda: "permissions violation" in bus.problem)
            bus.publish("live")
            await asyncio.sleep(0.3)
        assert sum("refused hints" in record.getMessage() for record in caplog.records) == 1

    run(flow)


def test_connection_is_not_downgraded_from_tls(nats: NatsServer) -> None:
    async def flow() -> None:
        bus = new_bus(f"tls://u:hunter2@127.0.0.1:{nats.port}")
        bus.publish("live")
        await until(lambda: "does not ask for TLS" in bus.problem)

    run(flow)


def test_tls_with_a_private_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = _certificate(tmp_path)
    settings = f'tls {{ cert_file: "{certificate}", key_file: "{key}" }}'

    async def flow() -> None:
        with NatsServer(tmp_path, settings) as nats:
            unknown = new_bus(f"tls://localhost:{nats.port}")
            unknown.publish("live")
            await until(lambda: "CERTIFICATE_VERIFY_FAILED" in unknown.problem)
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            await listening(new_bus(f"tls://localhost:{nats.port}"))

    run(flow)


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for localhost."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, secret.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(secret, SHA256())
    )
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    key.write_bytes(
        secret.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )
    return certificate, key


@pytest.mark.parametrize(
    ("url", "plain", "user", "password", "token"),
    [
        ("nats://h", "nats://h:4222", None, None, None),
        ("tls://u:p%40%2C@h:1", "tls://h:1", "u", "p@,", None),
        ("nats://t%2Fk@[::1]:5", "nats://[::1]:5", None, None, "t/k"),
    ],
)
def test_server_urls_are_parsed(
    url: str, plain: str, user: str | None, password: str | None, token: str | None
) -> None:
    server = server_of(url)
    assert server.url == plain
    assert (server.user, server.password, server.token) == (user, password, token)
    assert "p@," not in repr(server)


def test_connection_cancel_until_done_at_any_moment(nats: NatsServer) -> None:
    """nats-py and Python's `wait_for` swallow cancellations now and then."""

    async def opened(client: Client) -> None:
        with suppress(Error):
            await client.request("nobody.listens", timeout=1)

    async def flow() -> None:
        moments = random.Random(8030)
        for _ in range(4):
            lines = [
                NatsConnection([nats.url], "test", opened, fallback="nothing") for _ in range(20)
            ]
            kept = [asyncio.create_task(line.run_forever()) for line in lines]
            for line, task in zip(lines, kept, strict=True):
                await asyncio.sleep(moments.uniform(0, 0.004))
                if line.client is not None:
                    await line.client.close()
                task.cancel()
            _, going_on = await asyncio.wait(kept, timeout=30)
            assert not going_on

    run(flow)
