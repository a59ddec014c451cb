# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The log is one chain; a set-up link is used once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest
from django.db import connection, transaction

from canale.accounts import audit, setup
from canale.accounts.models import AuditEntry, AuditHead, SetupLink, Staff
from canale.accounts.tokens import secret_hash

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


def test_a_changed_or_missing_entry_is_found() -> None:
    entries = [audit.record("cli", "test", number=number) for number in range(5)]
    assert audit.verify() == audit.Verification(True, 5, None)
    AuditEntry.objects.filter(pk=entries[2].pk).update(actor="someone")
    assert audit.verify().broken_at == entries[2].pk
    AuditEntry.objects.filter(pk=entries[2].pk).delete()
    assert audit.verify().broken_at == entries[3].pk


def _rewrite(entries: list[AuditEntry]) -> None:
    """Rewrite the log, as an attacker does who has the database and knows the hashes."""
    previous = audit.GENESIS_HASH
    for entry in entries:
        entry.previous_hash = previous
        entry.hash = previous = audit.entry_hash(entry)
        entry.save()


def test_truncated_log_is_found_now_and_later() -> None:
    entries = [audit.record("cli", "test", number=number) for number in range(5)]
    AuditEntry.objects.filter(pk__gt=entries[2].pk).delete()
    assert audit.verify() == audit.Verification(False, 3, None)
    audit.record("cli", "test")
    assert not audit.verify().ok


@pytest.mark.parametrize("head", ["stays", "forged", "deleted"])
def test_rewritten_log_is_found_now_and_later(head: str) -> None:
    entries = [audit.record("cli", "test", number=number) for number in range(5)]
    entries[1].actor = "someone"
    _rewrite(entries)
    if head == "forged":
        AuditHead.objects.update(hash=entries[-1].hash)
    if head == "deleted":
        AuditHead.objects.all().delete()
    assert audit.verify() == audit.Verification(False, 5, None)
    audit.record("cli", "test")
    assert not audit.verify().ok


def test_deleted_log_is_found() -> None:
    Staff.objects.create_user("admin@cremona.test", "acqua alta")
    AuditEntry.objects.all().delete()
    AuditHead.objects.all().delete()
    assert not audit.verify().ok


def test_entry_is_rolled_back_with_its_transaction() -> None:
    with transaction.atomic():
        audit.record("cli", "test")
        transaction.set_rollback(True)
    assert audit.verify() == audit.Verification(True, 0, None)


def test_new_set_up_link_replaces_the_old_one_and_works_once() -> None:
    old, new = (setup.make_setup_link().rstrip("/").rsplit("/", 1)[1] for _ in range(2))
    assert not setup.is_open(old)
    assert setup.is_open(new)
    assert SetupLink.objects.count() == 1
    assert [setup.claim(new), setup.claim(new)] == [True, False]


def test_set_up_link_is_invalid_once_there_is_an_account() -> None:
    """The account was made by another process while the form of the link was being sent."""
    Staff.objects.create_user("admin@cremona.test", "acqua alta")
    SetupLink.objects.create(secret_hash=secret_hash("beside"))
    assert not setup.is_open("beside")
    assert not setup.claim("beside")


@pytest.mark.postgres(only="SQLite has one writer at a time")
def test_concurrent_entries_form_one_chain() -> None:
    """Sign-ins are recorded outside any transaction."""
    threads, each = 4, 15
    barrier = Barrier(threads)

    def act(_: int) -> None:
        barrier.wait()
        for number in range(each):
            audit.record("cli", "test", number=number)
        connection.close()

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(act, range(threads)))
    assert audit.verify() == audit.Verification(True, threads * each, None)


@pytest.mark.postgres(only="SQLite has one writer at a time")
def test_simultaneous_entries_follow_one_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sign-ins are recorded outside a transaction: the entry's own holds the lock to its end."""
    audit.record("cli", "test")
    together, saved = Barrier(4), AuditEntry.save

    def save_slowly(entry: AuditEntry, *arguments: object, **more: object) -> None:
        # Another thread that read the same newest entry gets here too, unless the lock is held.
        with suppress(BrokenBarrierError):
            together.wait(0.3)
        saved(entry, *arguments, **more)  # type: ignore[arg-type]

    def act(number: int) -> None:
        audit.record("cli", "test", number=number)
        connection.close()

    monkeypatch.setattr(AuditEntry, "save", save_slowly)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(act, range(8)))
    assert audit.verify() == audit.Verification(True, 9, None)
