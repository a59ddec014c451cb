# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Processes share the counts of sign-in attempts: a code works once, guesses are limited."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from allauth.mfa.totp.internal import auth as totp

from tests.site import ADMIN, PASSWORD, Site, new_site
from tests.waiting import wait_until

LOGIN = "/newsroom/accounts/login/"
CODE = "/newsroom/accounts/2fa/authenticate/"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


def browser(site: Site) -> httpx.Client:
    """A connection of its own: the kernel gives it to one process or the other."""
    return httpx.Client(base_url=site.url, timeout=60)


def send(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    token = TOKEN.search(client.get(path).text)
    assert token
    return client.post(path, data={"csrfmiddlewaretoken": token[1], **fields})


@pytest.mark.postgres
def test_processes_share_sign_in_limits(tmp_path: Path) -> None:
    options = {"CANALE_WEB_PROCESSES": "2", "CANALE_RATE_LIMITS": "on", "CANALE_WORKERS": "0"}
    with new_site(tmp_path, **options) as site:
        wait_until(lambda: site.listeners() == 2)
        secret = totp.generate_totp_secret()
        site.inside("second_factor", secret)
        people = [browser(site) for _ in range(6)]
        for person in people:
            assert send(person, LOGIN, login=ADMIN, password=PASSWORD).headers["location"] == CODE
        code = totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30))
        with ThreadPoolExecutor(len(people)) as pool:
            answers = list(pool.map(lambda person: send(person, CODE, code=code), people))
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [302]

        guesses = [
            send(browser(site), LOGIN, login="other@cremona.test", password="no").status_code
            for _ in range(12)
        ]
        assert guesses == [200] * 10 + [429] * 2
