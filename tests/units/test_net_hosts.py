# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which hosts are answered."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from canale.net.hosts import Hosts

SECURE = "https://canale.example.it"


def status(base_url: str, *hosts: str, url: bytes = b"/c/x/", version: str = "1.1") -> int:
    headers = [(b"accept", b"*/*"), *((b"host", host.encode("latin-1")) for host in hosts)]
    refusal = Hosts(base_url).refusal(url, headers, version)
    return HTTPStatus.OK if refusal is None else refusal.status


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        (SECURE, "canale.example.it"),
        (SECURE, "Canale.Example.IT"),
        (SECURE, "canale.example.it."),
        (SECURE, "canale.example.it:443"),
        (SECURE, "canale.example.it:"),
        (SECURE + ":8443", "canale.example.it:8443"),
        (SECURE + ":8443", "canale.example.it"),
        ("https://[2001:db8::20]", "[2001:DB8:0::20]"),
        ("https://10.0.0.5", "10.0.0.5"),
    ],
)
def test_site_answers_to_its_own_name(base_url: str, host: str) -> None:
    assert status(base_url, host) == HTTPStatus.OK


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "www.canale.example.it", "example.it", "canale.example.it.evil.example",
        "localhost", "127.0.0.1:8000", "[::1]", "canale.example.it:8443", "xcanale.example.it",
    ],
)  # fmt: skip
@pytest.mark.parametrize("url", [b"/", b"/live/x", b"/newsroom/", b"/api/v1/me", b"/static/x.css"])
def test_site_with_https_answers_to_no_other_name(host: str, url: bytes) -> None:
    assert status(SECURE, host, url=url) == HTTPStatus.MISDIRECTED_REQUEST


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "canale-pc"])
def test_site_without_tls_answers_to_any_host(host: str) -> None:
    assert status("http://localhost:8000", host) == HTTPStatus.OK


@pytest.mark.parametrize("base_url", [SECURE, "http://localhost:8000"])
@pytest.mark.parametrize(
    "host",
    ["", "a b", "a/b", "u@canale.example.it", "a_b", "[::1", "[::g]", "[1]", "a:b", "caf\xe9"],
)
def test_invalid_host_is_a_bad_request(base_url: str, host: str) -> None:
    assert status(base_url, host) == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("url", [b"/c/x/", b"/healthz", b"/live/x"])
def test_missing_or_repeated_host_header_is_refused(url: bytes) -> None:
    assert status(SECURE, url=url) == HTTPStatus.BAD_REQUEST
    twice = ("canale.example.it", "canale.example.it")
    assert status(SECURE, *twice, url=url) == HTTPStatus.BAD_REQUEST


def test_http_1_0_needs_no_host_if_any_host_is_accepted() -> None:
    assert status("http://localhost:8000", version="1.0") == HTTPStatus.OK
    assert status(SECURE, version="1.0") == HTTPStatus.MISDIRECTED_REQUEST


@pytest.mark.parametrize("url", [b"/healthz", b"/readyz?x", b"/metrics"])
def test_health_is_served_under_any_host(url: bytes) -> None:
    assert status(SECURE, "127.0.0.1:8000", url=url) == HTTPStatus.OK
    assert status(SECURE, url=url, version="1.0") == HTTPStatus.OK


def test_absolute_request_target_overrides_the_host_header() -> None:
    own = "canale.example.it"
    assert status(SECURE, own, url=b"https://evil.example/c/x/") == HTTPStatus.MISDIRECTED_REQUEST
    assert status(SECURE, "evil.example", url=b"HTTPS://Canale.example.it/c/x/") == HTTPStatus.OK
    assert status(SECURE, own, url=b"http://canale.example.it@evil.example/") == 400
