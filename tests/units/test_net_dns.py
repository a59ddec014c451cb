# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A name is missing only when a resolver that works says so, and nobody waits for it."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from canale.net.dns import MAX_LOOKUPS, MAX_REMEMBERED, REMEMBERED_SECONDS, HostChecker

HERE, GONE = "here.example", "gone.example"


class Resolver:
    """The system's resolver: what it knows, and what it says of the rest."""

    def __init__(self, *known: str, otherwise: int = socket.EAI_NONAME) -> None:
        self.known = set(known)
        self.otherwise = otherwise
        self.asked: list[str] = []

    def __call__(self, host: str) -> None:
        self.asked.append(host)
        if host not in self.known:
            raise socket.gaierror(self.otherwise, "")


def test_nxdomain_of_a_working_resolver_means_missing() -> None:
    checker = HostChecker(HERE, look_up=Resolver(HERE))
    assert [checker.is_missing(GONE), checker.is_missing(HERE)] == [True, False]


def test_resolver_without_any_names_is_not_trusted() -> None:
    assert not HostChecker(HERE, look_up=Resolver()).is_missing(GONE)


@pytest.mark.parametrize("ill", [socket.EAI_AGAIN, socket.EAI_FAIL])
def test_failing_resolver_leaves_a_name_undecided(ill: int) -> None:
    assert not HostChecker(HERE, look_up=Resolver(HERE, otherwise=ill)).is_missing(GONE)


@pytest.mark.parametrize("silent", [GONE, HERE])
def test_unresponsive_resolver_times_out_soon(silent: str) -> None:
    answers = threading.Event()
    known = Resolver(HERE)

    def look_up(host: str) -> None:
        if host == silent:
            answers.wait(30)
        known(host)

    begun = time.monotonic()
    assert not HostChecker(HERE, look_up=look_up, timeout=0.1).is_missing(GONE)
    assert time.monotonic() - begun < 10
    answers.set()


def test_answer_is_cached_for_a_while() -> None:
    now = 1000.0
    resolver = Resolver(HERE)
    checker = HostChecker(HERE, look_up=resolver, clock=lambda: now)
    for _ in range(3):
        assert checker.is_missing(GONE)
    assert resolver.asked == [GONE, HERE]
    now += REMEMBERED_SECONDS + 1
    resolver.known.add(GONE)
    assert not checker.is_missing(GONE)


def test_cache_of_names_is_bounded() -> None:
    checker = HostChecker(HERE, look_up=Resolver(HERE))
    for number in range(MAX_REMEMBERED + 50):
        assert checker.is_missing(f"x{number}.example")
    assert len(checker._known) == MAX_REMEMBERED


def test_lookup_does_not_wait_when_all_slots_are_taken() -> None:
    answers, waiting = threading.Event(), threading.Barrier(MAX_LOOKUPS + 1)

    def look_up(host: str) -> None:
        if not answers.is_set():
            waiting.wait(30)
            answers.wait(30)

    checker = HostChecker(HERE, look_up=look_up, timeout=30)
    strangers = [
        threading.Thread(target=checker.is_missing, args=[f"x{number}.example"])
        for number in range(MAX_LOOKUPS)
    ]
    for stranger in strangers:
        stranger.start()
    waiting.wait(30)
    # Would wait for 30 s, and nothing could end that.
    for number in range(50):
        assert not checker.is_missing(f"y{number}.example")
    answers.set()
    for stranger in strangers:
        stranger.join(30)
    assert not checker.is_missing(HERE)
    assert checker.was_found(HERE)
