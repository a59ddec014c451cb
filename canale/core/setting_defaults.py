# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Defaults of settings that take more than a constant. Each sees the values of the settings above
its own, and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from canale.core.errors import SettingsError
from canale.core.secret_key import get_or_create_key, read_key
from canale.core.setting_values import is_contact, proxy_of

PREFIX = "CANALE_"
SECRET_KEY_LENGTH = 32
# Enough to try canale on one machine. Push services refuse it; `canale check` reports that.
LOCAL_CONTACT = "mailto:admin@localhost"
Known = Mapping[str, Any]


def long_enough_key(text: str) -> str:
    if len(text) < SECRET_KEY_LENGTH:
        raise ValueError(f"shorter than {SECRET_KEY_LENGTH} characters")
    return text


def cores(_: Known) -> int:
    return max(1, len(os.sched_getaffinity(0)))


def default_contact(known: Known) -> str:
    base_url: str = known["base_url"]
    return base_url if is_contact(base_url) else LOCAL_CONTACT


def environments_proxy(known: Known) -> str:
    try:
        return proxy_of(known["environment"])
    except ValueError as error:
        name, *reason = error.args
        raise SettingsError(
            f"{name} is not usable for push services{''.join(f' ({each})' for each in reason)}; "
            f"name a proxy by {PREFIX}PUSH_PROXY=http://host:port, or set it to direct"
        ) from error


def kept_secret_key(known: Known) -> str:
    kept: Path = known["data"] / "secret-key"
    try:
        return long_enough_key(get_or_create_key(kept))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{kept} holds no usable key ({error}); put back the key of your backup, or name "
            f"another by {PREFIX}SECRET_KEY"
        ) from error


def kept_old_key(known: Known) -> str:
    """Return the key that `canale rotate-key` has set aside; empty if there is none, or if it is
    still the key in use because a rotation stopped before the new one was in place."""
    kept: Path = known["data"] / "secret-key.old"
    try:
        old = long_enough_key(read_key(kept)) if kept.exists() else ""
    except (OSError, ValueError) as error:
        raise SettingsError(f"{kept} holds no usable key ({error})") from error
    return "" if old == known["secret_key"] else old
