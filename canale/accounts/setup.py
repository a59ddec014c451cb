# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The first account: made by whoever can read what the first start printed."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, QuerySet
from django.utils import timezone

from canale.accounts import memberships
from canale.accounts.models import Role, SetupLink, Staff
from canale.accounts.tokens import secret_hash
from canale.channel.models import Channel
from canale.core.settings import settings

# It stands in a log; whoever reads that later must not become the administrator.
LINK_LIFETIME = timedelta(hours=24)


class AlreadySetUpError(Exception):
    """There is an account; more of them are made by an administrator."""


@transaction.atomic
def make_setup_link() -> str:
    """Return the absolute URL of a new link, valid for 24 hours; older links end.

    Raises AlreadySetUpError.
    """
    if Staff.objects.exists():
        raise AlreadySetUpError
    secret = secrets.token_urlsafe(24)
    close()
    SetupLink.objects.create(secret_hash=secret_hash(secret))
    return f"{settings.base_url}/newsroom/setup/{secret}/"


def is_open(secret: str) -> bool:
    return _open_links(secret).exists()


def claim(secret: str) -> bool:
    """Use the link up, inside the caller's transaction; False for whoever comes second."""
    return _open_links(secret).delete()[0] == 1


def _open_links(secret: str) -> QuerySet[SetupLink]:
    """None once there is an account: a link that was made while somebody sent the form of another
    one ends with that form."""
    begun = timezone.now() - LINK_LIFETIME
    links = SetupLink.objects.filter(secret_hash=secret_hash(secret), created_at__gt=begun)
    return links.exclude(Exists(Staff.objects.all()))


def close() -> None:
    SetupLink.objects.all().delete()


@transaction.atomic
def make_admin(channel: Channel, email: str, password: str, *, by: str) -> Staff:
    """An account that may do everything in a channel. The password has been checked."""
    close()
    return memberships.add(channel, email, Role.ADMIN, password, by=by)
