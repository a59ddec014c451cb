# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which addresses of strangers are called, and which are not."""

from __future__ import annotations

import asyncio

import pytest

from canale.delivery.transports.webpush.services import check_endpoint
from canale.net.endpoints import EndpointRefusedError, is_public, public_addresses

EXTRA = ("http://127.0.0.1:9001", "https://push.example:8443")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://fcm.googleapis.com/fcm/send/abc:APA91b-_x", "https://fcm.googleapis.com"),
        ("https://fcm.googleapis.com/wp/abc", "https://fcm.googleapis.com"),
        ("https://jmt17.google.com/fcm/send/a", "https://jmt17.google.com"),
        (
            "https://updates.push.services.mozilla.com/wpush/v2/gAAA=",
            "https://updates.push.services.mozilla.com",
        ),
        ("https://web.push.apple.com/QABC", "https://web.push.apple.com"),
        (
            "https://wns2-par02p.notify.windows.com/w/?token=BQY%3d",
            "https://wns2-par02p.notify.windows.com",
        ),
        ("http://127.0.0.1:9001/push/x", "http://127.0.0.1:9001"),
        ("https://push.example:8443/push/x", "https://push.example:8443"),
    ],
)
def test_known_services_and_extra_origins_are_accepted(url: str, origin: str) -> None:
    assert check_endpoint(url, EXTRA) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "fcm.googleapis.com/x",
        "http://fcm.googleapis.com/x",
        "ftp://fcm.googleapis.com/x",
        "file:///etc/passwd",
        "https://fcm.googleapis.com",
        "https://fcm.googleapis.com:443/x",
        "https://fcm.googleapis.com:8443/x",
        "https://fcm.googleapis.com./x",
        "https://FCM.googleapis.com/x",
        "https://evil.example/x",
        "https://evilnotify.windows.com/x",
        "https://notify.windows.com/x",
        "https://.notify.windows.com/x",
        "https://a..notify.windows.com/x",
        "https://-a.notify.windows.com/x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://fcm.googleapis.com@evil.example/x",
        "https://evil.example@fcm.googleapis.com/x",
        "https://evil.example#fcm.googleapis.com/x",
        "https://evil.example\\@fcm.googleapis.com/x",
        "https://fcm.googleapis.com\\.evil.example/x",
        "https://fcm.googleapis.com/x#y",
        "https://fcm.googleapis.com/x y",
        'https://fcm.googleapis.com/x"y',
        "https://fcm.googleapis.com/x\r\nHost: evil.example",
        "https://fcm.googleapis.com\t/x",
        "\thttps://fcm.googleapis.com/x",
        "https://fcm%2egoogleapis.com/x",
        "https://fcm.googleapis\u3002com/x",
        "https://ｆcm.googleapis.com/x",
        "https://fcm.googleapıs.com/x",
        "https://[::1]/x",
        "https://127.0.0.1/x",
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/x",
        # An added origin is meant exactly as written.
        "http://127.0.0.1:9002/x",
        "http://127.0.0.1/x",
        "https://127.0.0.1:9001/x",
        "http://127.0.0.1:90011/x",
        "http://127.0.0.1:9001@evil.example/x",
        "https://push.example/x",
        "https://fcm.googleapis.com/" + "x" * 2048,
    ],
)
def test_everything_else_is_refused(url: str) -> None:
    with pytest.raises(EndpointRefusedError) as refusal:
        check_endpoint(url, EXTRA)
    assert "evil" not in str(refusal.value)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "142.250.180.10",
        "2a00:1450:4002:800::200a",
        "64:ff9b::8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b::192.168.1.1",
        "64:ff9b::169.254.169.254",
        "3fff::1",
        "3fff:fff:ffff::1",
        "5f00::1",
        "100::1",
        "100:0:0:1::1",
        "4000::1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::1",
        "2001:0:7f00:1::1",
        "2001:db8::1",
        "not an address",
    ],
)
def test_non_public_addresses_are_refused(address: str) -> None:
    assert not is_public(address)


def test_private_addresses_of_a_host_are_skipped() -> None:
    async def resolver(host: str, port: int) -> list[str]:
        return ["10.0.0.1", "8.8.8.8", "::1"]

    assert asyncio.run(public_addresses("x.example", 443, resolver)) == ["8.8.8.8"]


def test_a_host_with_private_addresses_only_is_refused() -> None:
    async def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1", "fd00::1"]

    with pytest.raises(EndpointRefusedError, match="no public address"):
        asyncio.run(public_addresses("x.example", 443, resolver))
