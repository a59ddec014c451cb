# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The headers that every response has, whichever part made it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.site import HANDLE, Site, new_site

PATHS = (
    "/",
    f"/c/{HANDLE}/",
    f"/c/{HANDLE}/qr.svg",
    f"/c/{HANDLE}/feed.atom",
    "/privacy",
    "/sw.js",
    "/not-there",
    "/newsroom/",
    "/newsroom/accounts/login/",
    f"/api/v1/channels/{HANDLE}",
    "/api/v1/not-there",
)


@pytest.mark.parametrize("path", PATHS)
def test_pages_have_strict_security_headers(module_site: Site, path: str) -> None:
    answer = httpx.get(module_site.url + path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "http" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert "server" not in answer.headers


@pytest.mark.parametrize("path", [path for path in PATHS if not path.startswith("/newsroom")])
def test_reading_sets_no_cookie(module_site: Site, path: str) -> None:
    assert "set-cookie" not in httpx.get(module_site.url + path).headers


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/live/not-there", "/static/not-there"])
def test_responses_forbid_content_sniffing(module_site: Site, path: str) -> None:
    assert httpx.get(module_site.url + path).headers["x-content-type-options"] == "nosniff"


def test_post_has_one_canonical_url(module_site: Site) -> None:
    post = module_site.post(module_site.token())
    assert httpx.get(f"{module_site.channel}p/{post['id']}").status_code == 200
    assert httpx.get(f"{module_site.channel}p/0{post['id']}").status_code == 404


def test_cookie_planted_by_another_subdomain_is_ignored(tmp_path: Path) -> None:
    base = "https://canale.comune.example"
    with new_site(tmp_path, CANALE_BASE_URL=base) as site:
        known = "A" * 22
        own = {"Host": "canale.comune.example"}
        citizen = httpx.Client(base_url=site.api, headers={"Origin": base, **own})
        url, planted = f"/channels/{HANDLE}/followers", {"Cookie": f"canale_follower={known}"}
        answer = citizen.post(url, json={}, headers=planted)
        assert answer.status_code == 201
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-canale_follower=")
        assert known not in cookie
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        assert "strict-transport-security" in httpx.get(site.url, headers=own).headers
        forgotten = citizen.delete("/me").headers["set-cookie"]
        assert forgotten.startswith('__Host-canale_follower="";')
        assert "Secure" in forgotten


def test_pages_are_revalidated_before_they_are_reused(module_site: Site) -> None:
    page = httpx.get(module_site.channel)
    assert page.headers["cache-control"] == "no-cache"
    etag = {"If-None-Match": page.headers["etag"]}
    assert httpx.get(module_site.channel, headers=etag).status_code == 304
    packed = httpx.get(module_site.channel, headers={"Accept-Encoding": "br"})
    assert packed.headers["content-encoding"] == "br"
    assert packed.text == page.text
    head = httpx.head(module_site.channel)
    assert (head.status_code, head.text) == (200, "")


def test_service_worker_is_served_from_memory(module_site: Site) -> None:
    script = httpx.get(f"{module_site.url}/sw.js")
    assert (script.status_code, script.headers["cache-control"]) == (200, "no-cache")
    etag = {"If-None-Match": script.headers["etag"]}
    assert httpx.get(f"{module_site.url}/sw.js", headers=etag).status_code == 304


def test_forged_host_does_not_appear_in_responses(module_site: Site) -> None:
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    for path in ("/", f"/c/{HANDLE}/feed.atom", "/newsroom/", "/manifest.webmanifest"):
        answer = httpx.get(module_site.url + path, headers=forged)
        assert "evil.example" not in answer.text + str(answer.headers)
