# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A database that is locked, full, read-only or away: what people and the log are told."""

from __future__ import annotations

import errno
import html
import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, OperationalError, connection
from django.db.utils import ConnectionHandler
from django.http import HttpResponse
from django.test import Client

from canale.accounts.models import Membership, Role, Staff
from canale.accounts.tokens import make_token
from canale.channel.channels import create_channel
from canale.channel.models import Channel, Wording
from canale.core.database_url import parse_database_url
from canale.publishing import drafts
from canale.publishing.content import Content
from canale.runtime import database_away
from canale.runtime.database_away import DatabaseProblem, OncePerOutage, Outage, classify_error

EMAIL, PASSWORD = "a@cremona.test", "acqua alta sul fiume Po"
# With another like it more than a page of the file.
TEXT = "Prima riga\n\n<b>Seconda</b> riga, perché «sì»" + "🚧" * 900
WRITE = "/newsroom/c/cremona/posts/new/"
CHANNEL = "/newsroom/c/cremona/channel/"
SENT = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')


@pytest.fixture(autouse=True)
def outage(monkeypatch: pytest.MonkeyPatch) -> Outage:
    """Each test has a healthy process."""
    new = Outage()
    users = ("canale.public.views.errors", "canale.api.problems")
    for name in ("canale.runtime.database_away", *users):
        monkeypatch.setattr(f"{name}.outage", new)
    return new


@pytest.fixture
def city(db: None) -> Channel:
    channel = create_channel("cremona", "Comune di Cremona")
    drafts.save_draft(channel, Content("news", "Una bozza", TEXT), by="cli")
    return channel


@pytest.fixture
def editor(city: Channel) -> Client:
    staff = Staff.objects.create_user(EMAIL, PASSWORD)
    Membership.objects.create(staff=staff, channel=city, role=Role.ADMIN)
    client = Client(headers={"accept-language": "it"}, raise_request_exception=False)
    client.post("/newsroom/accounts/login/", {"login": EMAIL, "password": PASSWORD})
    return client


def _fill(cursor: Any, size: int) -> None:
    with suppress(OperationalError):
        while True:
            cursor.execute(f"INSERT INTO filler VALUES (zeroblob({size}))")


@contextmanager
def full() -> Iterator[None]:
    """SQLite finds no more room."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE filler (x BLOB)")
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0]}")
        try:
            # Free pages within the file are used up first.
            for size in (4000, 200, 10):
                _fill(cursor, size)
            yield
        finally:
            cursor.execute(f"PRAGMA max_page_count = {2**30}")
            cursor.execute("DROP TABLE filler")


def _is_away(answer: Any) -> str:
    assert answer.status_code == 503, answer.content.decode()
    assert answer.headers["Retry-After"] == "10"
    assert answer.headers["Cache-Control"] == "no-store"
    page: str = answer.content.decode()
    assert "Traceback" not in page
    return page


@pytest.mark.django_db(transaction=True)
def test_outage_page_lets_an_editor_resubmit_the_form(editor: Client) -> None:
    sent = {"kind": "news", "headline": "Strada chiusa", "text": TEXT, "topics": [], "save": "1"}
    with full():
        page = _is_away(editor.post(WRITE, sent))
        assert "Torniamo subito" in page
        assert "non hai perso niente" in page
        assert "Strada chiusa</p>" in page
        assert "<b>Seconda" not in page
        # Still signed in.
        assert editor.get("/newsroom/c/cremona/").status_code == 200
    again = {html.unescape(name): html.unescape(value) for name, value in SENT.findall(page)}
    assert again == {name: value for name, value in sent.items() if value}
    assert editor.post(WRITE, again).status_code == 302
    assert Wording.objects.get(headline="Strada chiusa").text.splitlines() == TEXT.splitlines()


@pytest.mark.django_db(transaction=True)
def test_outage_page_asks_to_reload_a_form_with_files(editor: Client) -> None:
    picture = SimpleUploadedFile("a.png", b"no picture", "image/png")
    with full():
        sent = {"name": "Nome", "reactions": "👍", "avatar": picture, "retention_days": "30"}
        page = _is_away(_fails_at_saving(editor, CHANNEL, sent))
    assert "ricarica questa pagina" in page
    assert not SENT.search(page)


def _fails_at_saving(editor: Client, path: str, sent: dict[str, Any]) -> HttpResponse:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("canale.newsroom.channel_views.ChannelSettings", _fail)
        answer: HttpResponse = editor.post(path, sent)
        return answer


def _fail(*_: object, **__: object) -> None:
    raise OperationalError("away")


@pytest.mark.django_db(transaction=True)
def test_outage_page_does_not_echo_oversized_forms(editor: Client) -> None:
    """Each sign of it may become six, and who sends it needs no account."""
    most = ["&" * (16 * 1024 - len("name"))] * 4
    with full():
        page = _is_away(_fails_at_saving(editor, CHANNEL, {"name": most}))
        assert len(SENT.findall(page)) == len(most)
        for more in ({"name": [*most, "&"]}, {"name": most, "e": "è"}):
            page = _is_away(_fails_at_saving(editor, CHANNEL, more))
            assert "&amp;" not in page
            assert "poi invialo di nuovo" in page


@pytest.mark.django_db(transaction=True)
def test_a_program_gets_a_problem_document(city: Channel) -> None:
    token = make_token(city)
    client = Client(headers={"authorization": f"Bearer {token}"}, raise_request_exception=False)
    sent = {"kind": "news", "headline": "Strada chiusa", "text": TEXT}
    with full():
        answer: Any = client.post(
            "/api/v1/channels/cremona/posts", sent, content_type="application/json"
        )
    _is_away(answer)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 503


@pytest.mark.parametrize("language", ["it", "en"])
def test_outage_page_is_in_the_readers_language(
    monkeypatch: pytest.MonkeyPatch, language: str, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("canale.public.views.channel.channel_or_404", _fail)
    client = Client(headers={"accept-language": language}, raise_request_exception=False)
    page = _is_away(client.get("/c/cremona/"))
    _is_away(client.get("/c/cremona/"))
    assert {"it": "Torniamo subito", "en": "We will be back shortly"}[language] in page
    ours = [line for line in caplog.records if line.name == "canale.runtime.database_away"]
    assert len(ours) == 1


def test_outage_page_does_not_echo_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("canale.accounts.models.Staff.objects.filter", _fail)
    monkeypatch.setattr("django.contrib.sessions.backends.base.SessionBase.get", _fail)
    client = Client(headers={"accept-language": "it"}, raise_request_exception=False)
    page = _is_away(
        client.post("/newsroom/accounts/login/", {"login": EMAIL, "password": "segreta"})
    )
    assert "segreta" not in page
    assert EMAIL not in page


@pytest.fixture
def two(db: None, tmp_path: Path) -> Iterator[tuple[Any, Any]]:
    """Two connections to one SQLite file."""
    url = parse_database_url(f"sqlite:///{tmp_path}/x.sqlite3")
    url["OPTIONS"]["timeout"] = 0
    one, other = (ConnectionHandler({"default": dict(url)})["default"] for _ in range(2))
    yield one, other
    one.close()
    other.close()


def _error(act: Any, sql: str) -> DatabaseError:
    with pytest.raises(DatabaseError) as said, act.cursor() as cursor:
        cursor.execute(sql)
    return said.value


def test_sqlite_errors_are_classified(two: tuple[Any, Any], tmp_path: Path) -> None:
    one, other = two
    with one.cursor() as cursor:
        cursor.execute("CREATE TABLE a (x)")
        cursor.execute("BEGIN IMMEDIATE")
    assert classify_error(_error(other, "INSERT INTO a VALUES (1)")) is DatabaseProblem.LOCKED
    assert classify_error(_error(other, "SELECT * FROM nothing")) is None
    with one.cursor() as cursor:
        cursor.execute("ROLLBACK")
        cursor.execute("PRAGMA query_only = ON")
    assert classify_error(_error(one, "INSERT INTO a VALUES (1)")) is DatabaseProblem.READ_ONLY
    away = parse_database_url(f"sqlite:///{tmp_path}/not/there.sqlite3")
    assert (
        classify_error(_error(ConnectionHandler({"default": away})["default"], "SELECT 1"))
        is DatabaseProblem.AWAY
    )


@pytest.mark.parametrize(
    ("cause", "why"),
    [
        (psycopg.errors.DiskFull("no space"), DatabaseProblem.FULL),
        (psycopg.errors.AdminShutdown("bye"), DatabaseProblem.AWAY),
        (psycopg.errors.CannotConnectNow("starting up"), DatabaseProblem.AWAY),
        (psycopg.errors.TooManyConnections("many"), DatabaseProblem.AWAY),
        (psycopg.errors.ReadOnlySqlTransaction("standby"), DatabaseProblem.READ_ONLY),
        (psycopg.OperationalError("connection refused"), DatabaseProblem.AWAY),
        (psycopg.errors.DeadlockDetected("deadlock"), DatabaseProblem.LOCKED),
        (psycopg.errors.SerializationFailure("again"), DatabaseProblem.LOCKED),
        (psycopg.errors.UndefinedTable("no table"), None),
        (psycopg.errors.UniqueViolation("twice"), None),
    ],
)
def test_postgresql_errors_are_classified(
    cause: psycopg.Error, why: DatabaseProblem | None
) -> None:
    error = OperationalError(str(cause))
    error.__cause__ = cause
    assert classify_error(error) is why
    wrapped = RuntimeError("a batch")
    wrapped.__cause__ = error
    assert classify_error(wrapped) is why


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("SQLITE_READONLY_DBMOVED", DatabaseProblem.READ_ONLY),
        ("SQLITE_IOERR_FSYNC", DatabaseProblem.READ_ONLY),
        ("SQLITE_IOERR_READ", DatabaseProblem.AWAY),
        ("SQLITE_IOERR", DatabaseProblem.AWAY),
    ],
)
def test_disk_error_is_an_outage_only_if_reading_fails(name: str, why: DatabaseProblem) -> None:
    cause = sqlite3.OperationalError("disk I/O error")
    cause.sqlite_errorname = name
    error = OperationalError(str(cause))
    error.__cause__ = cause
    assert classify_error(error) is why


def test_no_space_for_an_upload_is_reported_as_such() -> None:
    assert (
        classify_error(OSError(errno.EROFS, "Read-only file system")) is DatabaseProblem.READ_ONLY
    )
    assert classify_error(OSError(errno.ENOSPC, "No space left on device")) is DatabaseProblem.FULL
    assert classify_error(OSError(errno.EPIPE, "gone")) is None
    assert classify_error(None) is None


def test_outage_is_logged_when_it_begins_and_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [100.0]
    outage = Outage(clock=lambda: now[0])
    outage.answered()
    first = outage.failed(DatabaseProblem.AWAY, OperationalError("connection\n\trefused"))
    for _ in range(500):
        assert outage.failed(DatabaseProblem.AWAY, OperationalError("refused")) == first
    now[0] += 1
    outage.answered()
    assert outage.now == first
    now[0] += 60
    outage.answered()
    outage.answered()
    assert outage.now is None
    begins, over = [line.getMessage() for line in caplog.records]
    assert "connection refused" in begins
    assert "(501 failures)" in over
    outage.failed(DatabaseProblem.FULL, OperationalError("full"))
    assert len(caplog.records) == 3


@pytest.mark.parametrize(
    "why", [DatabaseProblem.LOCKED, DatabaseProblem.FULL, DatabaseProblem.READ_ONLY]
)
def test_successful_reads_end_a_write_outage_only_after_a_while(why: DatabaseProblem) -> None:
    now = [100.0]
    outage = Outage(clock=lambda: now[0])
    outage.failed(why, OperationalError("no"))
    for _ in range(50):
        now[0] += 1
        outage.answered()
    assert outage.now is not None
    now[0] += 20
    outage.answered()
    assert outage.now is None


def test_errors_during_an_outage_are_logged_once_without_traceback() -> None:
    once, error = OncePerOutage(), OperationalError("refused")
    records = [
        logging.LogRecord(name, logging.ERROR, "", 0, "%s failed", (name,), exc)
        for name, exc in [
            ("canale.live", (OperationalError, error, None)),
            ("canale.live", (OperationalError, error, None)),
            ("django.request", None),
            ("canale.live", (ValueError, ValueError("else"), None)),
        ]
    ]
    records[2].status_code = 503
    assert [once.filter(record) for record in records] == [True, False, False, True]
    assert records[0].getMessage() == "canale.live failed (the database: no answer)"
    assert not records[0].exc_info
    assert records[3].exc_info
    assert settings.LOGGING["handlers"]["out"]["filters"] == ["once"]
    assert database_away.outage.now is not None
