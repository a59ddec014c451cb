# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The commands as a stranger meets them: help, slips of the finger, and what success says."""

from __future__ import annotations

import argparse
import inspect
import os
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.utils import timezone

from canale.accounts import setup
from canale.accounts.models import SetupLink, Staff
from canale.channel.channels import create_channel
from canale.cli import demo, inputs, main, serve, setup_link
from canale.cli.commands import COMMANDS, CommandError, parser
from tests.ports import free_port
from tests.structure.repository import ROOT
from tests.waiting import wait_until


def arguments_of(command: str) -> argparse.ArgumentParser:
    actions = parser(command)._actions
    commands = next(each for each in actions if isinstance(each, argparse._SubParsersAction))
    choice: argparse.ArgumentParser = commands.choices[command]
    return choice


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_of_every_command_has_help(name: str) -> None:
    command = arguments_of(name)
    assert command.description
    silent = [action.dest for action in command._actions if not action.help]
    assert silent == []


@pytest.mark.parametrize("name", ["serve", "worker"])
def test_help_hides_internal_options(name: str) -> None:
    assert "stdin" not in arguments_of(name).format_help()


@pytest.mark.django_db
def test_missing_channel_error_lists_channels_or_how_to_make_one() -> None:
    with pytest.raises(CommandError, match="none yet: .*`canale setup-link`.*`canale init`"):
        inputs.channel("fano")
    create_channel("pesaro", "Comune di Pesaro", "")
    with pytest.raises(CommandError, match="no channel fano; there is: pesaro$"):
        inputs.channel("fano")


def alone(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A command in a folder where nothing is."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("CANALE_")}
    return subprocess.run(
        [sys.executable, "-m", "canale", *arguments],
        env={**kept, "PYTHONPATH": str(ROOT), **more},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments", [(), ("--help",), ("-h",), ("serve", "--help"), ("backup", "-h")]
)
def test_help_creates_no_files(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = alone(tmp_path, *arguments, CANALE_PORT="not a number")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: canale ")
    assert list(tmp_path.iterdir()) == []


def test_list_of_commands_imports_none_of_them(tmp_path: Path) -> None:
    program = "import sys; from canale.cli import main; main(['--help']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(done.stdout.splitlines()[-1].split())
    assert "canale.cli" in modules
    assert not modules & {"django", "pydantic", "canale.core.settings", "canale.cli.serve"}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("serv", "did you mean serve?"),
        ("back-up", "did you mean backup?"),
        ("setuplink", "did you mean setup-link?"),
        ("xyz", "canale --help"),
        ("\x1b[31m", "'\\x1b[31m'"),
    ],
)
def test_unknown_command_suggests_the_nearest(
    capsys: pytest.CaptureFixture[str], typed: str, said: str
) -> None:
    assert main([typed]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert len(shown.err.splitlines()) == 1
    assert shown.out == ""


@pytest.mark.django_db
def test_command_prints_what_it_did(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    create_channel("cremona", "Comune di Cremona")
    password = tmp_path / "password"
    password.write_text("acqua alta sul fiume Po")
    with_password = ("--password-file", str(password))

    def says(*arguments: str) -> str:
        # Not by main(), which would close the test's database.
        asked = parser(arguments[0]).parse_args(arguments)
        assert asked.run(asked) == 0
        return capsys.readouterr().out

    staff = ("staff", "--channel", "cremona")
    added = says(*staff, "--add", "anna@b.it", "--role", "editor", *with_password)
    assert added == "anna@b.it has an account and is editor of cremona.\n"
    added = says(*staff, "--add", "anna@b.it", "--role", "admin")
    assert added == "anna@b.it is now admin of cremona.\n"
    says(*staff, "--add", "bruno@b.it", "--role", "admin", *with_password)
    assert "anna@b.it signs in as eva@b.it" in says(*staff, "--new-email", "anna@b.it", "eva@b.it")
    assert "eva@b.it no longer works in cremona" in says(*staff, "--remove", "eva@b.it")
    assert "is set" in says("password", "bruno@b.it", *with_password)
    assert len(says("token", "--channel", "cremona", "--name", "site").split()) == 1
    number = says("token", "--channel", "cremona", "--list").split("\t")[0]
    revoked = says("token", "--channel", "cremona", "--revoke", number)
    assert revoked == f"Token {number} (site) is revoked.\n"
    assert says("migrate")


@pytest.mark.django_db
def test_set_up_link_expires_after_a_day() -> None:
    secret = setup.make_setup_link().rstrip("/").rsplit("/", 1)[1]
    assert setup.is_open(secret)
    SetupLink.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    assert not setup.is_open(secret)
    assert not setup.claim(secret)


@pytest.mark.django_db
def test_set_up_link_is_printed_until_there_is_an_account(
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = setup.make_setup_link().rstrip("/").rsplit("/", 1)[1]
    assert setup_link.run(argparse.Namespace()) == 0
    new = capsys.readouterr().out.strip().rstrip("/").rsplit("/", 1)[1]
    assert (setup.is_open(old), setup.is_open(new)) == (False, True)
    Staff.objects.create_user("anna@b.it", "acqua alta sul fiume Po")
    with pytest.raises(CommandError, match="an account already"):
        setup_link.run(argparse.Namespace())


@pytest.mark.django_db
def test_repeated_demo_prints_how_to_sign_in(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    password = "acqua alta sul fiume Po"
    base_url = "http://localhost:8000"
    monkeypatch.setattr(demo, "migrate", lambda: None)
    monkeypatch.setattr(demo, "settings", SimpleNamespace(data=tmp_path, base_url=base_url))
    channel = create_channel("demo", "Demo")
    setup.make_admin(channel, demo.EDITOR, password, by="demo")
    (tmp_path / demo.NEWSROOM_FILE).write_text(password + "\n")
    for expected in (f"as {demo.EDITOR} with the password {password}\n", f"password {demo.EDITOR}"):
        assert demo.run(argparse.Namespace(handle="demo")) == 0
        said = capsys.readouterr().out
        assert "already exists" in said
        assert expected in said
        editor = Staff.objects.get(email=demo.EDITOR)
        editor.set_password("un'altra parola segreta")
        editor.save()


def test_port_in_use_is_reported_with_the_setting_for_another(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = inspect.unwrap(serve.run)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        chosen = SimpleNamespace(host="127.0.0.1", port=port, web_processes=1)
        monkeypatch.setattr(serve, "settings", chosen)
        assert run(argparse.Namespace(until_stdin_ends=True)) == 1
    message = capsys.readouterr().err
    assert f"127.0.0.1:{port} (Address already in use); for another port set CANALE_PORT" in message


def test_server_stopped_during_start_exits_cleanly(tmp_path: Path) -> None:
    environment = {**os.environ, "CANALE_DATA": str(tmp_path), "CANALE_PORT": str(free_port())}
    program = [sys.executable, "-m", "canale", "serve"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(program, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: catches_sigterm(process.pid))
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
    assert (tmp_path / "log").read_bytes() == b"", "it had not begun to serve"


def catches_sigterm(pid: int) -> bool:
    """Tell whether the process handles SIGTERM (proc(5), status: SigCgt)."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)
