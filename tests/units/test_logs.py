# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The format of log lines, and what they never contain."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from canale.runtime.logs import JsonLineFormatter, TextLineFormatter, redact_urls

ENDPOINT = "https://fcm.googleapis.com/fcm/send/dGhlIGFkZHJlc3M:APA91b"


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    logger = logging.getLogger("canale.delivery")
    return logger.makeRecord("canale.delivery", logging.WARNING, "", 0, message, arguments, None,
                             extra=extra)  # fmt: skip


def test_json_log_has_one_object_per_line_with_post_and_batch() -> None:
    line = JsonLineFormatter().format(record("È %s\nanche qui", "finita", post=34, batch=12))
    assert "\n" not in line
    said = json.loads(line)
    assert said.pop("time").endswith("+00:00")
    assert said == {
        "level": "WARNING",
        "name": "canale.delivery",
        "message": "È finita\nanche qui",
        "post": 34,
        "batch": 12,
    }


def test_text_log_ends_with_post_and_batch() -> None:
    assert (
        TextLineFormatter()
        .format(record("Finita", batch=12, post=34))
        .endswith("WARNING canale.delivery: Finita [post 34, batch 12]")
    )
    assert TextLineFormatter().format(record("Finita")).endswith("canale.delivery: Finita")


@pytest.mark.parametrize("form", [TextLineFormatter(), JsonLineFormatter()])
def test_endpoints_are_redacted_even_in_tracebacks(form: logging.Formatter) -> None:
    try:
        raise OSError(f"no way to {ENDPOINT}")
    except OSError:
        line = record("Failed: %s", ENDPOINT)
        line.exc_info = sys.exc_info()
    written = form.format(line)
    assert "APA91b" not in written
    assert "dGhl" not in written
    assert "https://fcm.googleapis.com/…" in written
    assert "Traceback" in written


def test_origin_without_a_path_is_kept() -> None:
    assert redact_urls("https://a.example: 503 (ill)") == "https://a.example: 503 (ill)"
    assert redact_urls("at http://u:p@b.example:1/x/y?z, so") == "at http://b.example:1/… so"
