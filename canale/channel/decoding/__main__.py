# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The process in which one upload is decoded: a file on standard input, its sizes on output.

Files from strangers meet decoders written in C, so this process has little time, little memory, no
files to write, and none of the service's secrets. It ends after one picture.
"""

from __future__ import annotations

import sys

from PIL import Image, UnidentifiedImageError

from canale.channel.decoding.answers import Refusal, write
from canale.channel.decoding.containers import BrokenFileError, TooComplexError
from canale.channel.decoding.decode import TooManyPixelsError, UnknownFormatError, decode
from canale.channel.decoding.limits import limit
from canale.channel.decoding.sizes import (
    TooSmallError,
    Variant,
    avatar_reduction,
    avatar_sizes,
    image_reduction,
    image_sizes,
    preview_reduction,
    preview_sizes,
)

KINDS = {
    "image": (image_reduction, image_sizes),
    "avatar": (avatar_reduction, avatar_sizes),
    "preview": (preview_reduction, preview_sizes),
}
REFUSALS: dict[type[Exception], Refusal] = {
    UnknownFormatError: "unknown-format",
    TooManyPixelsError: "too-large",
    MemoryError: "too-large",
    TooComplexError: "too-complex",
    TooSmallError: "too-small",
}


def main(kind: str, cpu_seconds: int, wall_seconds: int, memory_bytes: int) -> None:
    limit(cpu_seconds, wall_seconds, memory_bytes)
    write(sys.stdout.buffer, prepared(kind, sys.stdin.buffer.read()))


def prepared(kind: str, data: bytes) -> list[Variant] | Refusal:
    """The sizes of a picture, or why it is refused."""
    # `decode` has a limit of its own.
    Image.MAX_IMAGE_PIXELS = None
    reduction, sizes = KINDS[kind]
    try:
        return sizes(decode(data, reduction))
    except tuple(REFUSALS) as error:
        return REFUSALS[type(error)]
    except (BrokenFileError, UnidentifiedImageError):
        return "broken"
    except Exception:  # noqa: BLE001  for damaged files decoders raise whatever they like
        return "broken"


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
