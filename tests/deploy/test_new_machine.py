# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The guide's lines that put a backup on a new machine, run as they stand there."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx

from tests.deploy.proxies import replaced
from tests.deploy.test_wrapper import link_wrapper
from tests.site import Site, new_site
from tests.structure.repository import ROOT, text

SUBSCRIPTION = {"endpoint": "https://push.example/1", "keys": {"p256dh": "x", "auth": "y"}}


def lines() -> str:
    section = text(Path("docs/operate.md")).split("### On a new machine")[1]
    return re.findall(r"```\n(.*?)```", section, re.DOTALL)[0]


def new_machine(folder: Path, city: Site) -> Path:
    """Install up to `systemctl enable`; the two files that were saved are in `saved`."""
    for name in ("release/deploy", "release/.venv/bin", "backups", "saved", "path"):
        (folder / name).mkdir(parents=True)
    (folder / "release/.venv/bin/canale").symlink_to(ROOT / ".venv/bin/canale")
    (folder / "env").write_text("CANALE_BASE_URL=https://canale.example.it\n")
    link_wrapper(folder, getpass.getuser()).rename(folder / "path/canale")
    shutil.copy(city.folder / "data/secret-key", folder / "saved")
    city.run("backup", str(folder / "saved/2026-11-24.tar"))
    return folder


def test_backup_and_key_restore_the_channel_on_a_new_machine(tmp_path: Path) -> None:
    (tmp_path / "city").mkdir()
    with new_site(tmp_path / "city", start=False) as city:
        city.inside("follow", [SUBSCRIPTION])
        city.run("publish", "--channel", "cremona", "--kind", "news", "--headline", "Prima")
        folder = new_machine(tmp_path / "new", city)
    typed = replaced(
        lines(),
        {
            "/var/lib/canale": f"{folder}/data",
            "/var/backups/canale": f"{folder}/backups",
            "-o canale -g canale ": "",
            "canale check\n": "canale check --offline\n",
        },
    )
    done = subprocess.run(
        ["bash", "-euc", typed],
        cwd=folder / "saved",
        env={"PATH": f"{folder}/path:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Restored: as it was on" in done.stdout
    assert "The audit log is intact" in done.stdout
    assert "ok       the secret key opens the followers' addresses" in done.stdout
    site = Site(folder, {})
    try:
        site.start()
        assert "Prima" in httpx.get(site.channel, timeout=30).text
    finally:
        site.stop()
