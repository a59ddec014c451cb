# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Many at once: one gets the set-up link, and the log stays one chain."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from canale.channel.colours import DEFAULT_COLOUR, palette
from tests.newsroom import Newsroom
from tests.site import PASSWORD, Site, new_site
from tests.waiting import wait_until

PEOPLE = 5


def _filled(link: str, number: int) -> tuple[httpx.Client, dict[str, str]]:
    browser = httpx.Client(timeout=60)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(link).text)
    assert token
    words = {"name": "Comune", "handle": f"comune-{number}", "email": f"n{number}@comune.test"}
    return browser, {"csrfmiddlewaretoken": token[1], "password": PASSWORD, **words}


@pytest.mark.quick
def test_simultaneous_set_up_forms_create_one_channel(tmp_path: Path) -> None:
    with new_site(tmp_path, start=False, init=False) as site:
        site.start()
        printed = wait_until(lambda: re.search(r"/newsroom/setup/\S+/", site.log()))
        assert printed
        link = site.url + printed[0]
        forms = [_filled(link, number) for number in range(PEOPLE)]
        with ThreadPoolExecutor(PEOPLE) as pool:
            answers = list(pool.map(lambda form: form[0].post(link, data=form[1]), forms))
        assert sorted(answer.status_code for answer in answers) == [302] + [410] * (PEOPLE - 1)
        rows = site.inside("rows")
        assert rows["channel_channel"] == rows["accounts_staff"] == 1


@pytest.mark.parametrize("chosen", ["", "#b3122a"])
def test_set_up_asks_for_the_colour_and_has_one(tmp_path: Path, chosen: str) -> None:
    with new_site(tmp_path, start=False, init=False) as site:
        site.start()
        printed = wait_until(lambda: re.search(r"/newsroom/setup/\S+/", site.log()))
        assert printed
        link = site.url + printed[0]
        assert f'type="color" name="colour" value="{DEFAULT_COLOUR}"' in httpx.get(link).text
        browser, form = _filled(link, 1)
        assert browser.post(link, data={**form, "colour": "red;}"}).status_code == 422
        form |= {"colour": chosen} if chosen else {}
        assert browser.post(link, data=form).status_code == 302
        band = palette(chosen or DEFAULT_COLOUR).light.band
        assert f"--band:{band}" in httpx.get(site.url).text


def test_audit_log_stays_one_chain_under_concurrency(module_site: Site) -> None:
    everyone = [Newsroom(module_site) for _ in range(PEOPLE)]

    def act(one: Newsroom) -> None:
        for number in range(5):
            assert one.send(f"{one.home}tokens/", name=f"t{number}").status_code == 200

    with ThreadPoolExecutor(PEOPLE) as pool:
        list(pool.map(act, everyone))
    assert module_site.run("audit", "verify").startswith("The audit log is intact")
    assert module_site.inside("rows")["accounts_token"] >= PEOPLE * 5
