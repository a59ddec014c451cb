# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""*Forget me*: at once, and all of it."""

from __future__ import annotations

from canale.followers.device_token import token_hash
from canale.followers.following import delete_followers
from canale.followers.models import Follower


def forget(token: str) -> None:
    """Delete all that the device gave in every channel: its topics and addresses go with it,
    and whatever was still to be sent to them."""
    rows = Follower.objects.filter(token_hash=token_hash(token))
    delete_followers(rows.values_list("pk", flat=True))
