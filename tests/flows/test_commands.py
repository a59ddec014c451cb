# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The commands: unattended, with exit statuses that scripts can trust."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.commands import refused_in_one_line, run, run_each
from tests.newsroom import Newsroom
from tests.site import ADMIN, HANDLE, PASSWORD, Site, new_site
from tests.structure.repository import ROOT

IMPOSSIBLE = (
    (("publish", "--channel", "mai", "--kind", "news", "--headline", "x"), "no channel mai"),
    (("publish", "--channel", HANDLE, "--kind", "event", "--headline", "x"), "--starts-at: "),
    (
        ("publish", "--channel", HANDLE, "--kind", "news", "--headline", "x", "--image", "/x"),
        "needs its --alt",
    ),
    (("init", "--handle", "Bad Handle", "--name", "N", "--admin", "a@b.it"), "password-file"),
    (("token", "--channel", HANDLE, "--revoke", "99"), "no token 99"),
    (("password", "nobody@x.it", "--password-file", "/dev/null"), "no account"),
)


def test_commands_report_errors_in_one_line(module_site: Site) -> None:
    ends = run_each(module_site, [arguments for arguments, _ in IMPOSSIBLE])
    for (_, said), end in zip(IMPOSSIBLE, ends, strict=True):
        assert said in refused_in_one_line(end)


@pytest.mark.parametrize("command", [("backup", "copy.tar"), ("audit", "verify"), ("resume",)])
def test_commands_create_nothing_in_an_empty_folder(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    environment = {
        name: text for name, text in os.environ.items() if not name.startswith("CANALE_")
    }
    done = subprocess.run(
        [sys.executable, "-m", "canale", *command],
        env={**environment, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert f"there is no channel in {tmp_path / 'data'}: " in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_backup_without_a_channel_is_refused(tmp_path: Path) -> None:
    with new_site(tmp_path, init=False, start=False) as site:
        name = f"sqlite:///{tmp_path}/empty.sqlite3"
        site.environment["CANALE_DATABASE_URL"] = name
        done = run(site, "backup", str(tmp_path / "copy.tar"))
        assert done.returncode == 1
        assert "there is no channel in the database" in done.stderr
        assert not (tmp_path / "copy.tar").exists()
        assert "there is no channel in the database" in run(site, "audit", "verify").stderr


def test_command_ends_quietly_when_its_pipe_is_closed(module_site: Site) -> None:
    command = f"{sys.executable} -m canale check --offline | true"
    done = subprocess.run(
        ["bash", "-c", command], env=module_site.environment, capture_output=True, check=False
    )
    assert done.stderr == b""


def test_a_wrong_setting_stops_the_start(module_site: Site) -> None:
    module_site.environment["CANALE_WORKER"] = "2"
    done = run(module_site, "serve")
    del module_site.environment["CANALE_WORKER"]
    assert done.returncode == 1
    assert "CANALE_WORKER is not a setting; did you mean CANALE_WORKERS?" in done.stderr


def test_text_may_come_through_a_pipe(module_site: Site) -> None:
    url = module_site.run(
        "publish", "--channel", HANDLE, "--kind", "service", "--headline", "Da un tubo",
        "--text", "-", stdin="Prima riga\nSeconda riga\n",
    )  # fmt: skip
    assert "Seconda riga" in httpx.get(url).text


def test_tokens_are_listed_and_revoked(module_site: Site) -> None:
    secret = module_site.run("token", "--channel", HANDLE, "--name", "sito")
    assert module_site.post(secret)["state"] == "published"
    listed = module_site.run("token", "--channel", HANDLE, "--list").splitlines()
    rows = [line.split("\t") for line in listed]
    number = next(row[0] for row in rows if row[1] == "sito")
    module_site.run("token", "--channel", HANDLE, "--revoke", number)
    headers = {"Authorization": f"Bearer {secret}"}
    body = {"headline": "x"}
    address = f"{module_site.api}/channels/{HANDLE}/posts"
    assert httpx.post(address, json=body, headers=headers).status_code == 401


def test_audit_verify_finds_a_changed_entry(module_site: Site) -> None:
    assert run(module_site, "audit", "verify").returncode == 0
    module_site.inside("tamper")
    done = run(module_site, "audit", "verify")
    assert done.returncode == 1
    assert "was changed" in done.stderr


def test_password_can_be_reset(module_site: Site, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.write_text("una parola nuova e lunga")
    module_site.run("password", ADMIN, "--password-file", str(new))
    new.write_text("password1234")
    assert run(module_site, "password", ADMIN, "--password-file", str(new)).returncode == 1
    new.write_text(PASSWORD)
    module_site.run("password", ADMIN, "--password-file", str(new))


def test_check_reports_problems_and_how_to_fix_them(module_site: Site) -> None:
    good = run(module_site, "check", "--offline")
    assert good.returncode == 0, good.stdout
    assert "warning  rate limits are off" in good.stdout
    key = Path(module_site.environment["CANALE_DATA"]) / "secret-key"
    key.chmod(0o644)
    bad = run(module_site, "check", "--offline")
    key.chmod(0o600)
    assert bad.returncode == 1
    assert f"chmod 600 {key}" in bad.stdout


def test_check_reports_a_key_that_does_not_match_the_database(tmp_path: Path) -> None:
    with new_site(tmp_path, start=False) as site:
        keys = {"p256dh": "x", "auth": "y"}
        site.inside("follow", [{"endpoint": "https://push.example/1", "keys": keys}])
        assert "key opens the followers' addresses" in run(site, "check", "--offline").stdout
        site.environment["CANALE_SECRET_KEY"] = "another key of more than 32 characters"
        done = run(site, "check", "--offline")
        assert done.returncode == 1
        assert "does not open the followers' addresses" in done.stdout
        assert "secret-key of the backup" in done.stdout


def test_the_demonstration_is_made_once(tmp_path: Path) -> None:
    with new_site(tmp_path, init=False, start=False) as site:
        made = site.run("demo")
        assert "is ready" in made
        password = re.search(r"as redazione@demo\.example with the password (\S+)", made)
        again = site.run("demo")
        assert "already exists" in again
        assert password
        assert password[0] in again
        site.start()
        page = httpx.get(site.url).text
        for words in ("dimostrazione", "Piena del Po", "Corretto", "Biblioteca"):
            assert words in page
        assert "Concerto gratuito" not in page
        posts = httpx.get(f"{site.api}/channels/demo/posts").json()["posts"]
        assert {post["kind"] for post in posts} == {"news", "event", "deadline", "service", "alert"}
        assert any(post["all_clear_of"] for post in posts)
        images = [image for post in posts for image in post["images"]]
        assert {httpx.get(image["large"]).status_code for image in images} == {200}
        assert sum(sum(post["reactions"].values()) for post in posts) > 200
        assert site.inside("rows")["followers_address"] == 0
        editor = Newsroom(site, "redazione@demo.example", password[1])
        assert "Biblioteca" in editor.browser.get("/newsroom/c/demo/").text


def test_demonstration_is_refused_beside_a_real_channel(module_site: Site) -> None:
    done = run(module_site, "demo")
    assert done.returncode == 1
    assert "real channel" in done.stderr


def test_port_in_use_is_named(module_site: Site) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "canale", "serve"],
        env={**os.environ, **module_site.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "CANALE_PORT" in done.stderr


@pytest.mark.postgres(only="one node alone has its data in SQLite")
def test_nodes_that_start_at_once_migrate_the_database_once(tmp_path: Path) -> None:
    with new_site(tmp_path, init=False, start=False) as site, ThreadPoolExecutor(3) as nodes:
        done = list(nodes.map(lambda _: run(site, "migrate"), range(3)))
    assert [(each.returncode, each.stderr) for each in done] == [(0, "")] * 3
