# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Hints to other processes that something changed. The database is the truth."""

from canale.bus.base import Bus, Callbacks, Subscription
from canale.bus.process import process_bus, use_bus

__all__ = ["Bus", "Callbacks", "Subscription", "process_bus", "use_bus"]
