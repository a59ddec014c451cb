# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The output of the process that decodes: a line of JSON, then the encoded sizes."""

from __future__ import annotations

import json
from typing import BinaryIO, Literal, get_args

from canale.channel.decoding.sizes import Variant

Refusal = Literal["unknown-format", "broken", "too-large", "too-complex", "too-small"]


def write(out: BinaryIO, answer: list[Variant] | Refusal) -> None:
    variants = [] if isinstance(answer, str) else answer
    sizes = [[v.name, v.mime, v.width, v.height, len(v.data)] for v in variants]
    head = {"refused": answer} if isinstance(answer, str) else {"sizes": sizes}
    out.write(json.dumps(head).encode() + b"\n")
    out.writelines(variant.data for variant in variants)
    out.flush()


def parse(answer: bytes) -> list[Variant] | Refusal:
    """Parse the output of `write`. Raises ValueError for anything else."""
    line, _, rest = answer.partition(b"\n")
    head = json.loads(line)
    if "refused" in head:
        code: Refusal = head["refused"]
        if code not in get_args(Refusal):
            raise ValueError(code)
        return code
    variants, place = [], 0
    for name, mime, width, height, length in head["sizes"]:
        variants.append(Variant(name, mime, width, height, rest[place : place + length]))
        place += length
    if place != len(rest):
        raise ValueError("cut")
    return variants
