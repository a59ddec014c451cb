# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The address of a device, as the API takes it and the vault keeps it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field


class PushKeysIn(BaseModel):
    p256dh: Annotated[str, Field(max_length=200)]
    auth: Annotated[str, Field(max_length=100)]


class PushIn(BaseModel):
    """``PushSubscription.toJSON()`` (W3C Push API); what browsers add is left out."""

    endpoint: Annotated[str, Field(max_length=2000)]
    keys: PushKeysIn
