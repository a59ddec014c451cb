# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Encryption alone, on one core: from a subscription's JSON to the body of the POST.

Run as a program it is canale's contender: python -m bench.push_encrypt JOB whole|encrypt COUNT.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import http_ece
from cryptography.exceptions import InvalidTag

from bench import native, peers
from bench.process import SERVER_CORE, on_core
from bench.push_job import Job
from bench.rounds import Measurement
from canale.delivery.transports.webpush.encryption import SubscriptionKeys, encrypt

HERE = Path(__file__).parent
OURS, OURS_READ = "canale", "canale, the receiver's keys already read"
LIMIT = "OpenSSL: key pair + ECDH, nothing else"
PEERS = ("http_ece", "pywebpush", "npm web-push")
PYTHON_PEERS = ("pywebpush", "http-ece", "aiohttp", "requests")
WARM_UP = 200


def contenders(
    job: Job, path: Path, count: int, seconds: int
) -> dict[str, Callable[[], Measurement]]:
    """Measure messages per second of CPU. Raises if a message does not decrypt."""
    ours: list[str | Path] = [sys.executable, "-m", "bench.push_encrypt", path]
    return {
        LIMIT: lambda: limit(seconds),
        OURS: lambda: run([*ours, "whole"], count, job),
        OURS_READ: lambda: run([*ours, "encrypt"], count, job),
        "http_ece": lambda: run(python_peer(path, "http_ece"), count, job),
        "pywebpush": lambda: run(python_peer(path, "pywebpush"), count, job),
        "npm web-push": lambda: run(node_peer(path, "encrypt"), count, job),
    }


def python_peer(path: Path, what: str) -> list[str | Path]:
    """Measure a peer. Raises CannotRunError if its packages cannot be installed."""
    return [peers.python(*PYTHON_PEERS), HERE / "push_peer.py", path, what]


def node_peer(path: Path, what: str) -> list[str | Path]:
    return [peers.node(), HERE / "js" / "push_peer.mjs", peers.npm("web-push"), path, what]


def limit(seconds: int) -> Measurement:
    """Measure the bound: only the two operations on the curve."""
    program = native.built("p256_limit", "-lcrypto")
    pairs = float(output(on_core(SERVER_CORE, [program, str(seconds)])))
    speed = ["openssl", "speed", "-mr", "-seconds", str(seconds), "ecdhp256"]
    match = re.search(r"^\+F5:\d+:256:([\d.]+)", output(on_core(SERVER_CORE, speed)), re.MULTILINE)
    assert match, "openssl speed no longer prints a line +F5 for ECDH"
    return per_message(1 / (1 / pairs + 1 / float(match[1])))


def run(command: Iterable[str | Path], count: int, job: Job) -> Measurement:
    result: dict[str, Any] = json.loads(output(on_core(SERVER_CORE, [*command, str(count)])))
    check(base64.b64decode(result["body"]), job, job.payload)
    return per_message(result["messages"] / result["cpu"])


def per_message(rate: float) -> Measurement:
    return {"rate": rate, "cpu": 1e6 / rate}


def output(command: list[str]) -> str:
    done = subprocess.run(command, cwd=peers.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check(body: bytes, job: Job, holds: str) -> None:
    """Decrypt a body with an independent library and the keys of one of the job's subscriptions.

    Raises AssertionError unless it holds the payload.
    """
    for subscription in job.subscriptions:
        plain = opened(body, job, subscription["keys"])
        if plain is not None:
            assert holds in plain, "a contender's message holds something else"
            return
    raise AssertionError("a contender's message does not decrypt")


def opened(body: bytes, job: Job, keys: dict[str, str]) -> str | None:
    try:
        plain: bytes = http_ece.decrypt(
            body,
            private_key=job.receivers[keys["p256dh"]],
            auth_secret=base64.urlsafe_b64decode(keys["auth"] + "=="),
            version="aes128gcm",
        )
    except (InvalidTag, http_ece.ECEException):
        return None
    return plain.decode()


def main() -> None:
    path, what, count = sys.argv[1:]
    job = json.loads(Path(path).read_text())
    contender = {"whole": from_json, "encrypt": from_keys}[what]
    contender(job, WARM_UP)
    used, body = contender(job, int(count))
    result = {"messages": int(count), "cpu": used, "body": base64.b64encode(body).decode()}
    print(json.dumps(result))


def from_json(job: dict[str, Any], count: int) -> tuple[float, bytes]:
    payload, body = job["payload"].encode(), b""
    before = time.process_time()
    for subscription in islice(cycle(job["subscriptions"]), count):
        body = encrypt(payload, SubscriptionKeys.from_json(subscription["keys"]))
    return time.process_time() - before, body


def from_keys(job: dict[str, Any], count: int) -> tuple[float, bytes]:
    payload, body = job["payload"].encode(), b""
    # Each key is used once, as in a broadcast, because OpenSSL caches converted keys.
    read = [
        SubscriptionKeys.from_json(subscription["keys"])
        for subscription in islice(cycle(job["subscriptions"]), count)
    ]
    before = time.process_time()
    for keys in read:
        body = encrypt(payload, keys)
    return time.process_time() - before, body


if __name__ == "__main__":
    main()
