# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Settings from an environment: defaults, refusals, files, the kept key, database URLs."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from canale.core.data_folder import FolderError, make_data_folder
from canale.core.database_url import PATIENCE, parse_database_url, shown
from canale.core.settings import (
    Settings,
    SettingsError,
    database_settings,
    load,
    options,
)

KEY = "k" * 40
NOBODY = 65534
Read = Callable[..., Settings]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Load settings from the given variables and a data folder of the test's own."""

    def loaded(**environment: str) -> Settings:
        return load({"CANALE_DATA": str(tmp_path / "data"), **environment})

    return loaded


def test_defaults_serve_one_machine(read: Read, tmp_path: Path) -> None:
    settings = read(CANALE_PORT="8123")
    assert settings.data == tmp_path / "data"
    assert (settings.host, settings.base_url) == ("127.0.0.1", "http://localhost:8123")
    assert settings.database_url == f"sqlite:///{tmp_path}/data/canale.sqlite3"
    assert settings.web_processes == 1
    assert settings.workers == len(os.sched_getaffinity(0))
    assert settings.trusted_proxies == ("127.0.0.0/8", "::1/128")
    assert (settings.push_origins, settings.push_proxy) == ((), "")
    assert [str(each) for each in settings.metrics_allowed_networks] == ["127.0.0.0/8", "::1/128"]
    assert (settings.metrics_port, settings.log_format) == (None, "text")
    assert settings.nats_url == ()
    assert settings.rate_limits
    assert settings.vapid_contact == "mailto:admin@localhost"
    assert settings.time_zone == "Europe/Rome"


def test_every_setting_is_loaded(read: Read) -> None:
    given = {
        "CANALE_HOST": "0.0.0.0",
        "CANALE_PORT": "80",
        "CANALE_BASE_URL": "https://canale.example.it/",
        "CANALE_TRUSTED_PROXIES": "10.0.0.5, fd00::/64",
        "CANALE_DATABASE_URL": "postgresql://u:p@db:5433/canale",
        "CANALE_NATS_URL": "nats://u:p%2C@n1:4222, tls://token@n2",
        "CANALE_WEB_PROCESSES": "2",
        "CANALE_WORKERS": "3",
        "CANALE_PUSH_ORIGINS": "https://localhost:9443, http://[::1]:9000/",
        "CANALE_OUTLET_ORIGINS": "http://sito.local:8080",
        "CANALE_LINK_PREVIEWS": "off",
        "CANALE_PREVIEW_ORIGINS": "https://www.comune.example.it",
        "CANALE_PUSH_PROXY": "proxy.example.it:3128",
        "CANALE_RATE_LIMITS": "off",
        "CANALE_SECRET_KEY": KEY,
        "CANALE_OLD_SECRET_KEY": "o" * 40,
        "CANALE_VAPID_CONTACT": "mailto:urp@comune.example.it",
        "CANALE_METRICS_ALLOWED_NETWORKS": "10.0.0.0/24, fd00::1",
        "CANALE_METRICS_PORT": "9100",
        "CANALE_LOG_FORMAT": "json",
        "CANALE_SOURCE_URL": "https://code.example.it/canale",
        "CANALE_TIME_ZONE": "Europe/Berlin",
    }
    assert given.keys() | {"CANALE_DATA"} == options().keys()
    settings = read(**given)
    assert settings.base_url == "https://canale.example.it"
    assert (settings.host, settings.port, settings.workers) == ("0.0.0.0", 80, 3)
    assert settings.web_processes == 2
    assert settings.trusted_proxies == ("10.0.0.5/32", "fd00::/64")
    assert settings.push_origins == ("https://localhost:9443", "http://[::1]:9000")
    assert settings.outlet_origins == ("http://sito.local:8080",)
    assert not settings.link_previews
    assert settings.preview_origins == ("https://www.comune.example.it",)
    assert settings.push_proxy == "http://proxy.example.it:3128"
    assert not settings.rate_limits
    assert settings.nats_url == ("nats://u:p%2C@n1:4222", "tls://token@n2")
    assert (settings.secret_key, settings.old_secret_key) == (KEY, "o" * 40)
    assert settings.database_url == given["CANALE_DATABASE_URL"]
    assert settings.vapid_contact == "mailto:urp@comune.example.it"
    assert [str(each) for each in settings.metrics_allowed_networks] == [
        "10.0.0.0/24",
        "fd00::1/128",
    ]
    assert (settings.metrics_port, settings.log_format) == (9100, "json")
    assert settings.source_url == "https://code.example.it/canale"
    assert settings.time_zone == "Europe/Berlin"


def test_origins_are_normalized(read: Read) -> None:
    assert (
        read(CANALE_BASE_URL="HTTPS://Canale.example.it:443").base_url
        == "https://canale.example.it"
    )
    origins = read(CANALE_PUSH_ORIGINS="http://push:80,http://push:8080,").push_origins
    assert origins == ("http://push", "http://push:8080")


def test_contact_follows_an_https_base_url(read: Read) -> None:
    assert read(CANALE_BASE_URL="https://c.example.it").vapid_contact == "https://c.example.it"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("CANALE_PORT", "70000", "from 1 to 65535"),
        ("CANALE_PORT", "http", "from 1 to 65535"),
        ("CANALE_HOST", "a b", "host name"),
        ("CANALE_BASE_URL", "canale.example.it", "http(s)://host"),
        ("CANALE_BASE_URL", "https://canale.example.it/canale", "without a path"),
        ("CANALE_WEB_PROCESSES", "0", "from 1 to 64"),
        ("CANALE_WORKERS", "-1", "from 0 to 256"),
        ("CANALE_TRUSTED_PROXIES", "*", "networks"),
        ("CANALE_TRUSTED_PROXIES", "10.0.0.5/24", "networks"),
        ("CANALE_TRUSTED_PROXIES", "proxy.example.it", "networks"),
        ("CANALE_PUSH_ORIGINS", "localhost:9443", "origins"),
        ("CANALE_RATE_LIMITS", "false", "on or off"),
        ("CANALE_METRICS_ALLOWED_NETWORKS", "*", "networks"),
        ("CANALE_METRICS_ALLOWED_NETWORKS", "10.0.0.1/24", "networks"),
        ("CANALE_METRICS_PORT", "0", "from 1 to 65535"),
        ("CANALE_LOG_FORMAT", "xml", "text or json"),
        ("CANALE_VAPID_CONTACT", "urp@comune.example.it", "mailto:"),
        ("CANALE_SOURCE_URL", "ftp://code", "http or https"),
        ("CANALE_TIME_ZONE", "Europe/Cremona", "Europe/Rome"),
        ("CANALE_TIME_ZONE", "../../etc/passwd", "Europe/Rome"),
    ],
)
def test_invalid_value_is_named(read: Read, name: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(**{name: value})
    message = str(refused.value)
    assert message.startswith(f"{name}={value} ")
    assert allowed in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CANALE_SECRET_KEY", "tooshort"),
        ("CANALE_DATABASE_URL", "mysql://u:hunter2@db/canale"),
        ("CANALE_DATABASE_URL", "postgresql://u:hunter2@db:port/canale"),
        ("CANALE_DATABASE_URL", "postgresql://u:hunter2@db"),
        ("CANALE_NATS_URL", "u:hunter2@nats:4222"),
        ("CANALE_NATS_URL", "http://u:hunter2@nats:4222"),
        ("CANALE_NATS_URL", "nats://u:hunter2@nats:port"),
        ("CANALE_NATS_URL", "nats://nats,nats://u:hunter2@nats/subject"),
    ],
)
def test_invalid_secret_is_named_and_not_shown(read: Read, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}=") as refused:
        read(**{name: value})
    assert value not in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_unknown_variable_is_refused_with_the_nearest_name(read: Read) -> None:
    with pytest.raises(
        SettingsError, match="CANALE_BASEURL is not .* did you mean CANALE_BASE_URL"
    ):
        read(CANALE_BASEURL="https://c.example.it")
    with pytest.raises(SettingsError, match="CANALE_XYZZY is not a setting; known: CANALE_DATA"):
        read(CANALE_XYZZY="1")


def test_empty_value_counts_as_not_set(read: Read) -> None:
    assert read(CANALE_PORT="", CANALE_HOST=" ").port == 8000


def test_value_can_be_read_from_a_file(read: Read, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    assert read(CANALE_SECRET_KEY_FILE=str(file)).secret_key == KEY
    with pytest.raises(SettingsError, match="CANALE_SECRET_KEY and CANALE_SECRET_KEY_FILE"):
        read(CANALE_SECRET_KEY_FILE=str(file), CANALE_SECRET_KEY=KEY)
    with pytest.raises(SettingsError, match=f"CANALE_PORT_FILE={tmp_path}/none"):
        read(CANALE_PORT_FILE=str(tmp_path / "none"))


def test_secrets_are_not_in_the_representation(read: Read) -> None:
    shown = repr(
        read(
            CANALE_SECRET_KEY=KEY,
            CANALE_DATABASE_URL="postgresql://u:hunter2@db/canale",
            CANALE_NATS_URL="nats://u:hunter2@nats",
        )
    )
    assert KEY not in shown
    assert "hunter2" not in shown


def test_key_is_created_once_and_kept(read: Read, tmp_path: Path) -> None:
    first, second = read(), read()
    kept = tmp_path / "data" / "secret-key"
    assert first.secret_key == second.secret_key == kept.read_text().strip()
    assert len(first.secret_key) >= 32
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in kept.parent.iterdir()] == ["secret-key"]


def test_previous_key_of_a_rotation_is_loaded(read: Read, tmp_path: Path) -> None:
    assert read().old_secret_key == ""
    old = tmp_path / "data" / "secret-key.old"
    old.write_text(KEY)
    assert read().old_secret_key == KEY
    # A rotation that ended before its new key was in place has no old key yet.
    old.write_text(read().secret_key)
    assert read().old_secret_key == ""
    old.write_text("half")
    with pytest.raises(SettingsError, match="secret-key.old holds no usable key"):
        read()


def test_damaged_key_is_refused_and_not_replaced(read: Read, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    kept = tmp_path / "data" / "secret-key"
    kept.write_text("half")
    with pytest.raises(SettingsError, match="secret-key holds no usable key"):
        read()
    assert kept.read_text() == "half"


def test_simultaneous_processes_agree_on_the_key(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "CANALE_DATA": str(tmp_path / "data")}
    program = "from canale.core.settings import settings; print(settings.secret_key)"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env=environment,
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    keys = {process.communicate(timeout=60)[0].strip() for process in started}
    assert len(keys) == 1
    assert len(keys.pop()) >= 32


def test_data_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="CANALE_DATA=.*cannot be made"):
        load({"CANALE_DATA": str(tmp_path / "file" / "data")})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may act for somebody else")
def test_root_creates_nothing_in_the_services_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    with pytest.raises(SettingsError, match="belongs to nobody.*run canale as nobody"):
        load({"CANALE_DATA": str(folder)})
    assert list(folder.iterdir()) == []


def test_unwritable_data_folder_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o500)
    tmp_path.chmod(0o755)
    child = os.fork()
    if not child:
        os.chdir(tmp_path)
        if os.geteuid() == 0:
            os.setuid(NOBODY)
        try:
            make_data_folder(Path("data"))
        except FolderError as error:
            os._exit(0 if "may not write there" in str(error) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "postgresql://u:hunter2@db:5433/canale?sslmode=require",
            "postgresql://u@db:5433/canale",
        ),
        ("postgresql://u@db/canale", "postgresql://u@db/canale"),
        ("postgresql://db:5432/canale", "postgresql://…"),
        ("postgresql://u:h@[::1]:5433/canale", "postgresql://u@[::1]:5433/canale"),
        ("postgresql:///canale?user=u&password=hunter2", "postgresql://u@/canale"),
        ("postgresql:///canale?password=hunt@er2", "postgresql:///canale"),
        ("postgresql:///canale?pass%77ord=hunter2", "postgresql:///canale"),
        ("postgresql:///canale?host=/run/postgresql", "postgresql:///canale"),
        ("postgresql:///canale?hunter2", "postgresql://…"),
        ("postgresql://u:hun@t/er#2@db/canale", "postgresql://…"),
        ("postgresql://u:hun@t/er?a=2@db/canale", "postgresql://…"),
        ("postgresql://u:hunt#er2@db/canale", "postgresql://…"),
        ("postgresql://u:hunter2", "postgresql://…"),
        ("postgresql://u@x:hunter2", "postgresql://…"),
        ("postgresql://u@x:hunter2/canale", "postgresql://…"),
        ("postgresql://u:1234/hunter2", "postgresql://…"),
        ("postgresql://u:1234/hunter2@db/canale", "postgresql://…"),
        ("postgresql://u:1234/hun/ter2", "postgresql://…"),
        ("postgresql://u:1234?hunter2", "postgresql://…"),
        ("postgresql://u/hunter2@h/db", "postgresql://…"),
        ("postgresql://u:1234?hunter2@h/db", "postgresql://…"),
        ("postgresql://u:a@hunter2@h/db", "postgresql://u@h/db"),
        ("mysql://hunter2/x", "mysql://…"),
        ("sqlite:hunter2", "…"),
        ("sqlite://hunter2/x", "sqlite://…"),
        ("sqlite:////srv/a:b.sqlite3", "sqlite:////srv/a:b.sqlite3"),
        ("hunter2", "…"),
        ("host=db password=hunter2", "…"),
        ("", "…"),
    ],
)
def test_a_database_url_is_shown_without_its_password(url: str, said: str) -> None:
    assert shown(url) == said


def test_database_urls_are_parsed() -> None:
    assert parse_database_url("sqlite:///a%20b.sqlite3")["NAME"] == "a b.sqlite3"
    assert parse_database_url("sqlite:////srv/c.sqlite3")["NAME"] == "/srv/c.sqlite3"
    remote = parse_database_url("postgresql://u:p%40ss@db:5433/canale?sslmode=require")
    assert [remote[k] for k in ("NAME", "USER", "PASSWORD", "HOST", "PORT")] == [
        "canale", "u", "p@ss", "db", "5433",
    ]  # fmt: skip
    assert remote["OPTIONS"] == {**PATIENCE, "sslmode": "require"}
    socket = parse_database_url("postgresql://u@/canale?host=/run/postgresql")
    assert (socket["HOST"], socket["OPTIONS"]) == ("/run/postgresql", PATIENCE)
    patient = parse_database_url("postgresql://u@db/canale?connect_timeout=60")
    assert patient["OPTIONS"] == {**PATIENCE, "connect_timeout": "60"}


def test_django_gets_the_database(read: Read) -> None:
    default = database_settings(read(CANALE_DATABASE_URL="postgresql://u@db/canale"))["default"]
    assert default["ENGINE"] == "django.db.backends.postgresql"
    assert default["NAME"] == "canale"
