# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Newsroom staff: adding a second person, changing a role or an address, leaving."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.commands import refused_in_one_line, run_each
from tests.newsroom import Newsroom
from tests.site import ADMIN, HANDLE, PASSWORD, Site

MARIA = "maria@comune.test"
Staff = Callable[..., str]


@pytest.fixture
def staff(module_site: Site) -> Staff:
    def call(*arguments: str, stdin: str | None = None) -> str:
        return module_site.run("staff", "--channel", HANDLE, *arguments, stdin=stdin)

    return call


@pytest.mark.quick
def test_staff_member_is_added_changed_and_removed(module_site: Site, staff: Staff) -> None:
    new = ("--add", MARIA, "--role", "editor", "--password-file", "-")
    staff(*new, stdin=f"{PASSWORD}\n")
    maria = Newsroom(module_site, MARIA)
    post = maria.write()
    assert maria.browser.get(f"{maria.home}posts/{post}/publish/").status_code == 403
    staff("--add", MARIA.upper(), "--role", "publisher")
    assert staff().splitlines() == [f"{ADMIN}\tadmin", f"{MARIA}\tpublisher"]
    assert maria.publish(post).status_code == 200
    # With her new address she is who she was, in the browser that knew the old one too.
    staff("--new-email", MARIA, "m.rossi@comune.test")
    assert maria.browser.get(maria.home).status_code == 200
    again = Newsroom(module_site, "m.rossi@comune.test")
    with pytest.raises(AssertionError):
        Newsroom(module_site, MARIA)
    staff("--remove", "m.rossi@comune.test")
    assert again.browser.get(again.home).url.path == "/newsroom/accounts/login/"
    assert staff() == f"{ADMIN}\tadmin"
    log = Newsroom(module_site).browser.get(f"/newsroom/c/{HANDLE}/log/").text
    for words in ("ha cambiato il ruolo", "ha tolto l’accesso"):
        assert words in log
    assert "intact" in module_site.run("audit", "verify")


def test_adding_a_member_of_another_channel_is_not_a_role_change(
    module_site: Site, staff: Staff
) -> None:
    person = "verdi@comune.test"
    module_site.inside("staff", [person, PASSWORD, "soresina", "editor"])
    staff("--add", person, "--role", "publisher")
    shown = Newsroom(module_site).browser.get(f"/newsroom/c/{HANDLE}/log/").text
    newest = shown.partition(person)[0]
    assert newest.rpartition("<tr")[2].count("ha dato l’accesso a una persona") == 1
    staff("--remove", person)


IMPOSSIBLE = (
    (("--remove", ADMIN), "the only administrator of cremona; make another first"),
    (("--add", ADMIN, "--role", "editor"), "the only administrator"),
    (("--add", "n@comune.test"), "give --role: editor"),
    (("--add", "niente", "--role", "editor"), "niente is not an e-mail address"),
    (("--add", "n@comune.test", "--role", "editor"), "give --password-file"),
    (
        ("--add", ADMIN, "--role", "admin", "--password-file", "-"),
        "keeps its password: leave --password-file out",
    ),
    (("--new-email", ADMIN, ADMIN), "there is already an account"),
    (("--remove", "n@comune.test"), "does not work in cremona"),
)


def test_impossible_staff_changes_are_refused(module_site: Site) -> None:
    calls = [("staff", "--channel", HANDLE, *arguments) for arguments, _ in IMPOSSIBLE]
    for (_, said), end in zip(IMPOSSIBLE, run_each(module_site, calls), strict=True):
        assert said in refused_in_one_line(end)
