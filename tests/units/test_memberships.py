# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Permissions in a newsroom, and their entries in the audit log."""

from __future__ import annotations

import pytest

from canale.accounts.memberships import give_role, remove
from canale.accounts.models import AuditEntry, Role, Staff
from canale.channel.channels import create_channel

pytestmark = pytest.mark.django_db


def test_role_changes_are_logged_with_the_person() -> None:
    city = create_channel("cremona", "Comune di Cremona")
    boss = Staff.objects.create_user("a@cremona.test", "acqua alta")
    staff = Staff.objects.create_user("b@cremona.test", "acqua alta")
    give_role(city, boss, Role.ADMIN, by="cli")
    give_role(city, staff, Role.EDITOR, by="cli")
    give_role(city, staff, Role.ADMIN, by="cli")
    remove(city, staff, by="cli")
    logged = AuditEntry.objects.filter(detail__email="b@cremona.test").order_by("pk")
    assert [(entry.act, entry.channel, entry.detail.get("role")) for entry in logged] == [
        ("staff.added", "cremona", "editor"),
        ("staff.role_changed", "cremona", "admin"),
        ("staff.removed", "cremona", None),
    ]
    assert list(Staff.objects.values_list("email", flat=True)) == ["a@cremona.test"]
