# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A Python peer of `push`, in an environment of its own: push_peer.py JOB METHOD COUNT.

`http_ece` and `pywebpush` only encrypt; `one_call` is the usage that pywebpush documents first,
`requests` the same with one session for all, `aiohttp` its asynchronous form with CONCURRENCY
messages in flight. Prints JSON: messages, seconds of CPU and wall clock, and for encryption one of
the bodies in base64.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Any

Job = dict[str, Any]

CONCURRENCY = 64


def main() -> None:
    path, method, count = sys.argv[1:]
    job = json.loads(Path(path).read_text())
    METHODS[method](job, WARM_UP)
    used, begun = time.process_time(), time.monotonic()
    body = METHODS[method](job, int(count))
    wall, cpu = time.monotonic() - begun, time.process_time() - used
    result = {"messages": int(count), "wall": wall, "cpu": cpu}
    print(json.dumps({**result, "body": base64.b64encode(body).decode()}))


def some(job: Job, count: int) -> Iterator[dict[str, Any]]:
    return islice(cycle(job["subscriptions"]), count)


def http_ece(job: Job, count: int) -> bytes:
    import http_ece as ece
    from cryptography.hazmat.primitives.asymmetric import ec

    payload = job["payload"].encode()
    body = b""
    for subscription in some(job, count):
        body = ece.encrypt(
            payload,
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=unbase64url(subscription["keys"]["p256dh"]),
            auth_secret=unbase64url(subscription["keys"]["auth"]),
            version="aes128gcm",
        )
    return body


def pywebpush(job: Job, count: int) -> bytes:
    from pywebpush import WebPusher

    payload = job["payload"].encode()
    body = b""
    for subscription in some(job, count):
        body = WebPusher(subscription).encode(payload, "aes128gcm")["body"]
    return body


def one_call(job: Job, count: int) -> bytes:
    from pywebpush import webpush

    for subscription in some(job, count):
        webpush(**asked(job, subscription))
    return b""


def with_requests(job: Job, count: int) -> bytes:
    import requests
    from pywebpush import webpush

    with requests.Session() as session:
        for subscription in some(job, count):
            webpush(**asked(job, subscription), requests_session=session)
    return b""


def with_aiohttp(job: Job, count: int) -> bytes:
    asyncio.run(send_together(job, count))
    return b""


async def send_together(job: Job, count: int) -> None:
    import aiohttp
    from pywebpush import webpush_async

    waiting = some(job, count)

    async def send() -> None:
        for subscription in waiting:
            await webpush_async(**asked(job, subscription), aiohttp_session=session)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(send() for _ in range(CONCURRENCY)))


def asked(job: Job, subscription: dict[str, Any]) -> dict[str, Any]:
    return {
        "subscription_info": subscription,
        "data": job["payload"],
        "vapid_private_key": vapid_key(job["vapid_private"]),
        "vapid_claims": {"sub": job["contact"]},
        "ttl": job["ttl"],
        "headers": {"Urgency": job["urgency"], "Topic": job["topic"]},
        "timeout": 30,
    }


@cache
def vapid_key(private: str) -> Any:
    from py_vapid import Vapid

    return Vapid.from_string(private)


def unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


WARM_UP = 64
METHODS: dict[str, Callable[[Job, int], bytes]] = {
    "http_ece": http_ece,
    "pywebpush": pywebpush,
    "one_call": one_call,
    "requests": with_requests,
    "aiohttp": with_aiohttp,
}

if __name__ == "__main__":
    main()
