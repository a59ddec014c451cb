# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A webhook from publishing to withdrawing, with a receiver that verifies, fails, and hangs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.commands import run, run_each
from tests.site import HANDLE, Site, new_site
from tests.standins.push_service import Behaviour, PushService
from tests.standins.webhook_receiver import WebhookReceiver
from tests.waiting import wait_until


@dataclass
class City:
    """A site with a receiver; each test adds outlets of its own, and removes them."""

    site: Site
    receiver: WebhookReceiver
    push: PushService
    token: str
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    secrets: dict[str, str] = field(default_factory=dict)
    """By outlet."""

    def add_outlets(self, number: int = 1) -> list[str]:
        """Names of new outlets; each has its own path at the receiver, which is ``/name``."""
        names = [f"esterno-{next(self.numbers)}" for _ in range(number)]
        calls = [
            [
                *("outlet", "--channel", HANDLE, "--add", "webhook", "--name", name),
                *("--set", f"url={self.receiver.origin}/{name}"),
            ]
            for name in names
        ]
        for name, ended in zip(names, run_each(self.site, calls), strict=True):
            assert ended.status == 0, ended.stderr
            printed, secret = ended.stdout.splitlines()
            assert printed == name
            self.secrets[name] = secret
            self.receiver.trust(f"/{name}", secret)
        return names

    def publish(self, headline: str, **content: object) -> int:
        return int(str(self.site.post(self.token, headline=headline, **content)["id"]))

    def correct(self, post: int, headline: str) -> None:
        self._call("PATCH", post, {"note": "Ora giusta", "headline": headline})

    def withdraw(self, post: int) -> None:
        self._call("DELETE", post, {"reason": "Era un errore"})

    def copies(self, post: int) -> dict[str, str]:
        """The state of each outlet's copy."""
        return {copy["outlet"]: copy["state"] for copy in self._call("GET", post)["copies"]}

    def wait_for_copy(self, post: int, name: str, state: str) -> None:
        wait_until(lambda: self.copies(post).get(name) == state)

    def states(self) -> dict[str, list[str]]:
        """Return what `canale outlet` lists, by outlet."""
        lines = self.site.run("outlet", "--channel", HANDLE).splitlines()
        return {line.split("\t")[0]: line.split("\t")[1:] for line in lines}

    def _call(self, method: str, post: int, body: object = None) -> Any:
        answer = httpx.request(
            method,
            f"{self.site.api}/posts/{post}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder = tmp_path_factory.mktemp("webhook")
    with WebhookReceiver() as receiver, PushService() as push:
        origins = {"CANALE_OUTLET_ORIGINS": receiver.origin, "CANALE_PUSH_ORIGINS": push.origin}
        with new_site(folder, **origins) as site:
            yield City(site, receiver, push, site.token())


@pytest.fixture
def city(running: City) -> Iterator[City]:
    """The site, without the outlets of other tests."""
    known = set(running.secrets)
    yield running
    calls = [
        ["outlet", "--channel", HANDLE, "--remove", name] for name in running.secrets.keys() - known
    ]
    run_each(running.site, calls)


@pytest.mark.postgres
def test_publish_correct_and_withdraw_arrive_signed_and_in_order(city: City) -> None:
    (name,) = city.add_outlets()
    assert city.site.run("outlet", "--channel", HANDLE, "--test", name)
    post = city.publish("Piena del Po", text="*Attenti* al fiume", place="Piazza Duomo")
    city.wait_for_copy(post, name, "accepted")
    city.correct(post, "Piena del Po: rientrata")
    city.receiver.wait_for(f"/{name}", 3)
    city.withdraw(post)
    city.wait_for_copy(post, name, "withdrawn")
    trial, published, corrected, withdrawn = city.receiver.at(f"/{name}")
    assert [event.type for event in (trial, published, corrected, withdrawn)] == [
        "webhook.test",
        "post.published",
        "post.corrected",
        "post.withdrawn",
    ]
    assert len({event.id for event in city.receiver.at(f"/{name}")}) == 4
    said = published.data["post"]
    assert (said["id"], said["headline"], said["place"]) == (post, "Piena del Po", "Piazza Duomo")
    assert "<strong>Attenti</strong>" in said["html"]
    assert corrected.data["post"]["headline"] == "Piena del Po: rientrata"
    assert corrected.data["post"]["correction"] == "Ora giusta"
    assert withdrawn.data["post"]["reason"] == "Era un errore"
    assert "Piena" not in withdrawn.body.decode()
    assert city.receiver.refused == []
    transport, state, verified = city.states()[name]
    assert (transport, state) == ("webhook", "on")
    assert verified != "-"


@pytest.mark.parametrize(
    ("behaviour", "same_id"),
    [
        pytest.param(Behaviour(status=500, times=1), True, marks=pytest.mark.postgres),
        (Behaviour(status=429, retry_after="1", times=1), True),
        (Behaviour(drop=True, times=1), True),
    ],
    ids=["failed", "asked to wait", "cut off"],
)
def test_copy_that_may_have_arrived_is_repeated_with_the_same_id(
    city: City, behaviour: Behaviour, same_id: bool
) -> None:
    (name,) = city.add_outlets()
    city.receiver.behave(behaviour, f"/{name}")
    post = city.publish("Avviso")
    first, second = city.receiver.wait_for(f"/{name}", 2)
    assert (first.id == second.id, first.body == second.body) == (same_id, True)
    assert second.at - first.at >= 1
    city.wait_for_copy(post, name, "accepted")


@pytest.mark.postgres
def test_gone_receiver_pauses_its_outlet_until_it_is_switched_on(city: City) -> None:
    (name,) = city.add_outlets()
    city.receiver.behave(Behaviour(status=410, times=1), f"/{name}")
    post = city.publish("Avviso")
    city.wait_for_copy(post, name, "refused")
    assert city.states()[name][1::2] == ["paused", "410"]
    missed = city.publish("Intanto")
    assert name not in city.copies(missed)
    city.site.run("outlet", "--channel", HANDLE, "--on", name)
    post = city.publish("Di nuovo")
    city.wait_for_copy(post, name, "accepted")
    assert len(city.receiver.at(f"/{name}")) == 2


def test_refused_copy_is_not_repeated(city: City) -> None:
    (name,) = city.add_outlets()
    city.receiver.behave(Behaviour(status=400, times=1), f"/{name}")
    post = city.publish("Avviso")
    city.wait_for_copy(post, name, "refused")
    # The next event is sent all the same.
    city.correct(post, "Avviso, meglio")
    city.wait_for_copy(post, name, "accepted")
    assert [event.type for event in city.receiver.at(f"/{name}")] == [
        "post.published",
        "post.corrected",
    ]


def test_hanging_outlet_delays_no_other_and_no_notification(city: City) -> None:
    hanging, other = city.add_outlets(2)
    city.receiver.behave(Behaviour(hang=True), f"/{hanging}")
    first = city.publish("Primo")
    city.receiver.wait_for(f"/{hanging}", 1)
    subscriptions = city.push.subscribe(50)
    city.site.inside("follow", subscriptions)
    begun = time.monotonic()
    city.publish("Secondo")
    city.push.wait_for(50)
    city.receiver.wait_for(f"/{other}", 2)
    assert time.monotonic() - begun < 10
    assert city.copies(first) == {hanging: "sending", other: "accepted"}
    assert len(city.receiver.at(f"/{hanging}")) == 1


@pytest.mark.postgres
def test_superseded_copy_is_never_sent_after_the_newer_one(city: City) -> None:
    (name,) = city.add_outlets()
    city.receiver.behave(Behaviour(status=429, retry_after="3", times=1), f"/{name}")
    post = city.publish("Primo")
    city.receiver.wait_for(f"/{name}", 1)
    wait_until(lambda: city.copies(post)[name] == "queued")
    city.correct(post, "Secondo")
    city.wait_for_copy(post, name, "accepted")
    time.sleep(3)
    assert [event.type for event in city.receiver.at(f"/{name}")] == [
        "post.published",
        "post.corrected",
    ]


@pytest.mark.postgres
def test_killed_worker_loses_no_copy_and_repeats_it_with_the_same_id(city: City) -> None:
    (name,) = city.add_outlets()
    city.receiver.behave(Behaviour(delay=2, times=1), f"/{name}")
    post = city.publish("Durante la chiamata")
    (first,) = city.receiver.wait_for(f"/{name}", 1)
    assert city.copies(post)[name] == "sending"
    os.kill(city.site.workers()[0], signal.SIGKILL)
    city.wait_for_copy(post, name, "accepted")
    events = city.receiver.at(f"/{name}")
    assert [event.id for event in events] == [first.id] * 2
    assert events[0].body == events[1].body


@pytest.mark.postgres
def test_alert_is_sent_before_other_copies(city: City) -> None:
    (name,) = city.add_outlets()
    city.receiver.behave(Behaviour(delay=2, times=1), f"/{name}")
    city.publish("Primo")
    city.receiver.wait_for(f"/{name}", 1)
    city.publish("Secondo")
    city.publish("Allerta", kind="alert")
    events = city.receiver.wait_for(f"/{name}", 3)
    assert [event.data["post"]["headline"] for event in events] == ["Primo", "Allerta", "Secondo"]


def test_secret_is_nowhere_but_where_it_was_printed(city: City, tmp_path: Path) -> None:
    (name,) = city.add_outlets()
    secret = city.secrets[name]
    post = city.publish("Avviso")
    city.wait_for_copy(post, name, "accepted")
    backup = tmp_path / "backup.tar"
    city.site.run("backup", str(backup))
    seen = [
        city.site.log().encode(),
        city.site.run("outlet", "--channel", HANDLE).encode(),
        backup.read_bytes(),
    ]
    assert [secret.removeprefix("whsec_").encode() in text for text in seen] == [False] * 3


def test_off_outlet_gets_nothing(city: City) -> None:
    off, other = city.add_outlets(2)
    city.site.run("outlet", "--channel", HANDLE, "--off", off)
    assert city.states()[off][1] == "off"
    post = city.publish("Avviso")
    city.wait_for_copy(post, other, "accepted")
    assert city.receiver.at(f"/{off}") == []


REFUSED: list[tuple[list[str], str]] = [
    (["--add", "telefax"], "there is no transport telefax to add; there is: webhook"),
    (["--add", "webhook"], "the option url is missing"),
    (["--add", "webhook", "--set", "url"], "--set needs KEY=VALUE, not 'url'"),
    (["--add", "webhook", "--set", "chat=1"], "there is no option chat; there is: url"),
    (["--add", "webhook", "--set", "url=http://10.0.0.1/x"], "the url cannot be called"),
    (
        ["--add", "webhook", "--set", "url=https://x.example/", "--secret", "a=/dev/null"],
        "there is no secret a; it takes none",
    ),
    (
        ["--add", "webhook", "--name", "webpush", "--set", "url=https://x.example/"],
        "webpush is the name of an outlet that every channel has",
    ),
    (["--off", "webpush"], "webpush is a part of every channel: it cannot be changed"),
    (["--remove", "pages"], "pages is a part of every channel: it cannot be changed"),
    (["--test", "nessuno"], "there is no outlet nessuno"),
    (["--name", "x"], "--name, --set and --secret belong to --add"),
]


def test_command_explains_what_it_refuses(running: City) -> None:
    calls = [["outlet", "--channel", HANDLE, *arguments] for arguments, _ in REFUSED]
    for (_, message), ended in zip(REFUSED, run_each(running.site, calls), strict=True):
        assert (ended.status, ended.stdout) == (1, "")
        assert message in ended.stderr
        assert len(ended.stderr.splitlines()) == 1


def test_trial_that_is_not_accepted_fails(city: City) -> None:
    (name,) = city.add_outlets()
    city.receiver.behave(Behaviour(status=503, times=1), f"/{name}")
    ended = run(city.site, "outlet", "--channel", HANDLE, "--test", name)
    assert ended.returncode == 1
    assert "503" in ended.stderr
