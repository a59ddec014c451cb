# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The choice between one machine and several."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from canale.bus import process_bus
from canale.bus.local import LocalBus
from canale.cli import brokers
from canale.delivery.batch_source import BatchSource
from canale.delivery.database_source import DatabaseSource
from canale.nats.bus import NatsBus
from canale.nats.dispatcher import Dispatcher
from canale.nats.jetstream import JetStreamSource


async def new_source() -> BatchSource:
    return brokers.batch_source()


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("canale.bus.process._chosen", None)


def test_one_machine_needs_no_broker() -> None:
    brokers.choose_bus()
    assert isinstance(process_bus(), LocalBus)
    assert isinstance(asyncio.run(new_source()), DatabaseSource)
    assert brokers.dispatcher() is None


def test_several_machines_share_nats(monkeypatch: pytest.MonkeyPatch) -> None:
    several = SimpleNamespace(nats_url=("nats://127.0.0.1:1",), secret_key="k" * 32)
    monkeypatch.setattr(brokers, "settings", several)
    brokers.choose_bus()
    assert isinstance(process_bus(), NatsBus)
    assert process_bus() is process_bus(), "one connection for each process"
    assert isinstance(asyncio.run(new_source()), JetStreamSource)
    assert isinstance(brokers.dispatcher(), Dispatcher)
