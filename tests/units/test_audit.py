# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The log is one chain; a set-up link is used once."""

from __future__ import annotations

import pytest
from django.db import transaction

from canale.accounts import audit, setup
from canale.accounts.models import AuditEntry, SetupLink

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_changed_or_missing_entry_is_found() -> None:
    entries = [audit.record("cli", "test", number=number) for number in range(5)]
    assert audit.verify() == audit.Verification(True, 5, None)
    AuditEntry.objects.filter(pk=entries[2].pk).update(actor="someone")
    assert audit.verify().broken_at == entries[2].pk
    AuditEntry.objects.filter(pk=entries[2].pk).delete()
    assert audit.verify().broken_at == entries[3].pk


def test_an_entry_goes_with_the_act_that_is_undone() -> None:
    with transaction.atomic():
        audit.record("cli", "test")
        transaction.set_rollback(True)
    assert audit.verify() == audit.Verification(True, 0, None)


def test_a_new_link_ends_the_older_and_is_used_once() -> None:
    old, new = (setup.make_setup_link().rstrip("/").rsplit("/", 1)[1] for _ in range(2))
    assert not setup.is_open(old)
    assert setup.is_open(new)
    assert SetupLink.objects.count() == 1
    assert [setup.claim(new), setup.claim(new)] == [True, False]
