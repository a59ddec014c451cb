# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A value that could not work is refused when it is read; what is taken works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.test import RequestFactory, override_settings
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from canale.core.database_url import database_file_url, parse_database_url
from canale.core.setting_defaults import LOCAL_CONTACT
from canale.core.setting_values import contact, listening_host, networks, origin
from canale.core.settings import Settings, SettingsError, load

Read = Callable[..., Settings]

# The value as it is set, and as it is used everywhere.
BASE_URLS = {
    "https://canale.comune.forlì.it": "https://canale.comune.xn--forl-tpa.it",
    "https://canale.comune.forli\u0300.it": "https://canale.comune.xn--forl-tpa.it",
    "https://CANALE.COMUNE.FORLÌ.IT": "https://canale.comune.xn--forl-tpa.it",
    "https://canale。comune。forlì。it": "https://canale.comune.xn--forl-tpa.it",
    "https://canale.comune.xn--forl-tpa.it": "https://canale.comune.xn--forl-tpa.it",
    "https://občina.števerjan.it:8443": "https://xn--obina-iya.xn--teverjan-4wb.it:8443",
    "https://straße.example": "https://xn--strae-oqa.example",
    "HTTPS://Canale.Comune.IT:443/": "https://canale.comune.it",
    "https://canale.comune.it.": "https://canale.comune.it",
    "https://canale.comune.it:": "https://canale.comune.it",
    "https://r3---canale.example.it": "https://r3---canale.example.it",
    "https://3.example.it": "https://3.example.it",
    "http://canale:8000": "http://canale:8000",
    "http://localhost:00080": "http://localhost",
    "http://192.168.1.20:8000": "http://192.168.1.20:8000",
    "http://[::1]:8000": "http://[::1]:8000",
    "http://[0:0:0:0:0:0:0:1]": "http://[::1]",
    "https://[2001:DB8::20]": "https://[2001:db8::20]",
}
BAD_BASE_URLS = [
    "canale.example.it", "ftp://canale.example.it", "//canale.example.it", "https://", "https:///",
    "https:/canale.example.it", "https:canale.example.it", "https://canale.example.it/canale",
    "https://canale.example.it//", "https://canale.example.it?", "https://canale.example.it#",
    "https://canale.example.it/?x", "https://user@canale.example.it", "https://@canale.example.it",
    "https://u:p@canale.example.it", "http://canale_app:8000", "https://a_b.example.it",
    "https://canale .example.it", "https://canale.example.it\n", "https://cana\tle.example.it",
    "https://cana\u200ble.example.it/x", "https://canale%2Eexample.it", "https://canale\\example",
    "https://-canale.example.it", "https://canale-.example.it", "https://canale..example.it",
    "https://.example.it", "https://*.example.it", "https://canale,example.it", "https://a!b.it",
    f"https://{'a' * 64}.it", f"https://{'a.' * 127}it", "https://xn--zzzzzzzz-9.it",
    "https://canale.example.it:0", "https://canale.example.it:65536", "https://canale.example.it:x",
    "https://canale.example.it:+80", "https://canale.example.it:８０", "https://canale.it:80:80",
    "https://1.2.3", "https://1.2.3.4.5", "https://300.1.1.1", "https://0x7f.1", "https://canale.1",
    "https://0.0.0.0", "https://224.0.0.1", "https://255.255.255.255", "http://[::]:8000",
    "http://[fe80::1%eth0]", "http://[fe80::1%25eth0]", "http://::1", "http://[::1", "http://[::g]",
    "http://[::1]8000", "http://[canale]", "http://[v1.x]", "https://❤.example",
]  # fmt: skip


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return lambda **given: load({"CANALE_DATA": str(tmp_path / "data"), **given})


@pytest.mark.parametrize(("written", "used"), BASE_URLS.items())
def test_accepted_base_url_has_a_host_that_django_accepts(
    read: Read, written: str, used: str
) -> None:
    assert read(CANALE_BASE_URL=written).base_url == used
    host = urlsplit(used).netloc
    request = RequestFactory().get("/", headers={"Host": host})
    with override_settings(ALLOWED_HOSTS=["*"]):
        assert request.get_host() == host


@pytest.mark.parametrize("url", BAD_BASE_URLS)
def test_base_url_that_cannot_work_is_refused(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        origin(url)


@bounded(max_examples=200, deadline=None)
@given(st.text(max_size=20), st.sampled_from(["", ":8000", ".it", "/", "]", "@x"]))
def test_any_text_is_a_working_base_url_or_is_refused(text: str, end: str) -> None:
    try:
        used = origin(f"https://{text}{end}")
    except ValueError:
        return
    assert used.isascii()
    assert origin(used) == used
    with override_settings(ALLOWED_HOSTS=["*"]):
        RequestFactory().get("/", headers={"Host": urlsplit(used).netloc}).get_host()


def test_error_names_the_problem_and_the_allowed_values(read: Read) -> None:
    with pytest.raises(SettingsError, match=r"CANALE_BASE_URL=.*underscore.*letters, digits"):
        read(CANALE_BASE_URL="http://canale_app:8000")
    with pytest.raises(SettingsError, match=r"CANALE_VAPID_CONTACT=.*internet.*mailto:urp@comune"):
        read(CANALE_VAPID_CONTACT="mailto:urp@canale.local")


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("mailto:urp@comune.example.it", "mailto:urp@comune.example.it"),
        ("MAILTO:urp@Comune.Example.IT", "mailto:urp@comune.example.it"),
        ("mailto:URP+canale@comune.forlì.it", "mailto:URP+canale@comune.xn--forl-tpa.it"),
        ("mailto:d'amico@comune.example.it", "mailto:d'amico@comune.example.it"),
        ("https://comune.example.it", "https://comune.example.it"),
        ("https://Comune.forlì.it/contatti?x=1", "https://comune.xn--forl-tpa.it/contatti?x=1"),
    ],
)
def test_contact_accepted_by_push_services(written: str, used: str) -> None:
    assert contact(written) == used
    assert contact(used) == used


@pytest.mark.parametrize(
    "text",
    [
        "mailto: urp@comune.example.it", "mailto:urp@comune.example.it ", "mailto:u rp@a.it",
        "mailto:URP <urp@comune.example.it>", "mailto:<urp@comune.example.it>", "mailto:@",
        "mailto:urp@", "mailto:@comune.example.it", "mailto:urp", "mailto:", "mailto://urp@a.it",
        "mailto:urp@comune.example.it,ced@comune.example.it", "mailto:a@b@comune.example.it",
        "mailto:urp@comune.example.it?subject=x", "mailto:urp%40x@comune.example.it",
        "mailto:urp@comune.example.it#x", 'mailto:"u"@comune.example.it', "mailto:u..p@a.it",
        "mailto:.urp@comune.example.it", "mailto:perché@comune.example.it", "mailto:a&b@a.it",
        "mailto:admin@localhost", "mailto:urp@canale.local", "mailto:urp@x.localhost",
        "mailto:urp@server.lan", "mailto:urp@x.internal", "mailto:urp@x.home.arpa",
        "mailto:urp@10.0.0.1", "mailto:urp@[10.0.0.1]", "mailto:urp@[IPv6:::1]",
        "mailto:urp@comune_x.it", "mailto:urp@comune..it", f"mailto:{'a' * 65}@comune.it",
        "urp@comune.example.it", "http://comune.example.it", "https://localhost", "https:/x",
        "https://", "https:comune.example.it", "https://comune", "https://10.0.0.1",
        "https://[2001:db8::1]", "https://u@comune.example.it", "https://comune.example.it/a b",
        "https://comune.example.it/perché", "https://canale.local/x", "tel:+390372", "",
    ],
)  # fmt: skip
def test_contact_refused_by_push_services_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        contact(text)


@pytest.mark.parametrize("base", ["https://10.0.0.5", "https://canale.local", "http://canale.it"])
def test_base_url_that_push_services_refuse_is_not_the_contact(read: Read, base: str) -> None:
    assert read(CANALE_BASE_URL=base).vapid_contact == LOCAL_CONTACT


@pytest.mark.parametrize(
    ("written", "used"),
    [("[::1]", "::1"), ("::", "::"), ("0.0.0.0", "0.0.0.0"), ("Localhost.", "localhost")],
)
def test_host_to_listen_on_is_checked(written: str, used: str) -> None:
    assert listening_host(written) == used


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOST", "localhost:8000"), ("HOST", "http://localhost"), ("HOST", "127.0.0.1:8000"),
        ("HOST", "fe80::1%eth0"), ("HOST", "*"), ("HOST", "300.0.0.1"), ("HOST", "a_b"),
        ("PORT", "1_000"), ("PORT", "+80"), ("PORT", "８０"), ("PORT", "80.0"), ("PORT", "0"),
        ("WORKERS", "1_0"), ("WEB_PROCESSES", "٣"), ("METRICS_PORT", "8000"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"), ("TRUSTED_PROXIES", "10.0.0.1,::/0"),
        ("DATABASE_URL", "sqlite:///:memory:"), ("DATABASE_URL", "sqlite:///file:x?mode=memory"),
        ("DATABASE_URL", "sqlite:////srv/x.sqlite3?timeout=5"), ("DATABASE_URL", "sqlite:////srv/"),
        ("DATABASE_URL", "postgresql://u:p@db/canale#x"), ("DATABASE_URL", "postgresql://u@db:0/c"),
        ("DATABASE_URL", "postgresql://u:p@db/canale?sslmod=require"),
        ("DATABASE_URL", "postgresql://u:p@d\tb/canale"),
        ("NATS_URL", "nats://na ts:4222"), ("NATS_URL", "nats://nats:0"), ("NATS_URL", "nats://"),
        ("NATS_URL", "nats://[fe80::1%eth0]:4222"), ("NATS_URL", "nats://nats:99999"),
        ("PUSH_ORIGINS", "https://push_a:1"), ("PUSH_ORIGINS", "https://push.example/x"),
        ("SOURCE_URL", "https://code example.it"), ("SOURCE_URL", "https://"),
        ("SOURCE_URL", "javascript:alert(1)"), ("SOURCE_URL", "https://u@code.example.it"),
        ("TIME_ZONE", "europe/rome"), ("TIME_ZONE", "CET+1"), ("TIME_ZONE", "Rome"),
        ("LOG_FORMAT", "JSON"), ("RATE_LIMITS", "ON"), ("DATA", "~nobody-of-this-name/data"),
        ("SECRET_KEY", "k" * 31), ("SECRET_KEY", "k" * 40 + "\udce8"), ("TIME_ZONE", "\udcff"),
    ],
)  # fmt: skip
def test_value_that_cannot_work_stops_the_start(read: Read, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^CANALE_{name}=") as refused:
        read(**{f"CANALE_{name}": value})
    str(refused.value).encode()


def test_byte_order_mark_of_a_file_is_removed(read: Read, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_bytes(b"\xef\xbb\xbfhttps://canale.example.it\r\n")
    assert read(CANALE_BASE_URL_FILE=str(file)).base_url == "https://canale.example.it"
    file.write_bytes("https://canale.example.it".encode("utf-16"))
    with pytest.raises(SettingsError, match="CANALE_BASE_URL_FILE=.*cannot be read"):
        read(CANALE_BASE_URL_FILE=str(file))


@pytest.mark.parametrize("name", ["my data", "a#b", "50%", "perché", "a?b=c"])
def test_database_is_in_the_data_folder_whatever_its_name(tmp_path: Path, name: str) -> None:
    current = load({"CANALE_DATA": str(tmp_path / name)})
    assert parse_database_url(current.database_url)["NAME"] == str(
        tmp_path / name / "canale.sqlite3"
    )
    odd = Path("/srv") / "citt\udce0"
    assert parse_database_url(database_file_url(odd))["NAME"] == str(odd)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ({}, ""),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ({"https_proxy": "proxy:3128", "HTTPS_PROXY": "http://other:1"}, "http://proxy:3128"),
        ({"ALL_PROXY": "http://u:p%40@[::1]:3128/"}, "http://u:p%40@[::1]:3128"),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, ""),
        ({"HTTP_PROXY": "http://proxy:3128"}, ""),
        ({"HTTPS_PROXY": "http://proxy:3128", "CANALE_PUSH_PROXY": "direct"}, ""),
        ({"HTTPS_PROXY": "socks5://x", "CANALE_PUSH_PROXY": "https://b:1"}, "https://b:1"),
    ],
)
def test_proxy_of_the_environment_is_used(read: Read, given: dict[str, str], used: str) -> None:
    assert read(**given).push_proxy == used


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "CANALE_PUSH_PROXY"])
@pytest.mark.parametrize(
    "value",
    ["socks5://u:hunter2@x:1080", "http://", "http://x:0", "http://x:y", "http://x/hunter2"],
)
def test_proxy_that_cannot_be_used_is_refused_by_name(read: Read, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}\\b") as refused:
        read(**{name: value})
    assert "http://" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_networks_may_be_empty() -> None:
    assert networks(" , ") == ()
