# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A strict JSON reader for what strangers send.

Python's parser follows nesting by recursion, so a few thousand brackets end in RecursionError,
which is no ValueError; the depth is counted before anything is parsed. What RFC 8259 does not
allow is refused as well: NaN, encodings other than UTF-8. Half a surrogate pair is allowed there;
whoever takes text refuses it, and says in which field.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

# Our deepest document has five levels; a passkey's has four.
MAX_DEPTH = 32
# A post with ten images has some thirty.
MAX_CONTAINERS = 10_000
_OPENING, _CLOSING = b"[{", b"]}"
# A string as a whole, so that brackets in it do not count; one without an end is read to the end.
# Possessive quantifiers: otherwise the regex engine keeps a backtracking point per escape.
_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


class JSONError(json.JSONDecodeError):
    """The bytes are not JSON that can be used; the message says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "", 0)


class StrictDecoder(json.JSONDecoder):
    """A decoder class for Django's `forms.JSONField` and the like."""

    def decode(self, s: str, *args: Any) -> Any:
        return read_json(s)


def read_json(body: bytes | str) -> Any:
    """Parse a body of UTF-8. Raises JSONError and nothing else."""
    try:
        data = body.encode() if isinstance(body, str) else bytes(body)
        if is_too_deep(data):
            raise JSONError(f"nested more than {MAX_DEPTH} levels deep, or too many lists")
        text = data.decode("utf-8-sig")
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except JSONError:
        raise
    except (ValueError, RecursionError) as error:
        raise JSONError(str(error)) from None


def is_too_deep(data: bytes, limit: int = MAX_DEPTH) -> bool:
    if sum(data.count(sign) for sign in (b"[", b"{")) <= limit:
        return False
    depth = opened = 0
    for token in _TOKENS.finditer(data):
        sign = data[token.start()]
        if sign in _OPENING:
            depth, opened = depth + 1, opened + 1
            if depth > limit or opened > MAX_CONTAINERS:
                return True
        elif sign in _CLOSING:
            depth -= 1
    return False


def _refuse(constant: str) -> NoReturn:
    raise JSONError(f"{constant} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise JSONError("a number is too large")
    return number
