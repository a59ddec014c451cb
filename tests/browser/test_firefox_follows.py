# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The main job: a real Firefox follows through the page, and shows what newsroom, API and command
line publish; the open page shows it without a reload, and catches up after a loss of network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.firefox import PROGRAM, Firefox
from tests.newsroom import Newsroom
from tests.site import HANDLE, Site, new_site
from tests.standins.firefox_push import FirefoxPush
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        PROGRAM is None and not os.environ.get("CI"), reason="Firefox is not installed"
    ),
]


@pytest.fixture
def push() -> Iterator[FirefoxPush]:
    with FirefoxPush() as service:
        yield service


@pytest.fixture
def city(tmp_path: Path, push: FirefoxPush) -> Iterator[Site]:
    with new_site(tmp_path, CANALE_PUSH_ORIGINS=push.origin) as site:
        yield site


@pytest.fixture
def firefox(push: FirefoxPush) -> Iterator[Firefox]:
    with Firefox(push.prefs) as browser:
        yield browser


def shows(firefox: Firefox, headline: str) -> None:
    """The open page has the post, without a reload."""
    text = f"document.getElementById('posts').textContent.includes({headline!r})"
    firefox.wait_for(text)


def test_follower_is_notified_by_newsroom_api_and_command_line(
    city: Site, push: FirefoxPush, firefox: Firefox
) -> None:
    firefox.open(city.channel)
    firefox.evaluate("window.loadedOnce = true")
    firefox.wait_for("navigator.serviceWorker.ready.then(() => true)")
    firefox.click("#follow [data-action=subscribe]")
    firefox.wait_for("document.getElementById('follow').dataset.state === 'following'")
    firefox.wait_for_notification("Ciao! Le notifiche funzionano")

    newsroom = Newsroom(city)
    newsroom.publish(newsroom.write(headline="Dalla redazione", text="Scritto nella redazione."))
    token = city.token()
    api = city.post(token, headline="Dal programma", text="Scritto da un programma.")
    city.run("publish", "--channel", HANDLE, "--kind", "alert", "--headline", "Il Po sale")
    for headline in ("Dalla redazione", "Dal programma", "Allerta: Il Po sale"):
        firefox.wait_for_notification(headline)
    for headline in ("Dalla redazione", "Dal programma", "Il Po sale"):
        shows(firefox, headline)
    assert firefox.evaluate("window.loadedOnce") is True
    assert firefox.evaluate("document.querySelectorAll('#pinned [data-post]').length") == 1

    # A page that was offline catches up: nothing missing, nothing twice.
    firefox.set_offline(True)
    missed = [f"Mentre eri via {number}" for number in range(3)]
    for headline in missed:
        city.post(token, headline=headline)
    firefox.set_offline(False)
    for headline in missed:
        shows(firefox, headline)
    count = "Array.from(document.querySelectorAll('#posts article.post h3')).length"
    wait_until(lambda: firefox.evaluate(count) == 6)

    # Pressing the notification opens its post; its arrow leads to the channel.
    firefox.press_notification("Dal programma")
    firefox.switch_to(str(api["url"]))
    firefox.wait_for("document.readyState === 'complete'")
    assert firefox.text("article.post h3") == "Dal programma"
    firefox.click("a:has([href='#icon-back'])")
    firefox.wait_for(f"location.href === {city.channel!r}")
    shows(firefox, "Dal programma")

    # After unfollowing there are no more notifications.
    acks = len(push.acks)
    firefox.open(city.channel)
    firefox.wait_for("document.getElementById('follow').dataset.state === 'following'")
    firefox.evaluate("document.querySelector('[data-action=unfollow]').click()")
    firefox.wait_for("document.getElementById('follow').dataset.state === 'follow'")
    number = int(str(city.post(token, headline="Senza nessuno")["id"]))
    row = wait_until(lambda: city.inside("counts", number)[0])
    assert (row["planned"], len(push.acks)) == (0, acks)


def test_firefox_tabs_share_one_stream_and_hand_it_over(city: Site, firefox: Firefox) -> None:
    token = city.token()
    first = firefox.tab
    firefox.open(city.channel)
    firefox.wait_for("document.documentElement.dataset.live === 'open'")
    firefox.tab = firefox.command("browsingContext.create", type="tab")["context"]
    firefox.open(city.channel)
    firefox.wait_for("document.documentElement.dataset.live === 'open'")
    locks = "navigator.locks.query().then((all) => [all.held.length, all.pending.length])"
    assert firefox.evaluate(locks) == [1, 1]
    city.post(token, headline="In due schede")
    shows(firefox, "In due schede")
    firefox.command("browsingContext.close", context=first)
    city.post(token, headline="In quella che resta")
    shows(firefox, "In quella che resta")
    assert firefox.evaluate(locks) == [1, 0]
