# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Nothing that a request holds is a 500 or a line at ERROR, at any address that reads a body."""

from __future__ import annotations

import json
import logging
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from hypothesis import given, settings
from hypothesis import strategies as st

from canale.accounts import setup as setting_up
from canale.accounts import tokens
from canale.accounts.models import Membership, Role, Staff
from canale.api.urls import router
from canale.channel.channels import create_channel
from canale.followers.device_token import COOKIE, new_token
from canale.net.json_reader import MAX_DEPTH, JSONError, is_too_deep, read_json
from canale.publishing import drafts, publish
from canale.publishing.content import Content

DEEP = [
    "[" * 900,
    "[" * 60_000,
    "[" * 4_000 + "]" * 4_000,
    '{"a":' * 1_500,
    '{"a":' * 1_300 + "1" + "}" * 1_300,
    '{"emoji":' + "[" * 3_900 + "]" * 3_900 + "}",
]
ODD = [
    '{"emoji": NaN}',
    '{"emoji": -Infinity}',
    '{"emoji": 1e400}',
    '{"emoji": ' + "9" * 6_000 + "}",
    '{"emoji": "\\ud800"}',
    '{"\\ud800": 1}',
    '{"emoji": "\\u0000"}',
    '{"emoji": "x", "emoji": "y"}',
    '{"emoji": "x"} x',
    "\ufeff[]",
    "",
    '"x"',
    "null",
    "{",
]
BYTES = [
    '{"emoji":"x"}'.encode("utf-16"),
    '{"emoji":"\xe0"}'.encode("latin-1"),
    b"\xff\xfe",
    b"a=%ED%A0%80&%00=%00",
    b"a=1&" * 1_200,
    b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb",
    b"--x\r\nContent-Disposition: form-data; name=a; filename=\x00\r\n\r\nb\r\n--x--",
    b'--x\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\nb\r\n' * 20 + b"--x--",
    b"--x\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64"
    b"\r\n\r\n!\r\n--x--",
]
BODIES = [body.encode() for body in (*DEEP, *ODD)] + BYTES
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
TYPES = [
    FORM + "; charset=latin-1",
    MULTIPART,
    "multipart/form-data",
    "multipart/form-data; boundary=" + "x" * 300,
    "x",
]
Call = tuple[str, str]


@pytest.mark.parametrize("body", [*DEEP, *ODD[:4], *ODD[8:9], *ODD[13:], *BYTES])
def test_invalid_json_is_refused_uniformly(body: str | bytes) -> None:
    with pytest.raises(JSONError):
        read_json(body)
    with pytest.raises(json.JSONDecodeError):
        read_json(body)


def test_valid_json_is_parsed() -> None:
    for document in ({"a": ["[" * 100, '"[{\\', "😀", 1.5, None]}, [[]] * 40, "x" * 10**6):
        for plain in (True, False):
            assert read_json(json.dumps(document, ensure_ascii=plain).encode()) == document
    assert read_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    with pytest.raises(JSONError):
        read_json("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(['"', "\\", "[", "]", "{", "}", "a"]), max_size=120))
def test_nesting_depth_is_counted_like_a_parser(signs: list[str]) -> None:
    """One level too few would be a RecursionError; brackets in strings are none."""
    depth, deepest, text, escaped = 0, 0, False, False
    for sign in signs:
        if escaped:
            escaped = False
        elif text and sign in '\\"':
            escaped, text = sign == "\\", sign != '"'
        elif not text and sign == '"':
            text = True
        elif not text:
            depth += (sign in "[{") - (sign in "]}")
            deepest = max(deepest, depth)
    for limit in (0, 3):
        assert is_too_deep("".join(signs).encode(), limit) == (deepest > limit)


@pytest.fixture
def calls(db: None) -> tuple[Client, list[Call]]:
    """An administrator's browser that is a reader's and a program's as well, and every call."""
    secret = setting_up.make_setup_link().rstrip("/").rsplit("/", 1)[1]
    city = create_channel("cremona", "Comune di Cremona")
    post = publish.publish(
        drafts.save_draft(city, Content("news", "Notizia", "x"), by="cli"), by="cli"
    )
    draft = drafts.save_draft(city, Content("news", "Bozza", "x"), by="cli")
    staff = Staff.objects.create_user("admin@cremona.test", "acqua alta sul fiume Po")
    Membership.objects.create(staff=staff, channel=city, role=Role.ADMIN)
    client = Client(raise_request_exception=False)
    client.force_login(staff, backend="allauth.account.auth_backends.AuthenticationBackend")
    client.cookies[COOKIE] = new_token()
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {tokens.make_token(city)}"
    values = {"handle": "cremona", "post_id": str(post.pk), "secret": secret, "image_id": "1"}
    return client, [*_api_calls(values), *_forms(values, str(draft.pk))]


def _api_calls(values: dict[str, str]) -> Iterator[Call]:
    for address, path in router.path_operations.items():
        for operation in path.operations:
            for method in operation.methods:
                yield method, "/api/v1" + address.format(**values)


def _forms(values: dict[str, str], draft: str) -> Iterator[Call]:
    for pattern in _patterns(get_resolver()):
        if pattern.startswith("newsroom/"):
            for post in (values["post_id"], draft):
                known = {**values, "post_id": post}
                yield "POST", "/" + _filled(pattern, known)


def _patterns(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        here = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield here
        else:
            yield from _patterns(pattern, here)


def _filled(pattern: str, values: dict[str, str]) -> str:
    path = pattern
    for name, value in values.items():
        for kind in ("slug", "int", "str"):
            path = path.replace(f"<{kind}:{name}>", value)
    for regex in ("<int:pk>", "<str:key>"):
        path = path.replace(regex, "1")
    return path.replace("^", "").replace("$", "")


def _errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def _ask(client: Client, call: Call, body: bytes, kind: str) -> Any:
    method, path = call
    return client.generic(method, path, body, content_type=kind)


def test_no_body_causes_a_500_at_any_path(
    calls: tuple[Client, list[Call]], caplog: pytest.LogCaptureFixture
) -> None:
    client, every = calls
    assert {"/newsroom/accounts/2fa/webauthn/login/", "/api/v1/me"} <= {path for _, path in every}
    for number, call in enumerate(every):
        api = call[1].startswith("/api/")
        # A third of the bodies for each form, so that each meets every third form.
        for place, body in enumerate(BODIES if api else BODIES[number % 3 :: 3]):
            usual = "application/json" if api else FORM if body[:2] != b"--" else MULTIPART
            for kind in {usual, TYPES[(number + place) % len(TYPES)]} if not place % 3 else {usual}:
                answer = _ask(client, call, body, kind)
                told = f"{call} {kind} {body[:60]!r} {answer.status_code}"
                assert answer.status_code < 500, told
                assert not _errors(caplog), told
                if api and answer.status_code >= 400:
                    assert answer["content-type"] == "application/problem+json", told


def _url_safe(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


CREDENTIALS: list[Any] = [
    *DEEP,
    *ODD,
    *({"id": "a", "rawId": "YQ", "type": "public-key", "response": response} for response in (
        None, [], "x", 1, {}, {"clientDataJSON": 1}, {"clientDataJSON": "é"},
        *({
            "clientDataJSON": _url_safe(data),
            "authenticatorData": raw,
            "attestationObject": raw,
            "signature": "AA",
            "userHandle": handle,
        }
        for data in ("[" * 40_000, '{"a":' * 5_000, "{}", "[]", "", "NaN", '{"type": 1}',
                     '{"type":"webauthn.get","challenge":"AA","origin":"x"}')
        for raw in ("AA", "gYGBgYGBgYGB" * 900, _url_safe("x" * 37), _url_safe("x" * 200), "", 5)
        for handle in ("MQ", None)),
    )),
]  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["webauthn/login/", "authenticate/", "webauthn/reauthenticate/", "webauthn/add/"],
)
def test_no_credential_causes_a_500(
    calls: tuple[Client, list[Call]], caplog: pytest.LogCaptureFixture, path: str
) -> None:
    client, _ = calls
    if path == "webauthn/login/":
        client.logout()
    for credential in CREDENTIALS:
        text = credential if isinstance(credential, str) else json.dumps(credential)
        client.get("/newsroom/accounts/2fa/" + path, headers={"x-requested-with": "XMLHttpRequest"})
        answer = client.post("/newsroom/accounts/2fa/" + path, {"credential": text, "name": "x"})
        assert answer.status_code < 500, text[:200]
        assert not _errors(caplog), text[:200]
