# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pages of older posts are kept in memory, and no two addresses share a page that is not theirs."""

from __future__ import annotations

import asyncio

import pytest

from canale.public.page_store import PageStore
from tests.units.test_page_store import TEXT, Renderer, ask

OLDER = "/c/cremona/older"


@pytest.mark.parametrize("more", ["", "&utm_source=x", "&v=3", "&lang=x"])
def test_a_page_of_older_posts_is_rendered_once(more: str) -> None:
    async def flow() -> None:
        app = Renderer()
        store = PageStore(app)
        for _ in range(2):
            await ask(store, OLDER, query="before=12")
        assert (await ask(store, OLDER, query=f"before=12{more}"))[2].decode() == TEXT
        assert [scope["query_string"] for scope in app.seen] == [b"before=12"]
        await ask(store, OLDER, query="before=13")
        await ask(store, OLDER)
        assert [scope["query_string"] for scope in app.seen[1:]] == [b"before=13", b""]

    asyncio.run(flow())


@pytest.mark.parametrize(
    "query", ["before=012", "before=-1", "before=x", "before=" + "9" * 30, "before=%31", "Before=1"]
)
def test_invalid_cursor_is_ignored(query: str) -> None:
    """It never reaches the view, and takes no room of its own."""

    async def flow() -> None:
        app = Renderer()
        store = PageStore(app)
        await ask(store, OLDER)
        await ask(store, OLDER, query=query)
        assert [scope["query_string"] for scope in app.seen] == [b""]

    asyncio.run(flow())


def test_cursor_is_ignored_on_other_pages() -> None:
    async def flow() -> None:
        app = Renderer()
        store = PageStore(app)
        await ask(store)
        await ask(store, query="before=12")
        assert len(app.seen) == 1

    asyncio.run(flow())
