# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The files in deploy/ are accepted by the programs that read them."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import nats
import pytest
import yaml
from nats.errors import Error

from canale.core.database_url import parse_database_url
from canale.core.settings import load
from canale.nats.stream import BatchStream
from tests.nats_server import PROGRAM, NatsServer, needs_nats
from tests.structure.repository import ROOT, text

UNITS = sorted((ROOT / "deploy/systemd").iterdir())
COMPOSED = ("compose.yaml", "compose-worker.yaml")
SERVING = ("canale@.service", "canale-worker@.service")
LOCKED_IN = (*SERVING, "canale-backup.service")
# systemd's own figure for what a unit leaves open: 0 nothing, 10 everything.
EXPOSURE = 1.8
TOKEN = "0123456789abcdef" * 4


def programs(path: Path) -> list[str]:
    return re.findall(r"^ExecStart=\S*/\.venv/bin/canale (\w+)", path.read_text(), re.MULTILINE)


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Copy the units, with a program and user that this machine has, and a name for each @."""
    for unit in UNITS:
        changed = re.sub(
            r"^ExecStart=/opt/\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE
        )
        changed = re.sub(r"^(User|Group)=canale", r"\1=root", changed, flags=re.MULTILINE)
        (tmp_path / unit.name.replace("@", "@1")).write_text(changed)
    return tmp_path


def test_units_pass_systemd_analyze_verify(units: Path) -> None:
    needs("systemd-analyze")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(units.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "canale" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("name", LOCKED_IN)
def test_units_are_sandboxed(units: Path, name: str) -> None:
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


def test_images_are_pinned_to_a_full_version() -> None:
    """An image without its full version is another one tomorrow."""
    named = re.findall(r"^FROM (\S+)", text(Path("Dockerfile")), re.MULTILINE)
    services = [service for name in COMPOSED for service in compose(name)["services"].values()]
    named += [service["image"] for service in services if "image" in service]
    assert len(named) == 4
    for image in named:
        assert re.fullmatch(r"[a-z/]+:\d+\.\d+(\.\d+)?(-[a-z-]+)?(@sha256:[0-9a-f]{64})?", image), (
            image
        )


def test_image_runs_as_a_fixed_user_id() -> None:
    """Kubernetes cannot check by a name that it is not root (runAsNonRoot)."""
    assert re.findall(r"^USER (\S+)", text(Path("Dockerfile")), re.MULTILINE) == ["10001:10001"]


@pytest.mark.parametrize("name", SERVING)
def test_services_restart_without_a_limit(name: str) -> None:
    """By itself systemd gives up after five starts in ten seconds."""
    said = text(Path("deploy/systemd") / name)
    assert "\nStartLimitIntervalSec=0\n" in said.split("[Service]")[0]
    assert "\nRestart=always\n" in said


def test_units_keep_the_data_folder_private() -> None:
    """systemd gives the folder its mode at each start, 0755 where none is said."""
    having = [unit for unit in UNITS if "\nStateDirectory=" in unit.read_text()]
    assert len(having) == 3
    for unit in having:
        assert "\nStateDirectoryMode=0700\n" in unit.read_text(), unit.name


def test_units_start_commands_that_exist() -> None:
    from canale.cli.commands import COMMANDS

    started = {unit.name: programs(unit) for unit in UNITS}
    assert started["canale@.service"] == ["serve"]
    assert started["canale-worker@.service"] == ["worker"]
    assert "exec .venv/bin/canale backup" in text(Path("deploy/systemd/canale-backup.service"))
    assert "backup" in COMMANDS


@pytest.fixture
def nats_settings(tmp_path: Path) -> str:
    """With a folder, a token and a port for monitoring that this machine has."""
    own = text(Path("deploy/nats-server.conf"))
    assert "/var/lib/nats/canale" in own
    (tmp_path / "nats-server.token").write_text(f'token: "{TOKEN}"\n')
    own = own.replace("/var/lib/nats/canale", str(tmp_path / "jetstream"))
    return own.replace("127.0.0.1:8222", "127.0.0.1:-1")


def what_nats_says(folder: Path, settings: str) -> str:
    """Nothing, if it takes them."""
    (folder / "nats.conf").write_text(settings)
    command = [PROGRAM, "-t", "-c", str(folder / "nats.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


@needs_nats
def test_nats_accepts_its_settings(tmp_path: Path, nats_settings: str) -> None:
    assert what_nats_says(tmp_path, nats_settings) == ""
    version = subprocess.run([PROGRAM, "-v"], capture_output=True, text=True, check=True).stdout
    newer = [int(part) for part in re.findall(r"\d+", version)] >= [2, 10]
    assert "# sync_interval: always" in nats_settings
    said = what_nats_says(tmp_path, nats_settings.replace("# sync_interval", "sync_interval"))
    assert (said == "") is newer, said


@needs_nats
def test_nats_does_not_start_with_the_example_token(tmp_path: Path, nats_settings: str) -> None:
    (tmp_path / "nats-server.token").unlink()
    assert "nats-server.token" in what_nats_says(tmp_path, nats_settings)


@needs_nats
def test_nats_serves_other_machines_that_have_the_token(tmp_path: Path, nats_settings: str) -> None:
    # A test listens on this machine alone.
    assert re.search(r'^listen: "0.0.0.0:4222"$', nats_settings, re.MULTILINE)

    async def flow(place: str) -> None:
        for unknown in ("", "wrong@"):
            with pytest.raises(Error, match=r"(?i)authorization violation|no servers"):
                await nats.connect(f"nats://{unknown}{place}", allow_reconnect=False)
        client = await nats.connect(f"nats://{TOKEN}@{place}")
        try:
            context = await BatchStream("city").prepare(client)
            subject = BatchStream("city").subject(1, "webpush", urgent=True)
            await BatchStream("city").publish(context, subject)
            assert (await context.stream_info(BatchStream("city").name)).state.messages == 1
        finally:
            await client.close()

    with NatsServer(tmp_path, nats_settings) as server:
        asyncio.run(flow(f"127.0.0.1:{server.port}"))


@pytest.mark.parametrize("name", ["postgresql.conf", "nats-server.conf"])
def test_every_group_of_settings_has_a_comment(name: str) -> None:
    """A comment above each group of lines that set something."""
    lines = [line.strip() for line in text(Path("deploy") / name).splitlines()]
    bare = [
        after
        for before, after in zip(["", *lines], lines, strict=False)
        if re.match(r"\w+ ?[=:] ?\S", after) and not before
    ]
    assert bare == [], "say why, in the line above"


def compose(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(text(Path("deploy") / name))
    return read


@pytest.mark.parametrize("name", COMPOSED)
def test_compose_files_refer_to_things_that_exist(name: str) -> None:
    said = compose(name)
    for service in said["services"].values():
        assert set(service.get("secrets", [])) <= set(said["secrets"])
        assert set(service.get("networks", [])) <= set(said.get("networks", {}))
        named = {mount.split(":")[0] for mount in service.get("volumes", [])}
        own = {mount for mount in named if not mount.startswith(".")}
        assert own <= set(said.get("volumes", {}))
        for mount in named - own:
            assert (ROOT / "deploy" / mount).exists(), mount
        if "build" in service:
            assert (ROOT / "deploy" / service["build"] / "Dockerfile").exists()
        assert service["restart"] == "unless-stopped"


def test_database_and_canale_publish_no_ports() -> None:
    said = compose("compose.yaml")
    services = said["services"]
    assert set(services) == {"canale", "database", "proxy"}
    assert "ports" not in services["database"]
    assert "ports" not in services["canale"]
    subnet = said["networks"]["outside"]["ipam"]["config"][0]["subnet"]
    assert services["canale"]["environment"]["CANALE_TRUSTED_PROXIES"] == subnet


def test_containers_start_in_order() -> None:
    services = compose("compose.yaml")["services"]
    healthy = {"condition": "service_healthy"}
    assert services["canale"]["depends_on"] == {"database": healthy}
    assert services["proxy"]["depends_on"] == {"canale": healthy}
    assert "healthcheck" in services["database"]
    assert "HEALTHCHECK" in text(Path("Dockerfile"))


@pytest.mark.parametrize("name", COMPOSED)
def test_secrets_are_ignored_by_git_and_docker(name: str) -> None:
    files = [f"deploy/{secret['file']}" for secret in compose(name)["secrets"].values()]
    # Installations older than secrets/ still have these.
    files += ["deploy/secret-key", "deploy/database-url", "deploy/database-password"]
    for file in ["deploy/.env", *map(os.path.normpath, files)]:
        ignored = subprocess.run(["git", "check-ignore", "-q", file], cwd=ROOT, check=False)
        assert ignored.returncode == 0, file
        # Docker's patterns are anchored at the root, and hold for all below what they name.
        patterns = text(Path(".dockerignore")).splitlines()
        above = [str(path) for path in [Path(file), *Path(file).parents]]
        assert any(fnmatch(path, p) for p in patterns for path in above if "#" not in p), file


def test_commands_of_the_guide_create_the_secrets(tmp_path: Path) -> None:
    """Run the guide's commands unchanged; chown is left out where the tests do not run as root."""
    said = text(Path("docs/operate.md")).split("## With containers")[1]
    lines = re.findall(r"```\n(.*?)```", said, re.DOTALL)[0]
    free = "" if os.geteuid() == 0 else "chown() { :; }\n"
    subprocess.run(["bash", "-euc", free + lines], cwd=tmp_path, check=True)
    secrets = {path.name: path for path in (tmp_path / "secrets").iterdir()}
    assert set(secrets) == set(compose("compose.yaml")["secrets"])
    assert {path.stat().st_mode & 0o777 for path in secrets.values()} == {0o600}
    if os.geteuid() == 0:
        owners = [secrets[name].stat().st_uid for name in sorted(secrets)]
        assert owners == [999, 10001, 10001, 10001]
    url = parse_database_url(secrets["database-url"].read_text().strip())
    assert (url["USER"], url["HOST"]) == ("canale", "database")
    assert url["PASSWORD"] == secrets["database-password"].read_text().strip()
    given = {
        "CANALE_SECRET_KEY_FILE": str(secrets["secret-key"]),
        "CANALE_NATS_URL_FILE": str(secrets["nats-url"]),
    }
    assert load({"CANALE_DATA": str(tmp_path), **given}).nats_url == ()
    assert (tmp_path / ".env").read_text().startswith("SITE=")


def test_nginx_writes_to_folders_of_the_debian_package() -> None:
    needs("dpkg")
    listed = subprocess.run(
        ["dpkg", "-L", "nginx-common"], capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("Debian's nginx is not installed")
    written = re.findall(r"(?:proxy_cache_path|error_log) (/\S+)", text(Path("deploy/nginx.conf")))
    assert len(written) == 2
    folders = {str(Path(path).parent) for path in written}
    assert folders - set(listed.stdout.splitlines()) == set()


@pytest.mark.parametrize("name", COMPOSED)
def test_no_secret_is_passed_as_an_environment_variable(name: str) -> None:
    """`docker inspect` shows variables to whoever may ask it."""
    from canale.core.settings import options

    secret = {option for option, (_, row) in options().items() if row.secret}
    for service in compose(name)["services"].values():
        given = set(service.get("environment", {}))
        assert given & secret == set()
        named = {each for each in given if each.removesuffix("_FILE") in secret}
        files = {service["environment"][each] for each in named}
        assert files <= {f"/run/secrets/{each}" for each in service.get("secrets", [])}


def test_deployed_settings_exist() -> None:
    from canale.core.settings import options

    known = {name + ending for name in options() for ending in ("", "_FILE")}
    coming = {"CANALE_NATS_URL"}
    # Ours, that compose itself replaces.
    coming |= {"SITE", "UPSTREAMS"}
    named = {
        name
        for path in [*sorted((ROOT / "deploy").rglob("*")), ROOT / "Dockerfile"]
        if path.is_file()
        for name in re.findall(r"\bCANALE_[A-Z_]*[A-Z]\b", path.read_text())
    }
    assert named - known - coming == set()
