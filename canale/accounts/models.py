# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Staff, their roles and sessions, and the audit log."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from canale.accounts.addresses import address
from canale.accounts.passwords import normalise
from canale.channel.models import Channel


class StaffManager(BaseUserManager["Staff"]):
    def create_user(self, email: str, password: str | None = None, **more: Any) -> Staff:
        staff = self.model(email=address(email), **more)
        staff.set_password(password)
        staff.save(using=self._db)
        return staff


class Staff(AbstractBaseUser):
    """One person who works in a newsroom."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=80, blank=True)
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[StaffManager] = StaffManager()
    # More names that a password must not be made of (passwords.py).
    also_avoid: tuple[str, ...] = ()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.email

    def set_password(self, raw_password: str | None) -> None:
        """Hash the password in its normalised spelling, wherever it was set."""
        super().set_password(None if raw_password is None else normalise(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        """Check the normalised spelling; accept a hash that predates it once, and replace it."""
        spelling = normalise(raw_password or "")
        if super().check_password(spelling):
            return True
        if spelling == raw_password or not super().check_password(raw_password):
            return False
        self.set_password(raw_password)
        self.save(update_fields=["password"])
        return True


class Role(models.TextChoices):
    EDITOR = "editor", _("Editor")
    APPROVER = "approver", _("Approver")
    PUBLISHER = "publisher", _("Publisher")
    ADMIN = "admin", _("Administrator")


class Membership(models.Model):
    """The role of one person in one channel."""

    staff = models.ForeignKey(Staff, models.CASCADE, related_name="memberships", db_index=False)
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["staff", "channel"], name="one_role_a_channel"),
        )

    def __str__(self) -> str:
        return f"{self.staff_id} {self.role}"


class Token(models.Model):
    """A program's permission to publish in one channel. Only the secret's hash is stored."""

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=60, default="token")
    secret_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class SetupLink(models.Model):
    """The one-time link that the first start prints. Only the secret's hash is stored."""

    secret_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return str(self.pk)


class StaffSession(AbstractBaseSession):
    """One browser's session, under the hash of its key (sessions.py).

    ``staff`` is null until somebody signs in.
    """

    staff = models.ForeignKey(Staff, models.CASCADE, null=True, related_name="sessions")
    signed_in_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(default=timezone.now)
    browser = models.CharField(max_length=60, blank=True)

    class Meta:
        indexes = (models.Index(fields=["seen_at"], name="session_seen"),)


class SecondFactorRule(models.Model):
    """A channel whose newsroom opens only to accounts with a second factor."""

    channel = models.OneToOneField(Channel, models.CASCADE, related_name="second_factor_rule")

    def __str__(self) -> str:
        return str(self.channel_id)


class AttemptCount(models.Model):
    """Attempts to sign in, counted against a limit (attempts.py). The key is a keyed hash."""

    key = models.CharField(max_length=32, primary_key=True)
    used = models.PositiveIntegerField()
    ends_at = models.FloatField(db_index=True)
    """The end of the window, in seconds since 1970."""

    def __str__(self) -> str:
        return self.key


class FailedSignIn(models.Model):
    """Failed attempts at one account, not yet in the audit log (failures.py).

    ``staff`` is null for an address that belongs to no account.
    """

    key = models.CharField(max_length=32, primary_key=True)
    act = models.CharField(max_length=40)
    staff = models.ForeignKey(Staff, models.CASCADE, null=True, related_name="+")
    waiting = models.PositiveIntegerField()
    logged_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.act


class AuditEntry(models.Model):
    """One act of staff. Each entry's hash covers its predecessor's, so that changes show."""

    at = models.DateTimeField()
    actor = models.CharField(max_length=254)
    act = models.CharField(max_length=40)
    channel = models.CharField(max_length=40, blank=True)
    detail = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=["channel", "-id"], name="log_of_channel"),)

    def __str__(self) -> str:
        return f"{self.at} {self.actor} {self.act}"


class AuditHead(models.Model):
    """The end of the chain, sealed with a key that is not in the database.

    An attacker with the database alone can neither truncate the chain nor rewrite it.
    """

    entries = models.PositiveBigIntegerField()
    hash = models.CharField(max_length=64)
    seal = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.entries} {self.hash}"


class IdempotencyKey(models.Model):
    """The stored response to a program's call, returned for a day when the call is repeated."""

    token = models.ForeignKey(
        Token, models.CASCADE, related_name="idempotency_keys", db_index=False
    )
    key = models.CharField(max_length=100)
    request_hash = models.BinaryField(max_length=32)
    response = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["token", "key"], name="one_answer_a_key"),)

    def __str__(self) -> str:
        return self.key
