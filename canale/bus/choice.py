# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The choice of this process's bus. No other module names an implementation."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from canale.bus.base import Bus
from canale.bus.local import LocalBus

_nats: dict[tuple[tuple[str, ...], str], Bus] = {}


class BusSettings(Protocol):
    """The settings that decide. The bus stands beside the settings and does not import them."""

    @property
    def data(self) -> Path: ...

    @property
    def nats_url(self) -> tuple[str, ...]: ...

    @property
    def secret_key(self) -> str: ...


def bus_for(settings: BusSettings) -> Bus:
    """Return the NATS bus if it is set (one connection per process), else the local one."""
    if not settings.nats_url:
        return LocalBus(settings.data)
    # nats-py takes 70 ms to import.
    from canale.bus.nats import NatsBus
    from canale.bus.nats_line import installation

    key = (settings.nats_url, installation(settings.secret_key))
    # setdefault is atomic, so two threads get the same bus. It connects at its first use.
    return _nats.get(key) or _nats.setdefault(key, NatsBus(*key))
