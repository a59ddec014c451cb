# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What deploy/ holds is what the programs that read it take."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.structure.repository import ROOT, text

UNITS = sorted((ROOT / "deploy/systemd").iterdir())
SERVING = ("canale@.service", "canale-worker@.service")
# systemd's own figure for what a unit leaves open: 0 nothing, 10 everything.
EXPOSURE = 2.0


def programs(path: Path) -> list[str]:
    return re.findall(r"^ExecStart=\S*/\.venv/bin/canale (\w+)", path.read_text(), re.MULTILINE)


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """As they are, but with a program and user that this machine has, and a name for each @."""
    for unit in UNITS:
        changed = re.sub(
            r"^ExecStart=/opt/\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE
        )
        changed = re.sub(r"^(User|Group)=canale", r"\1=root", changed, flags=re.MULTILINE)
        (tmp_path / unit.name.replace("@", "@1")).write_text(changed)
    return tmp_path


def test_systemd_finds_nothing_wrong(units: Path) -> None:
    needs("systemd-analyze")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(units.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "canale" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("name", SERVING)
def test_what_serves_is_locked_in(units: Path, name: str) -> None:
    needs("systemd-analyze")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(units / name.replace("@", "@1"))],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) <= EXPOSURE


@pytest.mark.parametrize("name", SERVING)
def test_what_serves_is_started_again_without_end(name: str) -> None:
    """By itself systemd gives up after five starts in ten seconds."""
    said = text(Path("deploy/systemd") / name)
    assert "\nStartLimitIntervalSec=0\n" in said.split("[Service]")[0]
    assert "\nRestart=always\n" in said


def test_units_start_commands_that_exist() -> None:
    from canale.cli import COMMANDS

    started = {unit.name: programs(unit) for unit in UNITS}
    assert started["canale@.service"] == ["serve"]
    assert started["canale-worker@.service"] == ["worker"]
    assert "exec .venv/bin/canale backup" in text(Path("deploy/systemd/canale-backup.service"))
    assert "backup" in COMMANDS


def test_nats_takes_its_settings(tmp_path: Path) -> None:
    needs("nats-server")
    own = text(Path("deploy/nats-server.conf"))
    assert "/var/lib/nats/canale" in own
    (tmp_path / "nats.conf").write_text(own.replace("/var/lib/nats/canale", str(tmp_path)))
    command = ["nats-server", "-t", "-c", str(tmp_path / "nats.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["postgresql.conf", "nats-server.conf"])
def test_each_setting_has_its_reason(name: str) -> None:
    """A comment above each group of lines that set something."""
    lines = [line.strip() for line in text(Path("deploy") / name).splitlines()]
    bare = [
        after
        for before, after in zip(["", *lines], lines, strict=False)
        if re.match(r"\w+ ?[=:] ?\S", after) and not before
    ]
    assert bare == [], "say why, in the line above"


def test_compose_names_what_is_there() -> None:
    compose = yaml.safe_load(text(Path("deploy/compose.yaml")))
    services = compose["services"]
    assert set(services) == {"canale", "database", "proxy"}
    for service in services.values():
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
        assert set(service.get("networks", [])) <= set(compose["networks"])
        named = {mount.split(":")[0] for mount in service.get("volumes", [])}
        own = {name for name in named if not name.startswith(".")}
        assert own <= set(compose["volumes"])
        for mount in named - own:
            assert (ROOT / "deploy" / mount).exists(), mount
    assert (ROOT / "deploy" / services["canale"]["build"] / "Dockerfile").exists()
    # What holds people's data is reached by nobody from outside.
    assert "ports" not in services["database"]
    assert "ports" not in services["canale"]
    subnet = compose["networks"]["outside"]["ipam"]["config"][0]["subnet"]
    assert services["canale"]["environment"]["CANALE_TRUSTED_PROXIES"] == subnet


def test_deployed_settings_exist() -> None:
    from canale.settings import options

    known = {name + ending for name in options() for ending in ("", "_FILE")}
    coming = {"CANALE_NATS_URL"}
    # Ours, that compose itself replaces.
    coming |= {"CANALE_SITE"}
    named = {
        name
        for path in [*sorted((ROOT / "deploy").rglob("*")), ROOT / "Dockerfile"]
        if path.is_file()
        for name in re.findall(r"\bCANALE_[A-Z_]*[A-Z]\b", path.read_text())
    }
    assert named - known - coming == set()
