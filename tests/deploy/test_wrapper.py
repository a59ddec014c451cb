# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""deploy/canale: a command runs as the service does, whoever calls it and whatever is set."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.proxies import replaced
from tests.site import HANDLE, PASSWORD
from tests.structure.repository import ROOT

SETTINGS = """
# It's a comment.
; and another
CANALE_BASE_URL=https://canale.example.it
CANALE_DATABASE_URL="postgresql://canale:$(touch harm)`touch harm`@db/canale"
  CANALE_VAPID_CONTACT='mailto:urp@comune.example.it'\x20
CANALE_NATS_URL=nats://a'b@nats"""
SEES = """#!/bin/sh
id -un
env | grep -E '^(CANALE_|HOME=)' | sort
printf '%s|' "$@"
"""


@pytest.fixture
def installed() -> Iterator[Path]:
    """A folder that the service's user may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="canale-installed-"))
    for entered in (".", "release", "release/deploy", "release/.venv", "release/.venv/bin"):
        # Independent of the umask of the tests.
        (folder / entered).mkdir(exist_ok=True)
        (folder / entered).chmod(0o755)
    program = folder / "release/.venv/bin/canale"
    program.write_text(SEES)
    program.chmod(0o755)
    (folder / "env").write_text(SETTINGS)
    (folder / "env").chmod(0o600)
    yield folder
    shutil.rmtree(folder)


def link_wrapper(folder: Path, user: str) -> Path:
    """Ours, of which only names and places are changed, linked as in docs/operate.md."""
    script = folder / "release/deploy/canale"
    changes = {
        "user=canale\n": f"user={user}\n",
        "settings=/etc/canale/canale.env\n": f"settings={folder}/env\n",
        "data=/var/lib/canale\n": f"data={folder}/data\n",
    }
    script.write_text(replaced((ROOT / "deploy/canale").read_text(), changes))
    script.chmod(0o755)
    (folder / "canale").symlink_to(script)
    return folder / "canale"


def call(
    script: Path, *arguments: str, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(script), *arguments],
        env={"PATH": os.environ["PATH"], "HOME": "/root", **environment},
        cwd=script.parent,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become the service's user")
def test_root_runs_commands_as_the_service_user_with_its_settings(installed: Path) -> None:
    script = link_wrapper(installed, "nobody")
    done = call(script, "token", "--name", "a b", CANALE_PORT="9", CANALE_DATA="/elsewhere")
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "nobody",
        "CANALE_BASE_URL=https://canale.example.it",
        f"CANALE_DATA={installed}/data",
        "CANALE_DATABASE_URL=postgresql://canale:$(touch harm)`touch harm`@db/canale",
        "CANALE_NATS_URL=nats://a'b@nats",
        "CANALE_VAPID_CONTACT=mailto:urp@comune.example.it",
        f"HOME={installed}/data",
        "token|--name|a b|",
    ]
    assert not (installed / "harm").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("CANALE_PORT=1\npostgresql://u:geheim@db\n", "env, line 2: write NAME=VALUE"),
        ("A=x\\\ngeheim\n", "env, line 1: write the value of A without a backslash"),
        (None, "env cannot be read"),
    ],
)
def test_unreadable_settings_are_reported_without_their_content(
    installed: Path, settings: str | None, said: str
) -> None:
    if settings is None:
        (installed / "env").unlink()
    else:
        (installed / "env").write_text(settings)
    done = call(link_wrapper(installed, getpass.getuser()), "check")
    assert done.returncode == 1
    assert said in done.stderr
    assert "geheim" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_missing_user_is_named(installed: Path) -> None:
    done = call(link_wrapper(installed, "nobody_at_all"), "check", "--offline")
    assert done.returncode == 1
    assert "there is no user nobody_at_all" in done.stderr


def test_first_commands_of_a_new_installation(installed: Path) -> None:
    """The real commands, by the service's own user: a channel, a token, a second password."""
    (installed / "env").write_text("CANALE_BASE_URL=https://canale.example.it\n")
    program = installed / "release/.venv/bin/canale"
    program.unlink()
    program.symlink_to(ROOT / ".venv/bin/canale")
    script = link_wrapper(installed, getpass.getuser())
    new = ("--handle", HANDLE, "--name", "Comune", "--admin", "a@b.it", "--password-file", "-")
    assert "is ready" in call(script, "init", *new, stdin=f"{PASSWORD}\n").stdout
    assert call(script, "token", "--channel", HANDLE).stdout.startswith("canale_")
    done = call(script, "password", "a@b.it", "--password-file", "-", stdin="un'altra parola\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "give --password-file" in call(script, "password", "a@b.it").stderr
    assert (installed / "data/canale.sqlite3").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become the service's user")
def test_service_user_does_not_get_roots_terminal(installed: Path) -> None:
    """A process with root's terminal may type into it (TIOCSTI), and root's shell runs that."""
    (installed / "release/.venv/bin/canale").write_text(
        "#!/bin/sh\nid -un\necho $HOME\ntty\nexit 3\n"
    )
    script = link_wrapper(installed, "nobody")
    root, service = os.openpty()
    own = os.ttyname(service)
    done = subprocess.Popen(
        [str(script), "check"],
        stdin=service,
        stdout=service,
        stderr=service,
        start_new_session=True,
    )
    assert done.wait(timeout=60) == 3
    os.close(service)
    said = os.read(root, 10_000).decode().split()
    os.close(root)
    assert said[:2] == ["nobody", f"{installed}/data"]
    assert said[2].startswith("/dev/pts/")
    assert said[2] != own
