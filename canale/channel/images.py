# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Uploads become pictures of ours: decoded in a process of its own, encoded in few sizes."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from django.utils.translation import gettext as _

import canale
from canale.channel.avatar_drawing import draw_avatar
from canale.channel.decoding.answers import Refusal, parse
from canale.channel.decoding.sizes import AVATAR_SIZES, PreparedImage

__all__ = (
    "LARGEST_BYTES",
    "RETRY_SECONDS",
    "Decoder",
    "DecodersBusyError",
    "ImageRefusedError",
    "PreparedImage",
    "decoder",
    "draw_avatar",
    "prepare_avatar",
    "prepare_image",
    "prepare_preview",
    "stop_decoders",
)

logger = logging.getLogger(__name__)

LARGEST_BYTES = 15 * 2**20
# At a time, in this process: the others of Django's threads go on serving pages.
MAX_DECODERS = 2
CPU_SECONDS, WALL_SECONDS, MEMORY_BYTES = 20, 40, 768 * 2**20
# For all pictures of one post.
TURN_SECONDS = 90.0
RETRY_SECONDS = 5
# A decoder needs these to start, and no secret of ours.
PASSED_ON = ("PATH", "PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")
ROOT = Path(canale.__file__).parents[1]
Kind = Literal["image", "avatar", "preview"]
DECODER = (sys.executable, "-m", "canale.channel.decoding")
# A limit that the process ran into, and what that says of its picture.
SIGNALS: dict[int, Refusal] = {
    signal.SIGXCPU: "too-complex",
    signal.SIGSEGV: "broken",
    signal.SIGBUS: "broken",
    signal.SIGFPE: "broken",
    signal.SIGILL: "broken",
    signal.SIGABRT: "broken",
}

_places = threading.BoundedSemaphore(MAX_DECODERS)
_running: set[subprocess.Popen[bytes]] = set()


class ImageRefusedError(Exception):
    """An upload that cannot be used; ``message`` is for the editor, ``code`` for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class DecodersBusyError(Exception):
    """No picture can be decoded now; the same upload may succeed after RETRY_SECONDS."""

    def __init__(self) -> None:
        super().__init__(_("Too many images are being prepared. Try again in a few seconds."))


@contextmanager
def decoder() -> Iterator[Decoder]:
    """One of the MAX_DECODERS places, for the pictures of one request.

    Raises DecodersBusyError at once when all are taken: a request that waited would keep one of
    the threads that serve every page.
    """
    if not _places.acquire(blocking=False):
        raise DecodersBusyError
    try:
        yield Decoder(time.monotonic() + TURN_SECONDS)
    finally:
        _places.release()


class Decoder:
    """Starts a process for each picture: a crash, an endless loop or a leak ends with it."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    def image(self, data: bytes) -> PreparedImage:
        """Sizes ``small``, ``large`` (WebP) and ``share`` (JPEG, for notifications and previews).

        Raises ImageRefusedError, DecodersBusyError.
        """
        return self._prepared("image", data)

    def avatar(self, data: bytes) -> PreparedImage:
        """The middle square as ``64``, ``192``, ``512`` and ``maskable``. Raises as `image`."""
        return self._prepared("avatar", data)

    def preview(self, data: bytes) -> PreparedImage:
        """The middle square of a linked page's picture as ``preview``. Raises as `image`."""
        return self._prepared("preview", data)

    def _prepared(self, kind: Kind, data: bytes) -> PreparedImage:
        if len(data) > LARGEST_BYTES:
            raise _refused("too-heavy")
        seconds = min(WALL_SECONDS, self._deadline - time.monotonic())
        if seconds <= 0:
            raise DecodersBusyError
        code, answer = _decode(kind, data, seconds)
        if code != 0:
            refusal = SIGNALS.get(-code)
            raise DecodersBusyError if refusal is None else _refused(refusal)
        parsed = parse(answer)
        if isinstance(parsed, str):
            raise _refused(parsed)
        largest = max(parsed, key=lambda variant: variant.width * variant.height)
        return PreparedImage(largest.width, largest.height, tuple(parsed))


def _decode(kind: Kind, data: bytes, seconds: float) -> tuple[int, bytes]:
    """The exit status of the process, negative for a signal, and its output."""
    limits = (CPU_SECONDS, WALL_SECONDS, MEMORY_BYTES)
    try:
        process = subprocess.Popen(
            [*DECODER, kind, *map(str, limits)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=bare_environment(),
        )
    except OSError as error:
        # No memory, or too many processes: not the picture's fault.
        logger.exception("Cannot start an image decoder")
        raise DecodersBusyError from error
    _running.add(process)
    try:
        answer, errors = process.communicate(data, timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        answer, errors = process.communicate()
    finally:
        _running.discard(process)
    if process.returncode != 0:
        last_line = errors.decode(errors="replace").strip().rpartition("\n")[2]
        logger.warning("Image decoder ended with status %d: %s", process.returncode, last_line)
    return process.returncode, answer


def bare_environment() -> dict[str, str]:
    """Return the environment of a process that reads strangers' files: no secrets."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}


def stop_decoders() -> None:
    """End the processes that decode: the service stops, and nobody waits for their pictures."""
    for process in list(_running):
        process.kill()


def prepare_image(data: bytes) -> PreparedImage:
    """Call `Decoder.image` for a single picture."""
    with decoder() as one:
        return one.image(data)


def prepare_avatar(data: bytes) -> PreparedImage:
    """Call `Decoder.avatar` for a single picture."""
    with decoder() as one:
        return one.avatar(data)


def prepare_preview(data: bytes) -> PreparedImage:
    """Call `Decoder.preview` for a single picture."""
    with decoder() as one:
        return one.preview(data)


def _refused(code: Refusal | Literal["too-heavy"]) -> ImageRefusedError:
    messages = {
        "unknown-format": _("We cannot read this image: use JPEG, PNG or WebP."),
        "broken": _("The image is damaged: save it again and try once more."),
        "too-heavy": _("The file is too large: at most %(limit)d MB.")
        % {"limit": LARGEST_BYTES // 2**20},
        "too-large": _("The image has too many pixels: make it smaller."),
        "too-complex": _("The image takes too long to read: save it again as a plain JPEG or PNG."),
        "too-small": _("The image is too small: at least %(size)d pixels.")
        % {"size": AVATAR_SIZES[0]},
    }
    return ImageRefusedError(code, messages[code])
