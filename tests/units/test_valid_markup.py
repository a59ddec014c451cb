# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every page, style sheet and drawing passes the W3C's Nu HTML checker, started once for all."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.test import Client, RequestFactory
from django.utils import timezone
from PIL import Image as Picture

from canale.accounts.models import Membership, Role, Staff
from canale.accounts.setup import make_admin, make_setup_link
from canale.accounts.tokens import make_token
from canale.channel.channels import create_channel
from canale.channel.models import Channel, Post, Topic
from canale.followers.invites import make_invite
from canale.public import views
from canale.public.pages import show

ROOT = Path(__file__).parents[2]
CHECKER = ROOT / "tests/validators/node_modules/vnu-jar/build/dist/vnu.jar"
JAVA = shutil.which("java")
ADMIN, PASSWORD = "anna@cremona.test", "acqua alta sul fiume Po"
MARKUP = '*a* _b_ ~c~\n- d\n- e\n1) f\n3) g\n> h https://a.it/i\n<b>&amp; "l\'a"</b> '
NEWSROOM = "/newsroom/c/cremona"
ACCOUNTS = "/newsroom/accounts"

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        not (JAVA and CHECKER.exists()) and not os.environ.get("CI"),
        reason="Java or the checker is missing: bin/install-test-system, bin/setup --dev",
    ),
]

Pages = dict[str, str]
"""By what each shows: the document."""


def check(folder: Path) -> list[str]:
    """Return the checker's errors for a folder's files: `file:line: sentence: extract`."""
    assert JAVA
    done = subprocess.run(
        [
            *(JAVA, "-Xss4m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar", str(CHECKER)),
            *("--format", "json", "--errors-only", "--also-check-css", "--also-check-svg"),
            str(folder),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return [
        f"{Path(found['url']).name}:{found.get('lastLine')}: {found['message']}: "
        f"{found.get('extract', '')}"
        for found in json.loads(done.stderr)["messages"]
    ]


def test_all_pages_styles_and_drawings_are_valid(tmp_path: Path) -> None:
    pages = dict(_before_there_is_a_channel())
    city = create_channel("cremona", "Comune di Cremona", 'Notizie <dalla> "città" & dintorni')
    Topic.objects.create(channel=city, slug="scuola", name="Scuola & famiglia")
    anna = make_admin(city, ADMIN, PASSWORD, by="cli")
    posts = _posts(city)
    pages |= _public(city, posts) | _newsroom(city, posts, anna) | _account(anna)
    for name, body in pages.items():
        (tmp_path / f"{_slug(name)}.html").write_text(body, encoding="utf-8")
    for name in ("public.css", "newsroom.css"):
        path = staticfiles_storage.path(staticfiles_storage.stored_name(name))
        shutil.copy(path, tmp_path / name)
    code = make_invite(city).code
    for name, path in {"qr": "/c/cremona/qr.svg", "invite": f"/i/{code}/qr.svg"}.items():
        (tmp_path / f"{name}.svg").write_bytes(Client().get(path).content)
    assert len(pages) == len({_slug(name) for name in pages})
    _write_bad_files(tmp_path)
    errors = check(tmp_path)
    assert [error for error in errors if not error.startswith("bad.")] == []
    assert {error.partition(":")[0] for error in errors} == {"bad.html", "bad.css", "bad.svg"}


def _write_bad_files(folder: Path) -> None:
    """Add a mistake of each type, which the checker must report: starting it again takes 2 s."""
    page = "<!doctype html><html lang=it><title>x</title><ul><p>y</p></ul>"
    (folder / "bad.html").write_text(page)
    (folder / "bad.css").write_text("a { colour: red }")
    (folder / "bad.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><bad/></svg>')


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _alone(fragment: str) -> str:
    """A part that scripts put into a page, in a page of its own."""
    return f"<!doctype html><html lang='it'><head><title>x</title></head><body>{fragment}</body>"


def _before_there_is_a_channel() -> Iterator[tuple[str, str]]:
    for path in ("/", "/privacy", "/legal", "/accessibility", "/media-policy", "/offline"):
        yield f"empty {path}", _page(Client(), path)
    link = make_setup_link()
    path = link[link.index("/newsroom") :]
    yield "setup", _page(Client(), path)
    yield "setup with errors", Client().post(path, {"name": "", "handle": "È"}).content.decode()


def _page(client: Client, path: str, status: int = 200, language: str = "it") -> str:
    answer = client.get(path, headers={"accept-language": language}, follow=True)
    assert answer.status_code == status, (path, answer.status_code)
    return answer.content.decode()


def _posts(city: Channel) -> dict[str, int]:
    """By the API, with moments as they really are: to the microsecond."""
    token = make_token(city, "prova")
    now = timezone.now()
    soon, later = (now + timedelta(days=1)).isoformat(), (now + timedelta(days=2)).isoformat()
    images = [_picture(800, 'Piazza <Duomo> & "Torrazzo"'), _picture(700, "Ponte")]
    moment = {"starts_at": soon, "ends_at": later, "place": "Duomo & Battistero"}

    def send(method: str, path: str, **body: object) -> int:
        answer = Client().generic(
            method,
            f"/api/v1/{path}",
            json.dumps(body),
            content_type="application/json",
            headers={"authorization": f"Bearer {token}"},
        )
        assert answer.status_code in (200, 201), answer.content
        return int(answer.json()["id"])

    def publish(headline: str, kind: str = "news", **more: object) -> int:
        body = {"kind": kind, "headline": headline, "text": MARKUP, **more}
        return send("POST", "channels/cremona/posts", **body)

    made = {
        "news": publish('Notizia <b> & "altro"', images=images, topics=["scuola"]),
        "small": publish("Immagine piccola", images=[_picture(60, "Un punto")]),
        "event": publish("Concerto", "event", **moment),
        "deadline": publish("Bando", "deadline", starts_at=soon),
        "service": publish("Strada chiusa", "service", ends_at=later, images=images[:1]),
        "alert": publish("Piena", "alert", ends_at=later),
        "over": publish("Vento", "alert"),
        "withdrawn": publish("Errore"),
        "expired": publish("Vecchio"),
    }
    made["clear"] = publish("Vento finito", "alert", all_clear_of=made["over"], text="")
    send("PATCH", f"posts/{made['news']}", note='Cambia "l\'ora"', text=MARKUP + "bis")
    send("DELETE", f"posts/{made['withdrawn']}", reason="Era un <errore>")
    Post.objects.filter(pk=made["expired"]).update(visible_until=now - timedelta(hours=1))
    return made


def _picture(width: int, alt: str) -> dict[str, str]:
    out = io.BytesIO()
    Picture.new("RGB", (width, width), "#0066cc").save(out, "PNG")
    return {"data": base64.b64encode(out.getvalue()).decode(), "alt": alt}


def _public(city: Channel, posts: dict[str, int]) -> Pages:
    client = Client()
    channel = "/c/cremona/"
    gone = ("withdrawn", "expired")
    pages = {
        f"post {name}": _page(client, f"{channel}p/{post}", 410 if name in gone else 200)
        for name, post in posts.items()
    }
    there = [post for name, post in posts.items() if name not in gone]
    cards = "".join(_page(client, f"{channel}p/{post}/card") for post in there)
    # An open page holds each card once, and an alert's copy above.
    pages["cards"] = _alone(f"<h1>x</h1><h2>y</h2>{cards}")
    invite = f"/i/{make_invite(city).code}"
    older = f"{channel}older?before={posts['clear']}"
    standing = ("/privacy", "/legal", "/accessibility", "/media-policy", "/offline")
    for path in ("/", channel, older, invite, *standing):
        pages[f"public {path.replace(invite, 'invite')}"] = _page(client, path)
    pages["channel in English"] = _page(client, channel, language="en")
    pages["not found"] = _page(client, "/not-there", 404)
    pages["nothing older"] = _page(client, f"{channel}older?before={posts['news']}")
    request = RequestFactory().get("/")
    pages |= {
        "forbidden": views.forbidden(request).content.decode(),
        "bad request": views.bad_request(request).content.decode(),
        "server error": views.server_error(request).content.decode(),
        "away": show("public/away.html", {}).content.decode(),
    }
    sent = {"was_sent": True, "fields": [("text", "a\nb <c>")], "words": ["a\nb <c>"]}
    for name, more in {
        "sent": sent,
        "files": {**sent, "files": True},
        "lost": {**sent, "fields": []},
    }.items():
        pages[f"away {name}"] = show("public/away.html", more).content.decode()
    return pages


def _signed_in(email: str = ADMIN) -> Client:
    client = Client(headers={"accept-language": "it"})
    answer = client.post(f"{ACCOUNTS}/login/", {"login": email, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    return client


def _newsroom(city: Channel, posts: dict[str, int], anna: Staff) -> Pages:
    desk = _signed_in()
    pages = {"desk, first": _page(desk, f"{NEWSROOM}/")}
    words = {"kind": "news", "headline": "Bozza", "text": MARKUP, "save": "1"}
    moment = {"starts_at": "2030-05-01T18:00", "ends_at": "2030-05-01T20:00", "place": "Duomo"}
    draft = _written(desk, {**words, "topics": "scuola", **_upload()})
    drafts = {
        "news": draft,
        "event": _written(desk, {**words, **moment, "kind": "event"}),
        "alert": _written(desk, {**words, "kind": "alert"}),
        "clear": _written(desk, {**words, "kind": "alert", "all_clear_of": str(posts["alert"])}),
    }
    wrong = {"kind": "event", "headline": "", "text": "x" * 2000, "starts_at": "2020-01-01"}
    pages["composer with errors"] = _sent(desk, "posts/new/", wrong)
    pages["withdraw with errors"] = _sent(desk, f"posts/{posts['news']}/withdraw/", {"reason": ""})
    pages["correct with errors"] = _sent(
        desk, f"posts/{posts['news']}/correct/", {**wrong, "note": ""}
    )
    pages["topics with errors"] = _sent(desk, "topics/", {"name": "Scuola & famiglia"})
    pages["channel with errors"] = _sent(desk, "channel/", {"name": ""})
    pages["token shown once"] = _sent(desk, "tokens/", {"name": "sito"})
    preview = _sent(desk, "preview/", {**words, "place": "Duomo", "kind": "alert"})
    pages["preview"] = _alone(f"<h1>x</h1>{preview}")
    pages["progress"] = _alone(_page(desk, f"{NEWSROOM}/posts/{posts['news']}/progress/"))
    create_channel("turismo", "Turismo")
    Membership.objects.create(
        staff=anna, channel=Channel.objects.get(handle="turismo"), role=Role.ADMIN
    )
    own = [
        "",
        "?page=2",
        "posts/new/",
        "channel/",
        "topics/",
        "tokens/",
        "log/",
        "log/?verify=1",
    ]
    own += [f"posts/{post}/" for post in (*posts.values(), *drafts.values())]
    own += [f"posts/{post}/{act}/" for post in drafts.values() for act in ("edit", "publish")]
    own += [
        f"posts/{posts[name]}/{act}/"
        for name in ("news", "event")
        for act in ("correct", "withdraw")
    ]
    pages |= {f"desk {path or 'posts'}": _page(desk, f"{NEWSROOM}/{path}") for path in own}
    Staff.objects.create_user("nobody@cremona.test", PASSWORD)
    pages["no channel"] = _page(_signed_in("nobody@cremona.test"), "/newsroom/", 403)
    return pages


def _upload() -> dict[str, object]:
    out = io.BytesIO(base64.b64decode(_picture(300, "")["data"]))
    out.name = "a.png"
    return {"image-1-file": out, "image-1-alt": "Una piazza"}


def _written(desk: Client, fields: dict[str, object]) -> int:
    answer = desk.post(f"{NEWSROOM}/posts/new/", fields)
    assert answer.status_code == 302, answer.content.decode()
    return int(re.findall(r"/posts/(\d+)/", answer.headers["Location"])[0])


def _sent(client: Client, path: str, fields: dict[str, str]) -> str:
    path = path if path.startswith("/") else f"{NEWSROOM}/{path}"
    answer = client.post(path, fields, follow=True)
    assert answer.status_code in (200, 422), (path, answer.status_code)
    return answer.content.decode()


def _account(anna: Staff) -> Pages:
    stranger, desk = Client(headers={"accept-language": "it"}), _signed_in()
    wrong = {"login": ADMIN, "password": "x"}
    pages = {
        "sign in": _page(stranger, f"{ACCOUNTS}/login/"),
        "sign in with errors": _sent(stranger, f"{ACCOUNTS}/login/", wrong),
        "closed": _page(stranger, f"{ACCOUNTS}/signup/", 404),
        "setup over": _page(stranger, "/newsroom/setup/wrong/", 410),
        "password with errors": _sent(desk, f"{ACCOUNTS}/password/change/", {"oldpassword": "x"}),
        "sign out": _page(desk, f"{ACCOUNTS}/logout/"),
    }
    own = (
        "password/change",
        "2fa",
        "2fa/totp/activate",
        "2fa/webauthn/add",
        "2fa/webauthn",
        "reauthenticate",
    )
    pages |= {f"account {path}": _page(desk, f"{ACCOUNTS}/{path}/") for path in own}
    pages["codes with errors"] = _sent(desk, f"{ACCOUNTS}/2fa/totp/activate/", {"code": "000000"})
    with _second_factor(anna):
        for path in (
            "2fa",
            "2fa/totp/deactivate",
            "2fa/recovery-codes",
            "2fa/recovery-codes/generate",
            "2fa/reauthenticate",
        ):
            pages[f"second factor {path}"] = _page(desk, f"{ACCOUNTS}/{path}/")
        half = Client(headers={"accept-language": "it"})
        half.post(f"{ACCOUNTS}/login/", {"login": ADMIN, "password": PASSWORD})
        pages["code"] = _page(half, f"{ACCOUNTS}/2fa/authenticate/")
        pages["code with errors"] = _sent(half, f"{ACCOUNTS}/2fa/authenticate/", {"code": "000000"})
    return pages


@contextmanager
def _second_factor(staff: Staff) -> Iterator[None]:
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    from allauth.mfa.totp.internal.auth import TOTP

    TOTP.activate(staff, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(staff)
    yield
