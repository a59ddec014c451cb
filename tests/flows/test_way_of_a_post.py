# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A post goes from the editor to every open page and every phone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.reader import Reader
from tests.site import HANDLE, Site, new_site
from tests.standins.push_service import Behaviour, PushService, Received, Subscription
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def push() -> Iterator[PushService]:
    with PushService() as service:
        yield service


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, push: PushService) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("city")
    with new_site(folder, CANALE_PUSH_ORIGINS=push.origin) as site:
        yield site


@pytest.fixture(scope="module")
def token(city: Site) -> str:
    return city.token()


class Phone:
    """A citizen's device: a cookie and a push subscription."""

    def __init__(self, site: Site, push: PushService) -> None:
        self.site, self.push = site, push
        key = httpx.get(f"{site.api}/channels/{HANDLE}").json()["vapid_public_key"]
        self.subscription: Subscription = push.subscribe(1, vapid_key=key)[0]
        self.browser = httpx.Client(base_url=f"{site.api}/", headers={"Origin": site.url})

    def follow(self, topics: tuple[str, ...] = ()) -> None:
        body = {"push": self.subscription, "topics": list(topics), "language": "it"}
        answer = self.browser.post(f"channels/{HANDLE}/followers", json=body)
        assert answer.status_code == 201, answer.text
        wait_until(lambda: self.shown("Ciao!"))

    def shown(self, title: str) -> list[Received]:
        """The notifications with these words in their title."""
        endpoint = self.subscription["endpoint"]
        return [
            message
            for message in list(self.push.received)
            if message.endpoint == endpoint and title in message.payload["notification"]["title"]
        ]


@pytest.fixture
def phone(city: Site, push: PushService) -> Iterator[Phone]:
    phone = Phone(city, push)
    phone.follow()
    yield phone
    phone.browser.delete("me")
    assert not push.refused


@pytest.mark.quick
@pytest.mark.postgres
def test_api_post_reaches_page_stream_and_phone(city: Site, token: str, phone: Phone) -> None:
    page = httpx.get(city.channel)
    assert "Ponte chiuso" not in page.text
    with Reader(f"{city.url}/live/{HANDLE}") as reader:
        post = city.post(token, headline="Ponte chiuso", text="Fino alle *18*.")
        told = reader.wait_for("post", int(str(post["id"])))
        assert told.data["headline"] == "Ponte chiuso"
        assert told.data["url"] == post["url"]
        # A reader that requests the page on notification gets the post.
        assert "Ponte chiuso" in httpx.get(city.channel).text
    message = wait_until(lambda: phone.shown("Ponte chiuso"))[0]
    notification = message.payload["notification"]
    assert notification["navigate"] == post["url"]
    assert notification["body"] == "Fino alle 18."
    assert httpx.get(str(post["url"])).status_code == 200


def test_command_line_post_reaches_stream_and_phone(city: Site, phone: Phone) -> None:
    with Reader(f"{city.url}/live/{HANDLE}") as reader:
        url = city.run(
            "publish", "--channel", HANDLE, "--kind", "alert",
            "--headline", "Il Po sale", "--text", "State lontani dalla riva.",
        )  # fmt: skip
        assert url.startswith(f"{city.channel}p/")
        told = reader.wait_for("post", int(url.rsplit("/", 1)[1]))
        assert told.data["headline"] == "Il Po sale"
    message = wait_until(lambda: phone.shown("Il Po sale"))[0]
    assert message.headers["urgency"] == "high"


@pytest.mark.quick
@pytest.mark.postgres
def test_a_correction_and_a_withdrawal_reach_page_stream_and_phone(
    city: Site, token: str, phone: Phone
) -> None:
    post = city.post(token, headline="Mercato sabato", text="In piazza.")
    number = int(str(post["id"]))
    phone.browser.put(f"posts/{number}/reaction", json={"emoji": "👍"})
    wait_until(lambda: phone.shown("Mercato sabato"))
    bearer = {"Authorization": f"Bearer {token}"}
    with Reader(f"{city.url}/live/{HANDLE}") as reader:
        answer = httpx.patch(
            f"{city.api}/posts/{number}",
            json={"headline": "Mercato domenica", "note": "Il giorno era sbagliato."},
            headers=bearer,
        )
        assert answer.status_code == 200, answer.text
        reader.wait_for("correction", number)
        page = httpx.get(str(post["url"])).text
        assert "Mercato domenica" in page
        assert "Il giorno era sbagliato." in page
        corrected = wait_until(lambda: phone.shown("Corretto: Mercato domenica"))[0]
        first = phone.shown("Mercato sabato")[0]
        # The same tag and topic: the phone replaces what it showed.
        assert corrected.payload["notification"]["tag"] == first.payload["notification"]["tag"]

        answer = httpx.request(
            "DELETE",
            f"{city.api}/posts/{number}",
            json={"reason": "Il mercato non si fa."},
            headers=bearer,
        )
        assert answer.status_code == 200, answer.text
        reader.wait_for("withdrawal", number)
    assert httpx.get(str(post["url"])).status_code == 410
    assert "Mercato domenica" not in httpx.get(city.channel).text
    # Nor does the stream tell it to who comes later.
    with Reader(f"{city.url}/live/{HANDLE}", last_event_id=0) as late:
        withdrawn = late.wait_for("withdrawal", number)
        assert [told for told in late.told if told.data["post"] == number] == [withdrawn]
        assert "Mercato" not in str(late.told)
    wait_until(lambda: phone.shown("Ritirato: Mercato domenica"))
    assert phone.browser.get("me").json()["reactions"] == {}
    assert city.inside("kept_counts", number) == {"👍": 1}


@pytest.mark.postgres
def test_page_catches_up_after_reconnecting(city: Site, token: str) -> None:
    first = int(str(city.post(token, headline="Uno")["id"]))
    with Reader(f"{city.url}/live/{HANDLE}", last_event_id=0) as reader:
        last = reader.wait_for("post", first).id
    missed = [int(str(city.post(token, headline=f"Perso {n}")["id"])) for n in range(3)]
    city.stop()
    city.start()
    with Reader(f"{city.url}/live/{HANDLE}", last_event_id=last) as reader:
        reader.wait_for("post", missed[-1])
        after = int(str(city.post(token, headline="Dopo")["id"]))
        reader.wait_for("post", after)
        assert [told.data["post"] for told in reader.told] == [*missed, after]


@pytest.mark.postgres
def test_counts_match_the_push_service(
    city: Site, token: str, push: PushService, phone: Phone
) -> None:
    gone, later = Phone(city, push), Phone(city, push)
    for other in (gone, later):
        other.follow()
    push.behave(Behaviour(status=410), gone.subscription["endpoint"])
    busy = Behaviour(status=503, retry_after="1", times=1)
    push.behave(busy, later.subscription["endpoint"])
    number = int(str(city.post(token, headline="Conta")["id"]))
    wait_until(lambda: later.shown("Conta"))

    def counted() -> dict[str, object] | None:
        row: dict[str, object] = city.inside("counts", number)[0]
        return row if row["finished"] else None

    row = wait_until(counted)
    counts = ("planned", "accepted", "gone", "rejected", "skipped", "expired", "retrying")
    assert [row[name] for name in counts] == [3, 2, 1, 0, 0, 0, 0]
    # A follower whose only address is gone no longer follows.
    assert gone.browser.get("me").json()["following"] == []
    assert len(later.browser.get("me").json()["following"]) == 1
    later.browser.delete("me")


@pytest.mark.postgres
def test_muted_phones_get_alerts_only(city: Site, token: str, push: PushService) -> None:
    muted, loud = Phone(city, push), Phone(city, push)
    for phone in (muted, loud):
        phone.follow()
    answer = muted.browser.patch("me", json={"channel": HANDLE, "muted": True})
    assert answer.status_code == 200, answer.text
    city.post(token, headline="Notizia muta")
    wait_until(lambda: loud.shown("Notizia muta"))
    city.post(token, kind="alert", headline="Sirena")
    wait_until(lambda: muted.shown("Sirena"))
    assert not muted.shown("Notizia muta")
    for phone in (muted, loud):
        phone.browser.delete("me")


@pytest.mark.quick
@pytest.mark.postgres
def test_reactions_are_counted_live_once_per_reader(city: Site, token: str) -> None:
    post = city.post(token, headline="Festa")
    number = int(str(post["id"]))
    readers = [httpx.Client(headers={"Origin": city.url}) for _ in range(3)]
    address = f"{city.api}/posts/{number}/reaction"
    with Reader(f"{city.url}/live/{HANDLE}") as stream:
        for reader in readers:
            reader.put(address, json={"emoji": "👍"})
        answer = readers[0].put(address, json={"emoji": "👏"})
        assert answer.json() == {"counts": {"👍": 2, "👏": 1}, "mine": "👏"}
        wait_until(
            lambda: stream.wait_for("reactions", number).data["counts"] == {"👍": 2, "👏": 1}
        )
        assert readers[1].delete(address).json() == {"counts": {"👍": 1, "👏": 1}, "mine": None}
        wait_until(
            lambda: stream.wait_for("reactions", number).data["counts"] == {"👍": 1, "👏": 1}
        )
    assert readers[2].get(f"{city.api}/me").json()["reactions"] == {str(number): "👍"}


def test_stream_updates_the_counts_of_a_stored_page(city: Site, token: str) -> None:
    number = int(str(city.post(token, headline="Con reazioni")["id"]))
    with Reader(f"{city.url}/live/{HANDLE}") as stream:
        wait_until(lambda: "Con reazioni" in httpx.get(city.channel).text)
        page = httpx.get(city.channel)
        httpx.put(f"{city.api}/posts/{number}/reaction", json={"emoji": "👍"})
        stream.wait_for("reactions", number)
    again = httpx.get(city.channel)
    assert again.headers["etag"] == page.headers["etag"]
    live_id = re.search(r'data-live-id="(\d+)"', again.text)
    assert live_id
    with Reader(f"{city.url}/live/{HANDLE}", last_event_id=int(live_id[1])) as stream:
        assert stream.wait_for("reactions", number).data["counts"] == {"👍": 1}


@pytest.mark.quick
@pytest.mark.postgres
def test_forget_me_deletes_all_data(city: Site, token: str, push: PushService) -> None:
    personal = ("followers_follower", "followers_address", "followers_follower_topics")
    personal += ("reactions_reaction", "delivery_pendingmessage")

    def kept() -> dict[str, int]:
        rows: dict[str, int] = city.inside("rows")
        return {table: rows[table] for table in personal}

    number = city.post(token, headline="Da dimenticare")["id"]
    before = kept()
    phone = Phone(city, push)
    phone.follow()
    phone.browser.put(f"posts/{number}/reaction", json={"emoji": "🙏"})
    after = kept()
    assert after["followers_follower"] == before["followers_follower"] + 1
    assert after["reactions_reaction"] == before["reactions_reaction"] + 1
    assert phone.browser.delete("me").status_code in (200, 204)
    assert kept() == before
    assert phone.browser.get("me").json() == {"following": [], "reactions": {}}


@pytest.mark.postgres
def test_a_post_is_gone_after_its_thirty_days(city: Site, token: str) -> None:
    post = city.post(token, headline="Vecchio avviso")
    assert httpx.get(str(post["url"])).status_code == 200
    address = f"{city.api}/posts/{post['id']}/reaction"
    httpx.put(address, json={"emoji": "👍"}, headers={"Origin": city.url})
    city.inside("age", 30)
    # A page in memory expires by the clock, which the test cannot change: restart instead.
    city.stop()
    city.start()
    assert httpx.get(str(post["url"])).status_code == 410
    assert "Vecchio avviso" not in httpx.get(city.channel).text
    posts = httpx.get(f"{city.api}/channels/{HANDLE}/posts").json()
    assert "Vecchio avviso" not in str(posts)
    # Reactions are deleted; their totals stay for the newsroom.
    wait_until(lambda: city.inside("rows")["reactions_reaction"] == 0)
    assert city.inside("kept_counts", post["id"]) == {"👍": 1}
