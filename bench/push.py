# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Web Push: encryption alone, and from the database to the push service's answer."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import peers, push_encrypt, push_send
from bench.machine import debian_versions, python_versions
from bench.part import Column, Figure, Part, Row, Table
from bench.push_job import KEY_PAIRS, Job, new_job
from bench.push_sink import sink
from bench.rounds import CannotRunError, Measured, interleaved, ratios

NAME = "push"
TITLE = "Web Push: encrypting and posting"

FOLLOWERS, FEW_FOLLOWERS = 20_000, 5_000
# Messages per round, enough to measure each sender for a second or more; h2load needs fewer.
COUNTS = {
    push_send.LIMIT: 200_000,
    push_send.ONE_CALL: 500,
    push_send.SESSION: 2_000,
    push_send.ASYNC: 4_000,
    push_send.NODE: 6_000,
}
FEW = dict.fromkeys(COUNTS, 1_000) | {push_send.ONE_CALL: 200}
MESSAGES, FEW_MESSAGES = 20_000, 2_000
SPEED_SECONDS, FEW_SECONDS = 2, 1

ENCRYPTION_COLUMNS = (Column("rate", "messages/s"), Column("cpu", "µs of CPU per message", 1))
SENDING_COLUMNS = (
    Column("rate", "messages/s"),
    Column("cpu", "sender's CPU, µs per message"),
    Column("sink", "sink's CPU, µs per message", 1),
    Column("connections", "connections"),
)


def run(rounds: int, quick: bool) -> Part:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encryption = _encryption(folder, rounds, quick=quick)
        sending = _sending(folder, rounds, quick=quick)
    return Part(
        NAME,
        TITLE,
        tables=(
            Table("Encryption alone, one core", ENCRYPTION_COLUMNS, _rows(encryption)),
            Table("To the acknowledged POST, one core", SENDING_COLUMNS, _rows(sending)),
        ),
        figures=(*_encryption_figures(encryption), *_sending_figures(sending)),
        notes=_notes(FEW_FOLLOWERS if quick else FOLLOWERS),
        versions=_versions(),
        absent=encryption.absent | sending.absent,
    )


def _encryption(folder: Path, rounds: int, *, quick: bool) -> Measured:
    job, path = _job(folder, "https://push.example", KEY_PAIRS)
    count = FEW_MESSAGES if quick else MESSAGES
    seconds = FEW_SECONDS if quick else SPEED_SECONDS
    contenders = push_encrypt.contenders(job, path, count, seconds)
    return interleaved(contenders, rounds, peers=[*push_encrypt.PEERS, push_encrypt.LIMIT])


def _sending(folder: Path, rounds: int, *, quick: bool) -> Measured:
    with sink(folder) as running:
        job, path = _job(folder, running.origin, FEW_FOLLOWERS if quick else FOLLOWERS)
        with push_send.seeded(job, running, folder) as site:
            counts = FEW if quick else COUNTS
            contenders = push_send.contenders(job, path, running, site, counts)
            return interleaved(contenders, rounds, peers=push_send.PEERS)


def _job(folder: Path, origin: str, subscriptions: int) -> tuple[Job, Path]:
    job, path = new_job(origin, subscriptions), folder / "job.json"
    job.write(path)
    return job, path


def _rows(measured: Measured) -> list[Row]:
    return [Row(name, values) for name, values in measured.items()]


def _encryption_figures(measured: Measured) -> list[Figure]:
    ours, limit = measured[push_encrypt.OURS]["rate"], measured[push_encrypt.LIMIT]["rate"]
    read = ratios(measured[push_encrypt.OURS_READ]["rate"], limit)
    return [
        Figure(
            "encryption: canale ÷ OpenSSL's keygen+ECDH limit", ratios(ours, limit), at_least=0.65
        ),
        Figure("encryption: the same, the receiver's keys already read", read),
        *(
            Figure(f"encryption: canale ÷ {name}", ratios(ours, measured[name]["rate"]))
            for name in push_encrypt.PEERS
        ),
    ]


def _sending_figures(measured: Measured) -> list[Figure]:
    ours, twice = measured[push_send.OURS], measured[push_send.OURS_TWICE]

    def rate(name: str) -> list[float]:
        return ratios(ours["rate"], measured[name]["rate"])

    def cpu(name: str) -> list[float]:
        return ratios(measured[name]["cpu"], ours["cpu"])

    return [
        Figure("canale, one core", ours["rate"], at_least=3000, digits=0, unit="/s"),
        Figure("canale ÷ pywebpush, one session for all", rate(push_send.SESSION), at_least=8,
               digits=1),
        Figure("canale ÷ pywebpush, one call per message without a session",
               rate(push_send.ONE_CALL), digits=1),
        Figure("canale ÷ npm web-push", rate(push_send.NODE), at_least=3, digits=1),
        Figure("canale ÷ pywebpush with aiohttp, 64 at once", rate(push_send.ASYNC), digits=1),
        Figure("CPU per message: pywebpush, session ÷ canale", cpu(push_send.SESSION), digits=1),
        Figure("CPU per message: npm web-push ÷ canale", cpu(push_send.NODE), digits=1),
        Figure("CPU per message: pywebpush with aiohttp ÷ canale", cpu(push_send.ASYNC), digits=1),
        Figure("two workers ÷ one", ratios(twice["rate"], ours["rate"])),
        Figure("the sink's core ÷ what canale's messages take of it", _headroom(ours), digits=1),
    ]  # fmt: skip


def _headroom(ours: Mapping[str, Sequence[float]]) -> list[float]:
    """Return how many such workers the sink could serve."""
    return [1e6 / cpu / rate for cpu, rate in zip(ours["sink"], ours["rate"], strict=True)]


def _notes(followers: int) -> list[str]:
    return [
        f"The same {followers:,} subscriptions ({KEY_PAIRS} key pairs, reused), the same payload "
        "and bodies of the same length (614 bytes) for all. One body of every contender and round "
        "is decrypted and read.",
        "The sink (bench/c/push_sink.c, nghttp2 and OpenSSL) responds 201 to every POST on a core "
        "of its own, over HTTP/2 or HTTP/1.1 as the sender chooses; h2load shows its capacity.",
        "canale starts from its database (SQLite): it reads and opens addresses, sends, and "
        "records. The clock runs from the first response to the last; its CPU includes everything "
        "that the worker does from before the publication until everything is recorded. The peers "
        "keep their subscriptions in memory and record nothing; they send a few messages before "
        "the clock starts, and open new connections (at most 64) once it does; the table counts "
        "the connections of both.",
        "pywebpush and npm web-push sign a VAPID token for every message; neither speaks HTTP/2. "
        "pywebpush's `webpush()` opens a connection for each message unless it is given a session.",
        "OpenSSL's limit is 1/(1/keygen + 1/ECDH), ECDH by `openssl speed`, key pairs by "
        "bench/c/p256_limit.c as newer versions of `openssl speed` count them: no import of the "
        "receiver's key, no HKDF, no AES, contexts set up once. `cryptography` bounds canale "
        "there: each of its calls sets up OpenSSL's contexts again.",
    ]


def _versions() -> dict[str, str]:
    versions = python_versions("cryptography", "pyreqwest")
    for more in (_python_versions, _npm_version):
        with contextlib.suppress(CannotRunError):
            versions |= more()
    return versions | debian_versions("openssl", "libnghttp2-14")


def _npm_version() -> dict[str, str]:
    package = peers.npm("web-push") / "node_modules" / "web-push" / "package.json"
    return {"web-push": json.loads(package.read_text())["version"]}


def _python_versions() -> dict[str, str]:
    """Return the versions of the peers' packages in their own environment."""
    python = peers.python(*push_encrypt.PYTHON_PEERS)
    names = ("pywebpush", "http_ece", "aiohttp", "requests")
    script = f"from importlib.metadata import version as v; print(*map(v, {names!r}))"
    output = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True)
    return dict(zip(names, output.stdout.split(), strict=True))
