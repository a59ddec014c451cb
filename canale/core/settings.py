# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every setting, typed, read once from the environment.

``from canale.core.settings import settings`` reads the environment at the first use and raises
SettingsError on an unknown ``CANALE_…`` variable or a bad value. The fields of Settings are also
the table in ``docs/settings.md`` (``bin/docs-settings``).
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from canale.core.data_folder import DATABASE, FolderError, make_data_folder
from canale.core.database_url import database_file_url, parse_database_url, shown
from canale.core.errors import SettingsError
from canale.core.setting_defaults import (
    PREFIX,
    SECRET_KEY_LENGTH,
    Known,
    cores,
    default_contact,
    environments_proxy,
    kept_old_key,
    kept_secret_key,
    long_enough_key,
)
from canale.core.setting_values import (
    Network,
    contact,
    database_url,
    folder,
    link,
    listening_host,
    log_form,
    nats_servers,
    networks,
    origin,
    origins,
    port_number,
    proxy_networks,
    push_proxy,
    switch,
    time_zone,
    whole,
)

__all__ = [
    "Option",
    "Settings",
    "SettingsError",
    "database_settings",
    "load",
    "options",
    "settings",
    "settings_for_help",
    "table",
]

T = TypeVar("T")


@dataclass(frozen=True)
class Option:
    """One row of the table; ``default`` receives the values of the fields above its own."""

    parse: Callable[[str], object]
    default: Callable[[Known], object]
    doc: str
    allowed: str
    default_text: str
    secret: bool
    shown: Callable[[str], str]


def option(
    parse: Callable[[str], T],
    default: Callable[[Known], T],
    *,
    doc: str,
    allowed: str,
    default_text: str,
    secret: bool = False,
    shown: Callable[[str], str] = lambda _: "(hidden)",
) -> T:
    """Declare a field; returns its value's type, so that mypy compares parser and annotation."""
    row = Option(parse, default, doc, allowed, default_text, secret, shown)
    declared: T = field(repr=not secret, metadata={"option": row})
    return declared


def _whole(low: int, high: int) -> Callable[[str], int]:
    return lambda text: whole(text, low, high)


@dataclass(frozen=True)
class Settings:
    """All settings of one process. Each field ``name`` is the variable ``CANALE_NAME``."""

    data: Path = option(
        folder,
        lambda _: Path("data").absolute(),
        doc="Folder for all data that must be kept: database, images, keys (`canale backup`).",
        allowed="a folder; made if it is missing",
        default_text="`./data`",
    )
    host: str = option(
        listening_host,
        lambda _: "127.0.0.1",
        doc="Address to listen on. `0.0.0.0` is every IPv4 address of the machine, `::` every IPv6 "
        "address.",
        allowed="an IP address or a host name",
        default_text="`127.0.0.1`",
    )
    port: int = option(
        port_number,
        lambda _: 8000,
        doc="Port to listen on. Site and real-time stream share it.",
        allowed="a number from 1 to 65535",
        default_text="`8000`",
    )
    base_url: str = option(
        origin,
        lambda known: f"http://localhost:{known['port']}",
        doc="URL that citizens see, and the base of links, QR codes and notifications. Phones "
        "accept notifications only from `https` (and from `localhost`). With https, requests for "
        "any other host get 421.",
        allowed="http(s)://host or http(s)://host:port, without a path; the host is a name of "
        "letters, digits and hyphens (letters beyond ASCII become punycode) or an IP address (IPv6 "
        "in brackets)",
        default_text="`http://localhost:` and the port",
    )
    trusted_proxies: tuple[str, ...] = option(
        proxy_networks,
        lambda _: ("127.0.0.0/8", "::1/128"),
        doc="Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are trusted; no others are.",
        allowed="IP addresses or networks (10.0.0.5, 10.1.0.0/24, fd00::/64), separated by commas, "
        "not everybody (0.0.0.0/0)",
        default_text="the machine itself: `127.0.0.0/8, ::1/128`",
    )
    database_url: str = option(
        database_url,
        lambda known: database_file_url(known["data"] / DATABASE),
        doc="Database for posts and followers.",
        allowed="sqlite:///path (an absolute path makes it four slashes) or "
        "postgresql://user:password@host:port/name (libpq options after `?`); `@`, `:`, `/`, "
        "`?`, `#` and `%` in a password percent-encoded",
        default_text="`canale.sqlite3` in the data folder",
        secret=True,
        shown=shown,
    )
    nats_url: tuple[str, ...] = option(
        nats_servers,
        lambda _: (),
        doc="NATS servers through which the processes of several machines notify each other. If "
        "unset, the processes of one machine use local sockets.",
        allowed="nats://user:password@host:port or tls://… (a token may stand for user and "
        "password), several separated by commas; `,`, `@`, `:` and `/` in a password "
        "percent-encoded",
        default_text="none",
        secret=True,
    )
    web_processes: int = option(
        _whole(1, 64),
        lambda _: 1,
        doc="Number of processes that share the port and serve site and stream; one is enough for "
        "a city. With two or more, another `canale serve` can share it too, and take over without "
        "a gap.",
        allowed="a number from 1 to 64",
        default_text="`1`",
    )
    workers: int = option(
        _whole(0, 256),
        cores,
        doc="Number of worker processes that encrypt and send; `0` if `canale worker` runs "
        "elsewhere.",
        allowed="a number from 0 to 256",
        default_text="the number of cores",
    )
    push_origins: tuple[str, ...] = option(
        origins,
        lambda _: (),
        doc="Push services to accept besides the known ones, even at private addresses, for "
        "rehearsals and tests.",
        allowed="origins (https://host:port or http://host:port), separated by commas",
        default_text="none",
    )
    outlet_origins: tuple[str, ...] = option(
        origins,
        lambda _: (),
        doc="Addresses that outlets may call besides public ones at https, such as a program in "
        "the city's own network; also for rehearsals and tests.",
        allowed="origins (https://host:port or http://host:port), separated by commas",
        default_text="none",
    )
    link_previews: bool = option(
        switch,
        lambda _: True,
        doc="Previews of links in posts, which workers fetch from the linked sites. `off` on "
        "machines without a way to the internet; what was fetched is then not shown either.",
        allowed="on or off",
        default_text="`on`",
    )
    preview_origins: tuple[str, ...] = option(
        origins,
        lambda _: (),
        doc="Sites that posts link to and that have a private address here, such as the city's own "
        "website behind a split DNS; also for rehearsals and tests.",
        allowed="origins (https://host:port or http://host:port), separated by commas",
        default_text="none",
    )
    push_proxy: str = option(
        push_proxy,
        environments_proxy,
        doc="Proxy through which push services, outlets and linked sites are reached (CONNECT); "
        "those of `CANALE_PUSH_ORIGINS`, `CANALE_OUTLET_ORIGINS` and `CANALE_PREVIEW_ORIGINS` are "
        "reached directly.",
        allowed="http://user:password@host:port, https://… or `direct`",
        default_text="`HTTPS_PROXY` or `ALL_PROXY` of the environment, unless `NO_PROXY` is `*`; "
        "else direct",
        secret=True,
    )
    rate_limits: bool = option(
        switch,
        lambda _: True,
        doc="Limits on how often a network address may write. `off` is for rehearsals and load "
        "tests.",
        allowed="on or off",
        default_text="`on`",
    )
    secret_key: str = option(
        long_enough_key,
        kept_secret_key,
        doc="Key from which every other secret is derived: the vault of followers' addresses, "
        "the push identity, sessions. Losing it means losing every follower.",
        allowed=f"at least {SECRET_KEY_LENGTH} characters",
        default_text="generated on the first start, stored in `secret-key` in the data folder",
        secret=True,
    )
    old_secret_key: str = option(
        long_enough_key,
        kept_old_key,
        doc="The previous key, which still opens; only during a rotation (docs/operate.md).",
        allowed=f"at least {SECRET_KEY_LENGTH} characters",
        default_text="`secret-key.old` in the data folder, if it is there",
        secret=True,
    )
    vapid_contact: str = option(
        contact,
        default_contact,
        doc="Contact for push services in case of problems (RFC 8292, `sub`).",
        allowed="what every push service takes: mailto: and one e-mail address at a name on the "
        "internet (mailto:urp@comune.example.it), or an https address at such a name",
        default_text="the base URL if it is such an https address, else `mailto:admin@localhost`",
    )
    metrics_allowed_networks: tuple[Network, ...] = option(
        networks,
        lambda _: networks("127.0.0.0/8,::1"),
        doc="Networks that may read `/metrics`; others get 404. A request through a proxy counts "
        "as coming from its real client, and never from this machine.",
        allowed="networks or addresses (10.0.0.0/24,192.168.1.5), separated by commas",
        default_text="this machine",
    )
    metrics_port: int | None = option(
        port_number,
        lambda _: None,
        doc="Port on which a `canale worker` without `canale serve` exposes `/metrics`, at "
        "`CANALE_HOST`; several workers of one machine share it.",
        allowed="a number from 1 to 65535",
        default_text="none",
    )
    log_format: str = option(
        log_form,
        lambda _: "text",
        doc="Format of the log: `json` is one JSON object per line (docs/metrics.md).",
        allowed="text or json",
        default_text="`text`",
    )
    source_url: str = option(
        link,
        lambda _: "",
        doc="Link to the source code of the running version, for the footer. You must set it if "
        "you change canale and offer it to others (AGPL, section 13).",
        allowed="an http or https address",
        default_text="none",
    )
    time_zone: str = option(
        time_zone,
        lambda _: "Europe/Rome",
        doc="The city's time zone, in which every time is shown.",
        allowed="a name of the IANA time zone database, such as Europe/Rome",
        default_text="`Europe/Rome`",
    )


def options() -> dict[str, tuple[Field[Any], Option]]:
    """Every variable's name with its field and its row of the table, in order."""
    return {PREFIX + f.name.upper(): (f, f.metadata["option"]) for f in fields(Settings)}


def load(environment: Mapping[str, str], *, make: bool = True) -> Settings:
    """Read all settings. Raises SettingsError. An empty value counts as not set. ``make`` the data
    folder and its key if they are missing; without, the key may be empty."""
    known = {name + ending for name in options() for ending in ("", "_FILE")}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
            hint = f"did you mean {near[0]}?" if near else "known: " + ", ".join(options())
            raise SettingsError(f"{name} is not a setting; {hint}")
    values: dict[str, Any] = {"environment": environment} | ({} if make else {"secret_key": ""})
    for name, (f, row) in options().items():
        if not make and f.name in values:
            continue
        text = _given(environment, name)
        values[f.name] = row.default(values) if text is None else _parsed(name, text, row)
        if f.name == "data" and make:
            try:
                make_data_folder(values["data"])
            except FolderError as error:
                raise SettingsError(f"{PREFIX}DATA={values['data']}: {error}") from error
    if values["metrics_port"] == values["port"]:
        raise SettingsError(
            f"{PREFIX}METRICS_PORT={values['metrics_port']} is {PREFIX}PORT too; choose another"
        )
    return Settings(**{f.name: values[f.name] for f in fields(Settings)})


def _given(environment: Mapping[str, str], name: str) -> str | None:
    text, path = environment.get(name), environment.get(f"{name}_FILE")
    if text and path:
        raise SettingsError(f"{name} and {name}_FILE are both set; keep one of them")
    if not path:
        return text.strip() or None if text else None
    try:
        # Windows' editors put a byte order mark first.
        return Path(path).read_text(encoding="utf-8-sig").strip()
    except (OSError, ValueError) as error:
        raise SettingsError(f"{name}_FILE={path}: cannot be read ({error})") from error


def _parsed(name: str, text: str, row: Option) -> object:
    value = row.shown(text) if row.secret else text.encode(errors="backslashreplace").decode()
    try:
        text.encode()
        return row.parse(text)
    except UnicodeEncodeError:
        reason = " (it is not UTF-8)"
    except KeyError:
        reason = ""
    except ValueError as error:
        # The reason may repeat a part of the value.
        reason = f" ({error})" if str(error) and not row.secret else ""
    raise SettingsError(f"{name}={value} is not usable{reason}; allowed: {row.allowed}")


def database_settings(current: Settings) -> dict[str, dict[str, Any]]:
    """Django's ``DATABASES``."""
    return {"default": parse_database_url(current.database_url)}


def table() -> str:
    """The rows of ``docs/settings.md``."""
    return "".join(
        f"| `{name}` | {row.doc} | {row.allowed} | {row.default_text} |\n"
        for name, (_, row) in options().items()
    )


settings: Settings


def settings_for_help() -> None:
    """Use defaults, and create nothing: `canale COMMAND --help` works with bad settings."""
    globals().setdefault("settings", load({}, make=False))


def __getattr__(name: str) -> Settings:
    """Load on first use, so that reading the table has no effect on any folder."""
    if name != "settings":
        raise AttributeError(name)
    loaded = load(os.environ)
    globals()["settings"] = loaded
    return loaded


if __name__ == "__main__":
    sys.stdout.write(table())
