# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Formatters of the log: text for people, or one JSON object a line (CANALE_LOG_FORMAT).

A record that is about a post or a batch has ``extra={"post": …, "batch": …}``. Of a web address
only its origin is written, wherever it came from: the path of a push endpoint is a phone's address,
and a page's may hold an invite.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime

from pythonjsonlogger.json import JsonFormatter

ABOUT = ("post", "batch")

_WEB_ADDRESS = re.compile(r"(\b(?:https?|wss?)://)(?:[^\s/@\"'<>]*@)?([^\s/\"'<>]+)/[^\s\"'<>)]+")


def redact_urls(text: str) -> str:
    return _WEB_ADDRESS.sub(r"\1\2/…", text)


class TextLineFormatter(logging.Formatter):
    """Format time, level, name and message; then the post and batch, if any."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Return the city's time with its offset from UTC."""
        moment = datetime.fromtimestamp(record.created).astimezone()
        return moment.isoformat(" ", "milliseconds")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        about = [f"{name} {record.__dict__[name]}" for name in ABOUT if name in record.__dict__]
        return super().formatMessage(record) + (f" [{', '.join(about)}]" if about else "")

    def format(self, record: logging.LogRecord) -> str:
        return redact_urls(super().format(record))


class JsonLineFormatter(JsonFormatter):
    """``time`` (RFC 3339, UTC), ``level``, ``name``, ``message``, and where there is one ``post``,
    ``batch``, ``exc_info``."""

    def __init__(self) -> None:
        fields = ["asctime", "levelname", "name", "message"]
        renamed = {"asctime": "time", "levelname": "level"}
        super().__init__(fields, rename_fields=renamed, json_ensure_ascii=False)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def format(self, record: logging.LogRecord) -> str:
        return redact_urls(super().format(record))
