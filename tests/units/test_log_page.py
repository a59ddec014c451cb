# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The newsroom's log: a page of it costs a page, however long it is."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from canale.accounts import audit
from canale.accounts.models import AuditEntry, Membership, Role, Staff
from canale.channel.channels import create_channel
from canale.newsroom import audit_labels
from canale.newsroom.channel_views import LOG_ENTRIES
from tests.databases import ON_POSTGRESQL

pytestmark = pytest.mark.django_db
LOG = "/newsroom/c/cremona/log/"


@pytest.fixture
def newsroom() -> Client:
    channel = create_channel("cremona", "Comune di Cremona")
    staff = Staff.objects.create_user("a@cremona.test", "acqua alta")
    Membership.objects.create(staff=staff, channel=channel, role=Role.ADMIN)
    client = Client(headers={"accept-language": "it"})
    client.force_login(staff)
    return client


def _page(newsroom: Client, query: str = "") -> str:
    answer = newsroom.get(LOG + query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def _rows(page: str) -> int:
    return len(re.findall(r"<tr><td>", page))


def test_log_page_reads_only_the_entries_that_it_shows(
    newsroom: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(LOG_ENTRIES + 7):
        audit.record("cli", "token.made", "cremona", token=f"t{number}")
    audit.record("cli", "token.made", "altrove")
    walked: list[bool] = []
    verify = audit.verify
    monkeypatch.setattr(audit, "verify", lambda: walked.append(True) or verify())
    first, second = _page(newsroom), _page(newsroom, "?page=2")
    assert (_rows(first), _rows(second)) == (LOG_ENTRIES, 7)
    assert walked == []
    assert "Integro: 58 voci" in _page(newsroom, "?verify=1")


def test_changed_log_is_found_on_request(newsroom: Client) -> None:
    entry = audit.record("cli", "token.made", "cremona", token="x")
    AuditEntry.objects.filter(pk=entry.pk).update(actor="nobody")
    assert "alterato" not in _page(newsroom)
    assert f"alterato alla voce {entry.pk}" in _page(newsroom, "?verify=1")


@pytest.mark.skipif(ON_POSTGRESQL, reason="PostgreSQL reads a small table whole")
def test_log_page_of_a_channel_uses_an_index() -> None:
    entries = AuditEntry.objects.filter(channel="cremona").order_by("-id")[:LOG_ENTRIES]
    plan = entries.explain()
    assert "log_of_channel" in plan
    assert "TEMP B-TREE" not in plan


def test_details_have_the_same_order_on_every_database() -> None:
    channel = create_channel("cremona", "Comune di Cremona")
    details = [{"post": 7, "headline": "Ponte", "x": 1}, {"x": 1, "headline": "Ponte", "post": 7}]
    entries = [audit.record("cli", "post.published", channel.handle, **each) for each in details]
    first, second = (audit_labels.details(entry) for entry in entries)
    assert first == second
    assert [value for _label, value in first] == ["7", "Ponte", "1"]
