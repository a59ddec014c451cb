# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The one-time link that creates the first account, printed by the first start."""

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

# The link is printed into a log: reading it later must not make anyone an administrator.
LINK_LIFETIME = timedelta(hours=24)


class AlreadySetUpError(Exception):
    """An account exists; an administrator creates further ones."""


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
    """Use up the link inside the caller's transaction; False if another request was first."""
    return _open_links(secret).delete()[0] == 1


def _open_links(secret: str) -> QuerySet[SetupLink]:
    """Find the valid link of a secret.

    No link is valid once an account exists, not even one that was created while the form of an
    earlier link was being submitted.
    """
    oldest = timezone.now() - LINK_LIFETIME
    links = SetupLink.objects.filter(secret_hash=secret_hash(secret), created_at__gt=oldest)
    return links.exclude(Exists(Staff.objects.all()))


def close() -> None:
    SetupLink.objects.all().delete()


@transaction.atomic
def make_admin(channel: Channel, email: str, password: str, *, by: str) -> Staff:
    """Create a channel's first administrator. The caller has validated the password."""
    close()
    return memberships.add(channel, email, Role.ADMIN, password, by=by)
