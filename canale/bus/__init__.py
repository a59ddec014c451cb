# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Hints to other processes that something changed. The database is the truth."""

from canale.bus.base import Bus, Callback, Subscription
from canale.bus.choice import bus_for

__all__ = ["Bus", "Callback", "Subscription", "bus_for"]
