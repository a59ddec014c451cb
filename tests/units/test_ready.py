# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""/readyz says what is missing, and since when."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from django.db import OperationalError

from canale import app
from canale.bus.local import LocalBus
from canale.runtime.database_away import DatabaseProblem, Outage


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Outage:
    new = Outage()
    monkeypatch.setattr(app, "outage", new)
    return new


def ready(tmp_path: Path) -> tuple[int, dict[str, Any]]:
    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    async def flow() -> None:
        site = app.Site(cast("Any", None), None, LocalBus(tmp_path), cast("Any", None))
        await site(cast("Any", {"type": "http", "path": "/readyz"}), cast("Any", None), send)

    asyncio.run(flow())
    return sent[0]["status"], json.loads(sent[1]["body"])


def _fail() -> None:
    raise OperationalError("refused")


@pytest.mark.parametrize(
    "why", [DatabaseProblem.FULL, DatabaseProblem.LOCKED, DatabaseProblem.READ_ONLY]
)
def test_readable_database_is_ready_and_reports_problems(
    outage: Outage, why: DatabaseProblem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(app, "ask_database", lambda: None)
    assert ready(tmp_path) == (200, {"status": "ready", "database": "ok", "bus": "ok"})
    outage.failed(why, OperationalError("no"))
    status, said = ready(tmp_path)
    assert (status, said["status"], said["database"]) == (200, "ready", why)
    since = datetime.fromisoformat(said["since"]["database"])
    assert abs(since - datetime.now(UTC)) < timedelta(minutes=1)


def test_unreadable_database_is_not_ready(
    outage: Outage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(app, "ask_database", _fail)
    status, said = ready(tmp_path)
    assert (status, said["status"], said["database"]) == (503, "not ready", "no answer")
    assert list(said["since"]) == ["database"]
    assert ready(tmp_path)[1] == said
    monkeypatch.setattr(app, "ask_database", lambda: None)
    assert ready(tmp_path) == (200, {"status": "ready", "database": "ok", "bus": "ok"})
