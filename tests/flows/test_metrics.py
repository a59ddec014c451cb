# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The metrics and logs of a running canale, and access to them."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.databases import ON_POSTGRESQL
from tests.newsroom import Newsroom
from tests.ports import free_port
from tests.site import Site, new_site
from tests.standins.push_service import Behaviour, PushService
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def push() -> Iterator[PushService]:
    with PushService() as running:
        yield running


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, push: PushService) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("metrics")
    more = {"CANALE_WEB_PROCESSES": "2", "CANALE_LOG_FORMAT": "json"}
    with new_site(folder, CANALE_PUSH_ORIGINS=push.origin, CANALE_WORKERS="2", **more) as running:
        yield running


@pytest.fixture(scope="module")
def followers(city: Site, push: PushService) -> int:
    """The number of the channel's followers, whichever test comes first."""
    city.inside("follow", push.subscribe(12))
    return 12


def metrics(url: str) -> dict[str, float]:
    """By name and labels, as they are written."""
    answer = httpx.get(f"{url}/metrics", timeout=10)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        name + ",".join(f" {key}={label}" for key, label in sorted(labels.items())): number
        for family in text_string_to_metric_families(answer.text)
        for name, labels, number, *_ in family.samples
    }


def publish(city: Site, headline: str, **more: object) -> int:
    return int(str(city.post(city.token(), headline=headline, **more)["id"]))


def test_all_processes_of_the_machine_are_counted(
    city: Site, push: PushService, followers: int
) -> None:
    before = metrics(city.url)
    received = len(push.received)
    # Two web processes (this one and its sibling) and two workers.
    wait_until(lambda: metrics(city.url)["canale_processes process=web"] == 2)
    wait_until(lambda: metrics(city.url)["canale_processes process=worker"] == 2)
    publish(city, "Piena", kind="alert")
    push.wait_for(received + followers)

    def grown(name: str) -> float:
        return metrics(city.url).get(name, 0) - before.get(name, 0)

    accepted = "outcome=accepted, service=other, transport=webpush"
    wait_until(lambda: grown(f"canale_messages_total {accepted}") == followers)
    wait_until(lambda: grown("canale_slo_good_total priority=alert") == followers)
    assert grown("canale_slo_events_total priority=alert") == followers
    assert grown("canale_batches_total event=claimed") == 1
    assert grown("canale_batches_total event=finished") == 1
    assert grown("canale_push_duration_seconds_count service=other, transport=webpush") == followers
    assert grown("canale_database_seconds_count work=record") >= 1
    assert metrics(city.url)["canale_queue_batches priority=alert, transport=webpush"] == 0
    assert metrics(city.url)["canale_database_up"] == 1
    # A worker reports its limits once a second.
    limit = "canale_push_concurrency_limit service=other, transport=webpush"
    wait_until(lambda: metrics(city.url).get(limit, 0) >= 1)
    assert metrics(city.url)["canale_push_circuit_open service=other, transport=webpush"] == 0
    for process in ("web", "worker"):
        assert metrics(city.url)[f"canale_event_loop_lag_seconds_count process={process}"] > 0
    # Each of the two web processes had the event.
    wait_until(lambda: grown("canale_live_events_total") == 2)


def test_pages_from_memory_are_counted(city: Site) -> None:
    def pages() -> float:
        values = metrics(city.url)
        return sum(values[f"canale_pages_total from={way}"] for way in ("store", "rendering"))

    before = pages()
    for _ in range(5):
        httpx.get(city.channel)
    wait_until(lambda: pages() >= before + 5)


def test_metrics_are_readable_from_this_machine_without_a_proxy_only(city: Site) -> None:
    for header in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
        for client in ("127.0.0.1", "203.0.113.9"):
            answer = httpx.get(f"{city.url}/metrics", headers={header: client})
            assert answer.status_code == 404, (header, client)
            assert not answer.content


def test_metrics_and_log_contain_no_push_address(city: Site, push: PushService) -> None:
    text = httpx.get(f"{city.url}/metrics").text + city.log()
    assert f":{push.port}" not in httpx.get(f"{city.url}/metrics").text
    assert "/push/" not in text
    lines = [line for line in city.log().splitlines() if line.startswith("{")]
    assert lines
    for line in lines:
        assert {"time", "level", "name", "message"} <= json.loads(line).keys()


def test_rejected_messages_appear_in_metrics_and_newsroom(
    city: Site, push: PushService, followers: int
) -> None:
    name = "canale_rejected_total code=401, transport=webpush"
    assert metrics(city.url)[name] == 0, "there before the first, so that an alarm sees it"
    push.behave(Behaviour(status=401, times=followers))
    post = publish(city, "Rifiutato")
    wait_until(lambda: metrics(city.url)[name] == followers)
    newsroom = Newsroom(city)
    newsroom.browser.headers["accept-language"] = "it"

    def page() -> str:
        return newsroom.browser.get(f"{newsroom.home}posts/{post}/progress/").text

    wait_until(lambda: f"Riguarda {followers} avvisi." in page())
    assert "non ha accettato la firma di canale (VAPID)" in page()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_the_metrics(city: Site) -> None:
    text = httpx.get(f"{city.url}/metrics").text
    run = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


@contextmanager
def worker(city: Site, data: Path, port: int) -> Iterator[None]:
    environment = {**city.environment, "CANALE_METRICS_PORT": str(port), "CANALE_DATA": str(data)}
    environment["CANALE_DATABASE_URL"] = f"sqlite:///{city.folder / 'data' / 'canale.sqlite3'}"
    environment["CANALE_SECRET_KEY"] = (city.folder / "data" / "secret-key").read_text().strip()
    process = subprocess.Popen(
        [sys.executable, "-m", "canale", "worker"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.skipif(ON_POSTGRESQL, reason="the workers of this test read the site's file")
def test_workers_of_another_machine_export_metrics_on_their_own_port(
    city: Site, tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def workers() -> float:
        try:
            return metrics(url).get("canale_processes process=worker", 0)
        except httpx.TransportError:
            return 0

    with worker(city, tmp_path, port), worker(city, tmp_path, port):
        wait_until(lambda: workers() == 2, seconds=30)
        values = metrics(url)
        assert "canale_processes process=web" not in values
        queue = "canale_queue_batches priority=alert, transport=webpush"
        assert queue not in values, "the site exports it"
        assert httpx.get(f"{url}/metrics", headers={"Via": "x"}).status_code == 404
        assert httpx.get(f"{url}/").status_code == 404
