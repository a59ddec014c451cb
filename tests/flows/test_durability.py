# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Acknowledged writes are on the disk: a sync of the log precedes each answer."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.databases import ON_POSTGRESQL
from tests.newsroom import Newsroom
from tests.site import ADMIN, HANDLE, PASSWORD, Site, new_site
from tests.standins.push_service import PushService
from tests.standins.syncs import Syncs, can_trace

pytestmark = [
    pytest.mark.skipif(not can_trace(), reason="strace is missing or may not trace"),
    pytest.mark.skipif(ON_POSTGRESQL, reason="PostgreSQL syncs in its own process"),
]
READERS = 60
EDITOR = "maria@comune.test"


class TracedSite:
    """A site without workers, so that few but the caller's own writes are counted."""

    def __init__(self, site: Site, push: PushService) -> None:
        self.site = site
        self.push = push
        self.syncs = Syncs(site)
        site.start()
        self.token = site.token()
        self.device = httpx.Client(base_url=site.api, timeout=30)
        self.newsroom = Newsroom(site)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """A program's or a device's call, which must be answered well."""
        answer = self.device.request(method, path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer

    def publish(self) -> int:
        number = self.site.post(self.token)["id"]
        assert isinstance(number, int)
        return number

    def follow(self) -> None:
        body = {"push": self.push.subscribe()[0], "topics": [], "language": "it"}
        self.call("POST", f"/channels/{HANDLE}/followers", body)

    def send(self, path: str, **fields: str) -> httpx.Response:
        answer = self.newsroom.send(path, **fields)
        assert answer.is_success, answer.text
        return answer


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracedSite]:
    folder = tmp_path_factory.mktemp("site")
    with PushService() as push, new_site(folder, start=False, CANALE_WORKERS="0") as site:
        site.environment["CANALE_PUSH_ORIGINS"] = push.origin
        yield TracedSite(site, push)


def log_syncs(paths: list[str]) -> int:
    return sum(path.endswith("canale.sqlite3-wal") for path in paths)


Act = Callable[[TracedSite], object]


def _publish_by_api(traced: TracedSite) -> Act:
    return TracedSite.publish


def _publish_in_the_newsroom(traced: TracedSite) -> Act:
    number = traced.newsroom.write()
    return lambda traced: traced.newsroom.publish(number)


def _save_a_draft(traced: TracedSite) -> Act:
    return lambda traced: traced.newsroom.write()


def _publish_by_command(traced: TracedSite) -> Act:
    words = ("--kind", "news", "--headline", "Prova", "--text", "Testo")
    return lambda traced: traced.site.run("publish", "--channel", HANDLE, *words)


def _correct(traced: TracedSite) -> Act:
    number = traced.publish()
    body = {"text": "Testo giusto", "note": "Corretto"}
    bearer = f"Bearer {traced.token}"
    return lambda traced: traced.call("PATCH", f"/posts/{number}", body, Authorization=bearer)


def _correct_in_the_newsroom(traced: TracedSite) -> Act:
    number = traced.publish()
    path = f"{traced.newsroom.home}posts/{number}/correct/"
    words = {"kind": "news", "headline": "Prova", "text": "Testo giusto", "note": "Corretto"}
    return lambda traced: traced.send(path, **words)


def _withdraw(traced: TracedSite) -> Act:
    number = traced.publish()
    return lambda traced: traced.site.withdraw(traced.token, number)


def _withdraw_in_the_newsroom(traced: TracedSite) -> Act:
    path = f"{traced.newsroom.home}posts/{traced.publish()}/withdraw/"
    return lambda traced: traced.send(path, reason="Era un errore")


def _react(traced: TracedSite) -> Act:
    path = f"/posts/{traced.publish()}/reaction"
    return lambda traced: traced.call("PUT", path, {"emoji": "👍"})


def _react_the_long_way(traced: TracedSite) -> Act:
    path = f"/posts/{traced.publish()}/reaction?long=1"
    return lambda traced: traced.call("PUT", path, {"emoji": "👍"})


def _take_a_reaction_back(traced: TracedSite) -> Act:
    path = f"/posts/{traced.publish()}/reaction"
    traced.call("PUT", path, {"emoji": "👍"})
    return lambda traced: traced.call("DELETE", path)


def _follow(traced: TracedSite) -> Act:
    return TracedSite.follow


def _mute(traced: TracedSite) -> Act:
    traced.follow()
    return lambda traced: traced.call("PATCH", "/me", {"channel": HANDLE, "muted": True})


def _choose_topics(traced: TracedSite) -> Act:
    traced.follow()
    traced.site.inside("topics", ["Viabilità"])
    body = {"channel": HANDLE, "topics": ["viabilita"]}
    return lambda traced: traced.call("PATCH", "/me", body)


def _unfollow(traced: TracedSite) -> Act:
    traced.follow()
    return lambda traced: traced.call("DELETE", f"/me?channel={HANDLE}")


def _be_forgotten(traced: TracedSite) -> Act:
    traced.follow()
    return lambda traced: traced.call("DELETE", "/me")


def _invite(traced: TracedSite) -> Act:
    return lambda traced: traced.call("POST", f"/channels/{HANDLE}/invites", {})


def _make_a_token(traced: TracedSite) -> Act:
    return lambda traced: traced.site.run("token", "--channel", HANDLE)


def _make_a_token_in_the_newsroom(traced: TracedSite) -> Act:
    return lambda traced: traced.send(f"{traced.newsroom.home}tokens/", name="sito")


def _add_staff(traced: TracedSite) -> Act:
    new = ("--add", EDITOR, "--role", "editor", "--password-file", "-")
    return lambda traced: traced.site.run("staff", "--channel", HANDLE, *new, stdin=f"{PASSWORD}\n")


def _set_a_password(traced: TracedSite) -> Act:
    return lambda traced: traced.site.run(
        "password", ADMIN, "--password-file", "-", stdin=f"{PASSWORD}\n"
    )


def _sign_in(traced: TracedSite) -> Act:
    return lambda traced: Newsroom(traced.site)


@pytest.mark.parametrize(
    "prepare",
    [
        _publish_by_api, _publish_in_the_newsroom, _save_a_draft, _publish_by_command, _correct,
        _correct_in_the_newsroom, _withdraw, _withdraw_in_the_newsroom, _react,
        _react_the_long_way, _take_a_reaction_back, _follow, _mute, _choose_topics, _unfollow,
        _be_forgotten, _invite, _make_a_token, _make_a_token_in_the_newsroom, _add_staff,
        _sign_in, _set_a_password,
    ],
)  # fmt: skip
def test_acknowledged_write_is_synced_before_its_answer(
    traced: TracedSite, prepare: Callable[[TracedSite], Act]
) -> None:
    act = prepare(traced)
    with traced.syncs.counted() as paths:
        act(traced)
    assert log_syncs(paths) >= 1, f"answered before the log was on the disk; synced: {paths}"


def test_reading_syncs_nothing(traced: TracedSite) -> None:
    """Otherwise the other counts would prove nothing."""
    traced.publish()
    traced.call("GET", "/me")
    with traced.syncs.counted() as paths:
        for path in ("/me", f"/channels/{HANDLE}", f"/channels/{HANDLE}/posts"):
            traced.call("GET", path)
    assert paths == []


def test_simultaneous_reactions_share_syncs(traced: TracedSite) -> None:
    path = f"/api/v1/posts/{traced.publish()}/reaction"
    with traced.syncs.counted() as paths:
        statuses = asyncio.run(_react_at_once(traced.site.port, path))
    assert statuses == [b"HTTP/1.1 200 OK"] * READERS
    assert 1 <= log_syncs(paths) <= READERS / 2


async def _react_at_once(port: int, path: str) -> list[bytes]:
    """All lines are open before the first request is written."""
    lines = [await asyncio.open_connection("localhost", port) for _ in range(READERS)]
    body = json.dumps({"emoji": "👍"}).encode()
    for _, writer in lines:
        head = (
            f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n"
            f"Cookie: canale_follower={secrets.token_urlsafe(16)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
    answers = await asyncio.gather(*(reader.read() for reader, _ in lines))
    for _, writer in lines:
        writer.close()
    return [answer.partition(b"\r\n")[0] for answer in answers]


def test_first_key_and_folder_are_synced_before_use(tmp_path: Path) -> None:
    with new_site(tmp_path, init=False, start=False) as site:
        data = tmp_path / "new" / "data"
        site.environment["CANALE_DATA"] = str(data)
        syncs = Syncs(site)
        with syncs.counted() as paths:
            site.run("migrate")
    key = next(i for i, path in enumerate(paths) if ".secret-key-" in path)
    database = next(i for i, path in enumerate(paths) if "canale.sqlite3" in path)
    assert str(data) in paths[key:database], "the key's name is not on the disk"
    assert {str(tmp_path), str(tmp_path / "new")} <= set(paths[:database])


def test_backup_and_its_name_are_synced(traced: TracedSite, tmp_path: Path) -> None:
    target = tmp_path / "copy.tar"
    with traced.syncs.counted() as paths:
        traced.site.run("backup", str(target))
    file = next(i for i, path in enumerate(paths) if path.endswith("/part"))
    assert str(tmp_path) in paths[file:]


def test_restored_database_and_keys_are_synced(tmp_path: Path) -> None:
    with new_site(tmp_path, start=False) as site:
        data = Path(site.environment["CANALE_DATA"])
        site.run("backup", "--with-key", str(tmp_path / "copy.tar"))
        site.environment["CANALE_DATA"] = str(tmp_path / "other")
        syncs = Syncs(site)
        site.run("migrate")
        with syncs.counted() as paths:
            site.run("restore", "--replace", str(tmp_path / "copy.tar"))
        copied = next(i for i, path in enumerate(paths) if "/.restore-" in path)
        other = str(tmp_path / "other")
        assert other in paths[copied:]
        # Both names of the key, one after the other, are there before the database is.
        assert paths[:copied].count(other) >= 2
        assert (tmp_path / "other" / "secret-key").read_text() == (data / "secret-key").read_text()


def test_new_key_is_synced_before_the_old_one_may_go(tmp_path: Path) -> None:
    with new_site(tmp_path, start=False) as site:
        syncs = Syncs(site)
        with syncs.counted() as paths:
            site.run("rotate-key")
        data = site.environment["CANALE_DATA"]
        key = next(i for i, path in enumerate(paths) if ".secret-key-" in path)
        assert data in paths[:key], "the old key's second name is not on the disk"
        assert data in paths[key:]
        with syncs.counted() as paths:
            assert re.search("previous key is deleted", site.run("rotate-key"))
        sealed = next(i for i, path in enumerate(paths) if path.endswith(".sqlite3-wal"))
        assert data in paths[sealed:]
