# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""*Forget me*: at once, and all of it."""

from __future__ import annotations

from django.db import transaction

from canale.followers.follow import following, unfollow


@transaction.atomic
def forget(token: str) -> None:
    """Delete all that the device gave in every channel: its topics and addresses go with it,
    and whatever was still to be sent to them."""
    for follower in following(token):
        unfollow(follower.channel, token)
