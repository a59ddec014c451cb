# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Prepares the environment that the settings read, before anything of canale is imported."""

from __future__ import annotations

import gc
import importlib
import inspect
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path

import httpx
import pytest
from pytest_django.fixtures import Settings

DATA = tempfile.mkdtemp(prefix="canale-test-")
# Shared by the processes of one run: the first one names it, and removes it.
SHARED = None if "TEST_FOLDER" in os.environ else tempfile.mkdtemp(prefix="canale-made-")
if SHARED is not None:
    os.environ["TEST_FOLDER"] = SHARED


def _prepare() -> None:
    """A folder of its own, and the database that bin/test names, if any."""
    for name in [name for name in os.environ if name.startswith("CANALE_")]:
        del os.environ[name]
    database = os.environ.get("TEST_DATABASE_URL")
    if database:
        os.environ["CANALE_DATABASE_URL"] = database
    os.environ["CANALE_DATA"] = DATA
    # pytest's own database has no file, and commands that are called here look for one.
    (Path(DATA) / "canale.sqlite3").touch()
    os.environ["CANALE_RATE_LIMITS"] = "off"
    os.environ["DJANGO_SETTINGS_MODULE"] = "canale.core.django_settings"
    # Playwright's synchronous interface runs an event loop in the thread that asks the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


_prepare()

import django  # noqa: E402

import canale  # noqa: E402, F401

django.setup()

from django.conf import settings as django_settings  # noqa: E402

from canale.channel import channels  # noqa: E402
from tests.databases import skip_without_postgresql  # noqa: E402
from tests.site import Site, new_site  # noqa: E402
from tests.standins.live_site import Run  # noqa: E402
from tests.waiting import TIMEOUT_SECONDS  # noqa: E402

pytest_plugins = ["tests.faults.table"]


def _raise_default_timeout() -> None:
    """Raise httpx's default timeout of five seconds, which is short for a busy machine."""
    timeout = inspect.signature(httpx.get).parameters["timeout"].default
    timeout.connect = timeout.read = timeout.write = timeout.pool = TIMEOUT_SECONDS


_raise_default_timeout()


def _load_authorities_once() -> None:
    """Let all clients of httpx share one TLS context: each would load the certificates of all
    authorities, which takes ten times as long as the request of a test."""
    vars(importlib.import_module("httpx._transports.default"))["create_ssl_context"] = cache(
        httpx.create_ssl_context
    )


_load_authorities_once()


# Each hash takes a fifth of a second of processor time.
REAL_HASHERS = django_settings.PASSWORD_HASHERS
django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Nearly each test makes the same channel.
vars(channels)["draw_avatar"] = cache(channels.draw_avatar)

QUICK_FOLDERS = ("units", "structure")
# Their files take longest: one that began last would leave the other cores idle.
FIRST_FOLDERS = ("browser", "faults", "deploy", "flows")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None]:
    if not os.environ.get("SOAK"):
        _leave_out_the_long_form(config, items)
    skip_without_postgresql(items)
    for item in items:
        if item.path.parent.name in QUICK_FOLDERS:
            item.add_marker("quick")
    yield
    # pytest-django has put the tests that need its database first, which are the short ones.
    order = {name: place for place, name in enumerate(FIRST_FOLDERS)}
    items.sort(key=lambda item: order.get(item.path.parent.name, len(order)))


def _leave_out_the_long_form(config: pytest.Config, items: list[pytest.Item]) -> None:
    left = [item for item in items if item.get_closest_marker("long")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


def pytest_collection_finish() -> None:
    """Leave all modules and tests out of each later search for garbage."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    shutil.rmtree(DATA, ignore_errors=True)
    if SHARED is not None:
        shutil.rmtree(SHARED, ignore_errors=True)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A running canale with its own folder and database, and one channel, `cremona`."""
    with new_site(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def module_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A `site` that the tests of one file share: they must tolerate each other's posts. Nothing
    is sent: there are no workers."""
    with new_site(tmp_path_factory.mktemp("site"), CANALE_WORKERS="0") as running:
        yield running


@pytest.fixture
def run() -> Run:
    """Runs a flow on the event loop that serves (uvloop)."""
    import uvloop

    return lambda flow: uvloop.run(flow())


@pytest.fixture(autouse=True)
def no_cards_in_memory() -> None:
    """A database that is rolled back gives the same numbers to the next test's revisions."""
    from canale.public.rendered_cards import rendered_cards

    rendered_cards.clear()


@pytest.fixture(autouse=True)
def no_outage_in_memory() -> None:
    """The next test's first query would end that of another one, and log it."""
    from canale.runtime.database_away import outage

    outage._now = None


@pytest.fixture
def real_hasher(settings: Settings) -> None:
    """For tests of hashing itself."""
    settings.PASSWORD_HASHERS = REAL_HASHERS
