# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Counting metrics, sharing them among processes, and access to them."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone
from prometheus_client import CollectorRegistry

from canale.channel.channels import create_channel
from canale.delivery import metrics as delivery_metrics
from canale.delivery.metrics import QueueCollector
from canale.delivery.models import Batch, Broadcast, PendingMessage
from canale.delivery.pending import plan_welcomes
from canale.followers.device_token import new_token
from canale.followers.follow import follow
from canale.followers.models import Address
from canale.metrics.database_timing import DatabaseTimingMiddleware
from canale.metrics.definitions import REGISTRY
from canale.metrics.endpoint import is_allowed
from canale.metrics.multiprocess import KINDS
from canale.metrics.reporter import DeltaCounters
from canale.metrics.service_counters import ServiceCounters
from canale.publishing.content import Content
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_responses_are_counted_by_service() -> None:
    counters = ServiceCounters("webpush", "counters.test")
    counters.add("accepted", 201, 0.02)
    counters.add("accepted", 201, 0.3)
    counters.add("retry", None, 20.0)
    counters.add("rejected", 403, 0.02)
    at = {"transport": "webpush", "service": "counters.test"}
    outcomes = ("accepted", "retry", "rejected", "gone")
    counted = [value("canale_messages_total", **at, outcome=each) for each in outcomes]
    assert counted == [2, 1, 1, 0]
    # A time-out is no answer: it is counted as `retry` only.
    assert value("canale_push_duration_seconds_count", **at) == 3
    assert value("canale_push_duration_seconds_sum", **at) == pytest.approx(0.34)
    assert value("canale_push_duration_seconds_bucket", **at, le="0.025") == 2
    assert value("canale_rejected_total", transport="webpush", code="403") == 1


def test_counters_are_copied_by_their_increase() -> None:
    registry = CollectorRegistry()
    from prometheus_client import Counter

    counter = Counter("c", "c", registry=registry)
    copier = DeltaCounters({"n": counter})
    copier.copy({"n": 3})
    copier.copy({"n": 3})
    copier.copy({"n": 10})
    assert registry.get_sample_value("c_total") == 10


NEAR = [ipaddress.ip_network(each) for each in ("127.0.0.0/8", "::1", "10.1.0.0/16")]


@pytest.mark.parametrize(
    ("client", "headers", "may"),
    [
        (("127.0.0.1", 4711), [], True),
        (("::ffff:127.0.0.1", 4711), [], True),
        (("10.1.2.3", 4711), [], True),
        (("10.2.2.3", 4711), [], False),
        (("8.8.8.8", 4711), [], False),
        (None, [], False),
        (("/run/canale.sock", 0), [], False),
        # Through a proxy of this machine that nobody trusts, or that says that it is this machine.
        (("127.0.0.1", 4711), [b"x-forwarded-for"], False),
        (("127.0.0.1", 4711), [b"via"], False),
        (("127.0.0.1", 4711), [b"forwarded"], False),
        (("127.0.0.1", 4711), [b"x-real-ip"], False),
        (("127.0.0.1", 0), [b"x-forwarded-for"], False),
        # uvicorn puts whom a trusted proxy names in the peer's place, with port 0.
        (("10.1.2.3", 0), [b"x-forwarded-for"], True),
        (("8.8.8.8", 0), [b"x-forwarded-for"], False),
        # A proxy in the network is not the network.
        (("10.1.2.3", 4711), [b"x-forwarded-for"], False),
    ],
)
def test_metrics_access_by_network(client: Any, headers: list[bytes], may: bool) -> None:
    scope: Any = {"client": client, "headers": [(name, b"x") for name in headers]}
    assert is_allowed(scope, NEAR) is may


COUNT = """
import sys, time
from pathlib import Path
from canale.metrics.multiprocess import share_metrics
assert share_metrics(Path(sys.argv[1]), reset=sys.argv[3] == "reset")
from canale.metrics.definitions import LIVE_CONNECTIONS, LIVE_EVENTS
LIVE_EVENTS.inc(int(sys.argv[2]))
LIVE_CONNECTIONS.set(int(sys.argv[2]))
print("ready", flush=True)
time.sleep(60)
"""
READ = """
import sys
from pathlib import Path
from canale.metrics.multiprocess import registry, share_metrics
assert share_metrics(Path(sys.argv[1]))
from canale.metrics.definitions import REGISTRY
shared = registry(REGISTRY)
names = ("canale_live_events_total", "canale_live_connections")
print(*(int(shared.get_sample_value(name) or 0) for name in names))
"""


def counting(folder: Path, number: int, how: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COUNT, str(folder), str(number), how]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def read(folder: Path) -> str:
    command = [sys.executable, "-c", READ, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def kill(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        process.kill()
        process.wait()


def test_processes_are_summed_and_dead_ones_keep_only_counters(tmp_path: Path) -> None:
    first, second = counting(tmp_path, 1), counting(tmp_path, 10)
    try:
        assert read(tmp_path) == "11 11"
        kill(first)
        assert read(tmp_path) == "11 10"
        # The next process takes the slot of the dead one and continues its counters.
        for _ in range(3):
            first = counting(tmp_path, 100)
            kill(first)
        assert read(tmp_path) == "311 10"
        slots = {path.name for path in (tmp_path / "metrics").glob("slot-*")}
        assert slots == {"slot-0", "slot-1", "slot-2"}, "the third was the reader's"
        # A second main process, while the first still runs, does not make the sum smaller.
        first = counting(tmp_path, 5, "reset")
        assert read(tmp_path) == "316 15"
        kill(first, second)
        first = counting(tmp_path, 5, "reset")
        assert read(tmp_path) == "5 5"
    finally:
        kill(first, second)


def test_metrics_files_are_allocated_before_they_are_mapped(tmp_path: Path) -> None:
    """Writing to a mapped page that a full disk cannot back kills the process (SIGBUS)."""
    process = counting(tmp_path, 1)
    try:
        for path in (tmp_path / "metrics").glob("*.db"):
            known = path.stat()
            assert known.st_blocks * 512 >= known.st_size, path.name
    finally:
        kill(process)


@pytest.mark.parametrize("lacks", ["a folder", "room"])
def test_process_without_room_for_files_counts_on_its_own(tmp_path: Path, lacks: str) -> None:
    if lacks == "a folder":
        (tmp_path / "metrics").write_text("not a folder")
    program = (
        "import sys; from pathlib import Path\n"
        "from canale.metrics import multiprocess\n"
        "from canale.metrics.multiprocess import share_metrics, registry\n"
        "multiprocess.FILE_BYTES = 1 << 60\n"
        "assert not share_metrics(Path(sys.argv[1]))\n"
        "from canale.metrics.definitions import REGISTRY, LIVE_EVENTS\n"
        "LIVE_EVENTS.inc(); assert registry(REGISTRY) is REGISTRY"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)


@pytest.fixture
def sent(db: None) -> Broadcast:
    channel = create_channel("cremona", "Comune di Cremona")
    for number in range(3):
        endpoint = {"endpoint": f"https://push.example/{number}"}
        follow(channel, new_token(), address=("push", endpoint), topics=[], language="it")
    post = save_draft(channel, Content("alert", "Piena", "Testo"), by="cli")
    publish(post, by="cli")
    return Broadcast.objects.get()


def test_queue_metrics_are_cached_for_a_second(
    sent: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_metrics, "close_old_connections", lambda: None)
    monkeypatch.setattr(connection, "close", lambda: None)
    now, clock = timezone.now() + timedelta(seconds=30), [0.0]
    collector = QueueCollector(lambda: now, lambda: clock[0])
    address = Address.objects.first()
    assert address is not None
    PendingMessage.objects.create(broadcast=sent, address=address, urgent=True, not_before=now)
    plan_welcomes([address.pk])

    def said() -> dict[tuple[str, str], float]:
        samples = (sample for family in collector.collect() for sample in family.samples)
        return {(each.name, each.labels.get("priority", "")): each.value for each in samples}

    assert said()["canale_queue_batches", "alert"] == 1
    assert said()["canale_queue_batches", "normal"] == 0
    assert said()["canale_queue_oldest_seconds", "alert"] == pytest.approx(30, abs=5)
    assert said()["canale_retries_waiting", "alert"] == 1
    assert said()["canale_welcomes_waiting", ""] == 1
    Batch.objects.update(state=Batch.State.FAILED)
    assert said()["canale_queue_batches", "alert"] == 1
    clock[0] = 1.5
    assert said()["canale_queue_batches", "alert"] == 0
    assert said()["canale_queue_oldest_seconds", "alert"] == 0
    assert said()["canale_queue_failed_batches", ""] == 1
    Broadcast.objects.update(stopped_at=timezone.now())
    clock[0] = 3.0
    assert said()["canale_queue_failed_batches", ""] == 0, "nothing is to be done any more"
    assert said()["canale_database_up", ""] == 1


def test_only_database_up_is_exported_during_an_outage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(_: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(delivery_metrics, "_waiting", away)
    monkeypatch.setattr(delivery_metrics, "close_old_connections", lambda: None)
    monkeypatch.setattr(connection, "close", lambda: None)
    families = list(QueueCollector().collect())
    assert [(each.name, each.samples[0].value) for each in families] == [("canale_database_up", 0)]


@pytest.mark.django_db
def test_request_with_queries_is_measured_once() -> None:
    def two_queries(_: object) -> HttpResponse:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.execute("SELECT 2")
        return HttpResponse()

    request = RequestFactory().get("/")
    before = value("canale_database_seconds_count", work="request")
    DatabaseTimingMiddleware(two_queries)(request)
    assert value("canale_database_seconds_count", work="request") == before + 1
    DatabaseTimingMiddleware(lambda _: HttpResponse())(request)
    assert value("canale_database_seconds_count", work="request") == before + 1


def test_every_type_of_metrics_file_is_preallocated() -> None:
    """A kind that is not in the list would grow on a full disk, or outlive its process."""
    kinds = set()
    for declared in set(REGISTRY._names_to_collectors.values()):
        kind = declared._type  # type: ignore[attr-defined]
        mode = getattr(declared, "_multiprocess_mode", "")
        kinds.add(f"{kind}_{mode}" if kind == "gauge" else kind)
    assert kinds == set(KINDS)
