# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A new secret key while the channel serves: nobody is lost, and the key before opens nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from canale.followers.rotation import BATCH
from tests.commands import run
from tests.nats_server import NatsServer, needs_nats
from tests.site import HANDLE, Site, new_site
from tests.standins.push_service import PushService
from tests.waiting import wait_until

FACTOR = "JBSWY3DPEHPK3PXP"
MANY = 8_000


@pytest.fixture
def push() -> Iterator[PushService]:
    with PushService() as service:
        yield service


@pytest.fixture
def city(tmp_path: Path, push: PushService) -> Iterator[Site]:
    with new_site(tmp_path, CANALE_PUSH_ORIGINS=push.origin) as site:
        yield site


def channel(site: Site) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"{site.api}/channels/{HANDLE}", timeout=30).json()
    return answer


def follow(site: Site, browser: httpx.Client, subscription: dict[str, Any]) -> httpx.Response:
    body = {"push": subscription, "topics": [], "language": "it"}
    return browser.post(f"{site.api}/channels/{HANDLE}/followers", json=body)


@pytest.mark.quick
@pytest.mark.postgres
def test_key_rotation_is_invisible_to_users(city: Site, push: PushService) -> None:
    data = Path(city.environment["CANALE_DATA"])
    identity = channel(city)["vapid_public_key"]
    mine, *others = push.subscribe(20)
    browser = httpx.Client(headers={"Origin": city.url}, timeout=30)
    assert follow(city, browser, mine).status_code == 201
    push.wait_for(1)
    city.inside("follow", others)
    city.inside("second_factor", FACTOR)
    first = (data / "secret-key").read_text()

    assert "restart" in city.run("rotate-key")
    assert (data / "secret-key.old").read_text() == first != (data / "secret-key").read_text()
    assert (data / "secret-key").stat().st_mode & 0o777 == 0o600
    # The server that still runs could not open values sealed with the new key.
    refused = run(city, "rotate-key")
    assert refused.returncode == 1
    assert "restart it first" in refused.stderr
    half = run(city, "backup", str(city.folder / "half.tar"))
    assert half.returncode == 1
    assert "finish it first" in half.stderr
    city.stop()
    city.start()
    # Between the two calls a device that follows again is known by what the key before made.
    assert follow(city, browser, mine).status_code == 200
    assert city.inside("rows")["followers_address"] == 20

    said = city.run("rotate-key")
    assert "Resealed: 19 addresses, 1 second factors, 0 outlets." in said
    assert not (data / "secret-key.old").exists()
    assert city.inside("sealed_with", str(data / "secret-key")) == {"yes": 20, "no": 0}
    (city.folder / "first").write_text(first)
    assert city.inside("sealed_with", str(city.folder / "first")) == {"yes": 0, "no": 20}
    city.stop()
    city.start()
    assert city.inside("second_factor_kept") == FACTOR
    assert "is intact" in city.run("audit", "verify")
    assert channel(city)["vapid_public_key"] == identity
    assert len(browser.get(f"{city.api}/me").json()["following"]) == 1
    assert follow(city, browser, mine).status_code == 200
    before = len(push.received)
    city.post(city.token(), headline="Dopo")
    push.wait_for(before + 20)
    assert before == 1, "nobody was welcomed twice"
    assert set(Counter(message.endpoint for message in push.received[before:]).values()) == {1}
    assert not push.refused


@pytest.mark.postgres
def test_killed_rotation_is_resumed(tmp_path: Path, push: PushService) -> None:
    with new_site(tmp_path, start=False) as city:
        data = Path(city.environment["CANALE_DATA"])
        city.inside("follow", push.subscribe(MANY))
        city.run("rotate-key")
        command = [sys.executable, "-m", "canale", "rotate-key"]
        with subprocess.Popen(
            command, env=city.environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        ) as going:
            assert going.stderr is not None
            assert b"addresses seen" in going.stderr.readline()
            going.send_signal(signal.SIGKILL)
        half = city.inside("sealed_with", str(data / "secret-key"))
        assert 0 < half["yes"] < MANY
        assert half["yes"] % BATCH == 0
        assert city.inside("sealed_with", str(data / "secret-key.old"))["yes"] == half["no"]
        assert f"Resealed: {half['no']} addresses" in city.run("rotate-key")
        assert city.inside("sealed_with", str(data / "secret-key")) == {"yes": MANY, "no": 0}


def test_wrong_key_is_detected_before_any_write(tmp_path: Path, push: PushService) -> None:
    with new_site(tmp_path, start=False) as city:
        city.inside("follow", push.subscribe(3))
        data = Path(city.environment["CANALE_DATA"])
        right = (data / "secret-key").read_text().strip()
        city.environment |= {"CANALE_SECRET_KEY": "n" * 40, "CANALE_OLD_SECRET_KEY": "w" * 40}
        refused = run(city, "rotate-key")
        assert refused.returncode == 1
        assert "neither key" in refused.stderr
        checked = run(city, "check", "--offline").stdout
        assert "the secret key does not open" in checked
        assert "warning  the secret key is being changed" in checked
        assert city.inside("rows")["followers_lastingkey"] == 0
        city.environment["CANALE_OLD_SECRET_KEY"] = right
        assert "unset CANALE_OLD_SECRET_KEY" in city.run("rotate-key")
        assert city.inside("sealed_with", str(data / "secret-key")) == {"yes": 0, "no": 3}
        # A row that nothing opens is not passed over in silence.
        city.inside("break_a_seal")
        city.environment |= {"CANALE_SECRET_KEY": "m" * 40, "CANALE_OLD_SECRET_KEY": "n" * 40}
        refused = run(city, "rotate-key")
        assert refused.returncode == 1
        assert "1 addresses open with neither key" in refused.stderr
        city.run("rotate-key", "--drop-lost")
        assert city.inside("rows")["followers_address"] == 2


def test_new_push_identity_removes_every_subscription(city: Site, push: PushService) -> None:
    identity = channel(city)["vapid_public_key"]
    browser = httpx.Client(headers={"Origin": city.url}, timeout=30)
    assert follow(city, browser, push.subscribe()[0]).status_code == 201
    refused = run(city, "rotate-key", "--new-push-identity")
    assert refused.returncode == 1
    assert "stop its servers" in refused.stderr
    city.stop()
    assert "1 subscriptions are gone" in city.run("rotate-key", "--new-push-identity")
    city.start()
    assert channel(city)["vapid_public_key"] != identity
    assert city.inside("rows")["followers_address"] == 0
    # The device is still known, and brings its new subscription when it next opens the page.
    before = len(push.received)
    assert follow(city, browser, push.subscribe()[0]).status_code == 200
    wait_until(lambda: len(push.received) > before)
    assert city.inside("rows")["followers_follower"] == 1


@needs_nats
def test_rotation_removes_the_previous_keys_streams(tmp_path: Path) -> None:
    store = tmp_path / "jetstream"
    nats = NatsServer(tmp_path, f'jetstream {{ store_dir: "{tmp_path}" }}')

    def streams() -> set[str]:
        return {folder.name for folder in store.glob("$G/streams/*")}

    with nats, new_site(tmp_path, CANALE_NATS_URL=nats.url) as city:
        wait_until(lambda: len(streams()) == 1)
        before = streams()
        city.run("rotate-key")
        city.stop()
        city.start()
        wait_until(lambda: len(streams()) == 2)
        city.run("rotate-key")
        wait_until(lambda: len(streams()) == 1)
        assert not streams() & before
        (second,) = streams()
        city.run("rotate-key")
        city.stop()
        nats.stop()
        finished = run(city, "rotate-key")
        assert finished.returncode == 0
        assert f"nats stream rm {second}" in finished.stderr
        assert not (Path(city.environment["CANALE_DATA"]) / "secret-key.old").exists()
