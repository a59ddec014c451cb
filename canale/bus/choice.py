# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which bus this process talks through. Nobody else names one."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from canale.bus.base import Bus
from canale.bus.local import LocalBus

_nats: dict[tuple[tuple[str, ...], str], Bus] = {}


class Choice(Protocol):
    """What of the settings decides. The bus stands beside the settings and imports them not."""

    @property
    def data(self) -> Path: ...

    @property
    def nats_url(self) -> tuple[str, ...]: ...

    @property
    def secret_key(self) -> str: ...


def bus_for(settings: Choice) -> Bus:
    """NATS where it is set (one connection a process), else the machine's own."""
    if not settings.nats_url:
        return LocalBus(settings.data)
    # nats-py takes 70 ms to import: only who needs it waits for it.
    from canale.bus.nats import NatsBus
    from canale.bus.nats_line import installation

    key = (settings.nats_url, installation(settings.secret_key))
    # Atomic, so that two threads that come first get the same one. It connects at its first use.
    return _nats.get(key) or _nats.setdefault(key, NatsBus(*key))
