# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The bus of this process: the composition root may choose one for several machines."""

from __future__ import annotations

from canale.bus.base import Bus
from canale.bus.local import LocalBus
from canale.core.settings import settings

_chosen: Bus | None = None


def use_bus(bus: Bus) -> None:
    """Use this bus from now on."""
    global _chosen
    _chosen = bus


def process_bus() -> Bus:
    """Return the chosen bus, else the one for the processes of this machine."""
    return _chosen or LocalBus(settings.data)
