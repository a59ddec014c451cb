# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""One long story of a channel, and everything that readers, staff and programs get to see of it.

Shows that a change of structure changes nothing for them. In each of two trees::

    python -m tests.scenario record before.json

then ``python -m tests.scenario compare before.json after.json`` prints each difference, and exits
with 1 if there is one. On PostgreSQL: ``bin/with-postgresql .venv/bin/python -m tests.scenario …``.
"""

from __future__ import annotations

import argparse
import base64
import difflib
import json
import os
import re
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from tests.newsroom import Newsroom
from tests.pictures import RGB, jpeg, png
from tests.reader import Reader
from tests.site import HANDLE, Site, new_site
from tests.standins.push_service import PushService
from tests.waiting import wait_until

Views = dict[str, str]
"""{address: status and body}, without the parts that differ from run to run."""

PIXELS = base64.b64encode(jpeg()).decode()
OTHER_PIXELS = base64.b64encode(png(8, RGB)).decode()
# Random or of this run's clock, in the order in which they are replaced.
VARYING: tuple[tuple[str, str], ...] = (
    (r"http://localhost:\d+", "http://site"),
    (r'(name="csrfmiddlewaretoken" value=")\w+', r"\1TOKEN"),
    (r'(name="seen" value=")\w+', r"\1SEEN"),
    (r'nonce="[^"]+"', 'nonce="NONCE"'),
    (r"/image/[\w-]+-(small|large|share)\b", r"/image/KEY-\1"),
    (r"(/static/[\w/-]+(?:\.[\w-]+)*?)\.[0-9a-f]{12}\.", r"\1.HASH."),
    (r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?", "MOMENT"),
    (r"\b20\d{6}T\d{6}Z?", "MOMENT"),
    (r"\b\w{3}, \d\d \w{3} 20\d\d \d\d:\d\d:\d\d [+-]\d{4}", "MOMENT"),
    (r"\b1[78]\d{11}\b", "MILLISECONDS"),
    (r"\bB[\w-]{86}\b", "PUSH-KEY"),
    (r"\b[0-9a-f]{40,}\b", "DIGEST"),
    (r"\?v=\w+", "?v=VERSION"),
    (r"\b\d{1,2}:\d\d\b", "HH:MM"),
    (r"\n\s+", "\n"),
)


class Story:
    """A running site with a phone that follows it, and what was seen after each step."""

    def __init__(self, site: Site, push: PushService) -> None:
        self.site, self.push = site, push
        self.api = httpx.Client(base_url=f"{site.api}/", timeout=30)
        self.bearer = {"Authorization": f"Bearer {site.token()}"}
        self.newsroom = Newsroom(site)
        self.steps: dict[str, Views] = {}
        self.posts: list[int] = []
        self._answer = ""
        self._messages = 0
        self._events = 0

    def follow(self, *topics: str) -> None:
        key = self.api.get(f"channels/{HANDLE}").json()["vapid_public_key"]
        [subscription] = self.push.subscribe(1, vapid_key=key)
        body = {"push": subscription, "topics": list(topics), "language": "it"}
        with httpx.Client(headers={"Origin": self.site.url}) as phone:
            answer = phone.post(f"{self.site.api}/channels/{HANDLE}/followers", json=body)
        assert answer.status_code == 201, answer.text
        self._await_messages(1)

    def publish(self, **wording: Any) -> int:
        answer = self.api.post(f"channels/{HANDLE}/posts", json=wording, headers=self.bearer)
        return self._known(answer)

    def correct(self, post: int, **wording: Any) -> None:
        answer = self.api.patch(f"posts/{post}", json=wording, headers=self.bearer)
        self._known(answer)

    def withdraw(self, post: int, reason: str) -> None:
        call = {"json": {"reason": reason}, "headers": self.bearer}
        self._known(self.api.request("DELETE", f"posts/{post}", **call))  # type: ignore[arg-type]

    def _known(self, answer: httpx.Response) -> int:
        assert answer.status_code in (200, 201), answer.text
        self._answer = _view(answer)
        number = int(answer.json()["id"])
        if number not in self.posts:
            self.posts.append(number)
        return number

    def _await_messages(self, count: int) -> list[str]:
        """Payloads of the next messages; the welcome of a phone is one too."""
        end = self._messages + count
        wait_until(lambda: len(self.push.received) >= end)
        new = self.push.received[self._messages :]
        self._messages = len(self.push.received)
        wait_until(self._all_recorded)
        return sorted(_steady(json.dumps(m.payload, sort_keys=True, indent=1)) for m in new)

    def _all_recorded(self) -> bool:
        """Also what was accepted is counted: no page asks for its progress any more."""
        pages = (f"{self.newsroom.home}posts/{post}/" for post in self.posts)
        return all("data-hx-trigger" not in self.newsroom.browser.get(page).text for page in pages)

    def step(self, name: str, messages: int = 0) -> None:
        """Look at everything; ``messages`` notifications are expected since the last step."""
        views: Views = {"answer": self._answer}
        for number, payload in enumerate(self._await_messages(messages)):
            views[f"notification {number}"] = payload
        views["events"] = self._events_since()
        for path in self._public_paths():
            for language in ("it", "en"):
                answer = httpx.get(
                    self.site.url + path, headers={"Accept-Language": language}, timeout=30
                )
                views[f"{path} {language}"] = _view(answer)
        for path in ("", "posts", "posts?before=3"):
            views[f"api {path}"] = _view(self.api.get(f"channels/{HANDLE}/{path}".rstrip("/")))
        for path in self._newsroom_paths():
            views[f"newsroom {path}"] = _view(self.newsroom.browser.get(path))
        self.steps[name] = views
        print(f"scenario: {name}", file=sys.stderr, flush=True)

    def _events_since(self) -> str:
        with Reader(f"{self.site.url}/live/{HANDLE}", last_event_id=self._events) as reader:
            time.sleep(0.5)
            told = list(reader.told)
        self._events = max([self._events, *(event.id for event in told)])
        return _steady("\n".join(f"{e.id} {e.kind} {json.dumps(e.data)}" for e in told))

    def _public_paths(self) -> list[str]:
        channel = f"/c/{HANDLE}/"
        pages = [channel, f"{channel}older"]
        pages += [f"{channel}feed.{form}" for form in ("atom", "rss", "json")]
        for number in self.posts:
            post = f"{channel}p/{number}"
            pages += [post, f"{post}/card", f"{post}.ics"]
        return pages

    def _newsroom_paths(self) -> list[str]:
        home = self.newsroom.home
        paths = [home, f"{home}log/", f"{home}posts/new/"]
        for number in self.posts:
            post = f"{home}posts/{number}/"
            paths += [
                post,
                f"{post}edit/",
                f"{post}publish/",
                f"{post}correct/",
                f"{post}withdraw/",
            ]
        return paths


def _view(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.headers.get('content-type', '')}\n{_steady(answer.text)}"


def _steady(text: str) -> str:
    for pattern, instead in VARYING:
        text = re.sub(pattern, instead, text)
    return text


def tell(story: Story) -> None:
    """Each kind, drafts, corrections, withdrawals, albums, all-clears, topics, expiry."""
    story.site.inside("topics", ["Scuola", "Viabilità"])
    story.follow()
    story.follow("scuola")
    _each_kind(story)
    _albums(story)
    _alert_and_all_clear(story)
    _newsroom(story)
    story.withdraw(story.posts[0], "Era un errore.")
    story.step("a withdrawal", 1)
    story.site.inside("age", 31)
    wait_until(lambda: story.api.get(f"channels/{HANDLE}/posts").json()["posts"] == [])
    time.sleep(11)  # The scheduler's round in which posts expire.
    story.step("all have expired")


def _each_kind(story: Story) -> None:
    story.publish(headline="Mercato sabato", text="In *piazza*, dalle 8:\n- frutta\n- fiori")
    story.step("news", 2)
    story.publish(
        kind="event", headline="Concerto", text="Gratuito.", place="Teatro Ponchielli",
        starts_at="2027-05-01T21:00", ends_at="2027-05-01T23:30",
    )  # fmt: skip
    story.step("an event", 2)
    story.publish(
        kind="deadline", headline="Iscrizioni al nido", starts_at="2027-06-30", topics=["scuola"]
    )
    story.step("a deadline of a topic", 2)
    service = story.publish(
        kind="service", headline="Acqua sospesa", text="Via Dante.", ends_at="2027-03-02T18:00",
        topics=["viabilita"],
    )  # fmt: skip
    story.step("a disruption of another topic", 1)
    story.correct(service, headline="Acqua sospesa fino a sera", note="Dura di più.")
    story.step("a correction of the words", 1)
    story.correct(service, topics=["scuola"], place="Via Dante e via Po", note="Altra zona.")
    story.step("a correction of topic and place", 2)


def _albums(story: Story) -> None:
    images = [{"data": PIXELS, "alt": "Il ponte"}, {"data": OTHER_PIXELS, "alt": "La riva"}]
    album = story.publish(headline="Il nuovo ponte", images=images)
    story.step("an album", 2)
    story.correct(album, images=[{"data": OTHER_PIXELS, "alt": "Il parco"}], note="Altra foto.")
    story.step("a correction of the pictures", 2)


def _alert_and_all_clear(story: Story) -> None:
    alert = story.publish(kind="alert", headline="Il Po sale", text="*Lontani* dalla riva.")
    story.step("an alert", 2)
    story.publish(kind="alert", headline="Allerta finita", all_clear_of=alert)
    story.step("an all-clear", 2)


def _newsroom(story: Story) -> None:
    draft = story.publish(headline="Bozza", text="Da rivedere", draft=True, topics=["scuola"])
    story.step("a draft")
    fields = {"kind": "news", "headline": "Bozza riletta", "text": "Pronta"}
    edited = story.newsroom.send(f"{story.newsroom.home}posts/{draft}/edit/", save="1", **fields)
    story._answer = _view(edited)
    story.step("a draft rewritten")
    story._answer = str(story.newsroom.publish(draft).status_code)
    story.step("a draft published", 2)


def record(path: Path) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        push = stack.enter_context(PushService())
        site = stack.enter_context(new_site(folder, CANALE_PUSH_ORIGINS=push.origin))
        story = Story(site, push)
        tell(story)
    path.write_text(json.dumps(story.steps, indent=1, ensure_ascii=False))


def compare(before: Path, after: Path) -> int:
    """How many views differ; each is printed as a diff."""
    old, new = (json.loads(path.read_text()) for path in (before, after))
    views = dict.fromkeys(
        (step, view) for steps in (old, new) for step, seen in steps.items() for view in seen
    )
    differing = 0
    for step, view in views:
        one, other = (_steady(seen.get(step, {}).get(view, "")) for seen in (old, new))
        if one != other:
            differing += 1
            print(f"\n== {step}: {view}")
            lines = difflib.unified_diff(one.splitlines(), other.splitlines(), lineterm="", n=1)
            print(*lines, sep="\n")
    print(f"{differing} of {len(views)} views differ")
    return differing


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.scenario", description=__doc__)
    parser.add_argument("act", choices=("record", "compare"))
    parser.add_argument("files", nargs="+", type=Path)
    asked = parser.parse_args()
    if database := os.environ.get("TEST_DATABASE_URL"):
        os.environ["CANALE_DATABASE_URL"] = database
    if asked.act == "record":
        record(asked.files[0])
        return 0
    return min(compare(*asked.files), 1)


if __name__ == "__main__":
    sys.exit(main())
