# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""An upload that cannot be decoded, or not now, is answered at once at every door."""

from __future__ import annotations

import argparse
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from canale.accounts import setup
from canale.accounts.models import Membership, Role, Staff
from canale.accounts.tokens import find, make_token
from canale.api.guards import one_upload_at_a_time
from canale.channel.channels import create_channel
from canale.channel.images import decoder
from canale.channel.models import Channel, Post
from canale.cli import publish
from canale.cli.commands import CommandError
from canale.publishing.content import Content
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish as publish_post
from tests.pictures import jpeg

TEXT = "Via Dante è chiusa da lunedì."
PATH = "/api/v1/channels/cremona/posts"


@pytest.fixture
def city(db: None) -> Channel:
    return create_channel("cremona", "Comune di Cremona")


@pytest.fixture
def newsroom(city: Channel) -> Client:
    staff = Staff.objects.create_user("a@cremona.test", "acqua alta")
    Membership.objects.create(staff=staff, channel=city, role=Role.ADMIN)
    client = Client(headers={"accept-language": "it"})
    client.force_login(staff)
    return client


@pytest.fixture
def busy() -> Iterator[None]:
    with decoder(), decoder():
        yield


def file(data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile("foto.jpg", jpeg() if data is None else data, "image/jpeg")


def sent(city: Channel, data: str) -> Any:
    headers = {"authorization": f"Bearer {make_token(city)}", "accept-language": "it"}
    images = [{"data": data, "alt": "La via"}]
    body = {"headline": "Strada chiusa", "text": TEXT, "images": images, "draft": True}
    return Client(headers=headers).post(PATH, body, content_type="application/json")


def is_later(answer: Any) -> None:
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_a_program_gets_a_problem_document(city: Channel, busy: None) -> None:
    answer = sent(city, base64.b64encode(jpeg()).decode())
    is_later(answer)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "immagini" in answer.json()["detail"]
    assert not Post.objects.exists()


@pytest.mark.parametrize("method", ["post", "patch"])
def test_program_leaves_a_decoder_for_others(city: Channel, method: str) -> None:
    mine, other = (make_token(city, name) for name in ("mine", "other"))
    post = publish_post(save_draft(city, Content("news", "Titolo", "Testo"), by="cli"), by="cli")
    path = PATH if method == "post" else f"/api/v1/posts/{post.pk}"
    images = [{"data": base64.b64encode(jpeg()).decode(), "alt": "La via"}]
    body = {"headline": "Strada chiusa", "text": TEXT, "note": "Una foto", "images": images}

    def answer(token: str, **more: Any) -> Any:
        words = {name: body[name] for name in body if method == "patch" or name != "note"}
        client = Client(headers={"authorization": f"Bearer {token}"})
        return getattr(client, method)(path, words | more, content_type="application/json")

    found = find(mine)
    assert found is not None
    with one_upload_at_a_time(found, images):
        refused = answer(mine)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert answer(mine, images=[]).status_code in (200, 201)
        assert answer(other).status_code in (200, 201)
    assert answer(mine, images=[{"data": "AAAA", "alt": "La via"}]).status_code == 422
    assert answer(mine).status_code in (200, 201)


def test_a_post_without_new_images_needs_no_decoder(
    city: Channel, newsroom: Client, busy: None
) -> None:
    words = {"kind": "news", "headline": "Strada chiusa", "text": TEXT}
    assert newsroom.post("/newsroom/c/cremona/posts/new/", words).status_code == 302


@pytest.mark.parametrize("publish", ["", "&publish=1"])
def test_form_in_another_encoding_is_not_published_with_gaps(
    city: Channel, newsroom: Client, publish: str
) -> None:
    """Django decodes a form with a sign in place of each byte that it cannot read."""
    form = f"kind=news&headline=Citt%E0&text=Libert%E0{publish}"
    path, kind = "/newsroom/c/cremona/posts/new/", "application/x-www-form-urlencoded"
    answer = newsroom.post(path, form, content_type=kind)
    assert answer.status_code == 422
    assert "Alcuni caratteri non si leggono" in answer.content.decode()
    assert not Post.objects.exists()


def test_editor_keeps_the_text_when_decoders_are_busy(newsroom: Client, busy: None) -> None:
    form = {"kind": "news", "headline": "Strada chiusa", "text": TEXT}
    form |= {"image-1-file": file(), "image-1-alt": "La via"}
    answer = newsroom.post("/newsroom/c/cremona/posts/new/", form)
    is_later(answer)
    page = answer.content.decode()
    assert TEXT in page
    assert "Stiamo già preparando troppe immagini" in page


def test_correction_keeps_the_text_when_decoders_are_busy(
    city: Channel, newsroom: Client, busy: None
) -> None:
    post = publish_post(save_draft(city, Content("news", "Titolo", "Testo"), by="cli"), by="cli")
    form = {"kind": "news", "headline": "Titolo", "text": TEXT, "note": "Il giorno"}
    form |= {"image-1-file": file(), "image-1-alt": "La via"}
    answer = newsroom.post(f"/newsroom/c/cremona/posts/{post.pk}/correct/", form)
    is_later(answer)
    assert TEXT in answer.content.decode()


def test_a_new_avatar_can_be_sent_again(city: Channel, newsroom: Client, busy: None) -> None:
    form = {"name": "Un altro nome", "description": "", "retention_days": 30, "reactions": "👍"}
    answer = newsroom.post("/newsroom/c/cremona/channel/", form | {"avatar": file()})
    is_later(answer)
    assert "Un altro nome" in answer.content.decode()
    city.refresh_from_db()
    assert city.name == "Comune di Cremona"


def test_the_first_set_up_can_be_sent_again(db: None, busy: None) -> None:
    secret = setup.make_setup_link().rstrip("/").rpartition("/")[2]
    form = {"name": "Comune di Cremona", "handle": "cremona", "email": "a@cremona.test"}
    form |= {"password": "acqua alta sul Po", "avatar": file()}
    answer = Client().post(f"/newsroom/setup/{secret}/", form)
    is_later(answer)
    assert setup.is_open(secret)
    assert not Channel.objects.exists()


def test_command_reports_that_it_did_not_publish(city: Channel, busy: None, tmp_path: Path) -> None:
    picture = tmp_path / "foto.jpg"
    picture.write_bytes(jpeg())
    parser = argparse.ArgumentParser()
    publish.add_arguments(parser)
    words = ["--channel", "cremona", "--kind", "news", "--headline", "Strada chiusa"]
    arguments = parser.parse_args([*words, "--image", str(picture), "--alt", "La via"])
    with pytest.raises(CommandError, match="not published"):
        publish.run(arguments)


@pytest.mark.parametrize(
    "data",
    [
        base64.urlsafe_b64encode(jpeg()).decode().rstrip("="),
        "data:image/jpeg;base64," + base64.encodebytes(jpeg()).decode(),
    ],
)
def test_program_may_send_any_base64_variant(city: Channel, data: str) -> None:
    assert sent(city, data).status_code == 201


@pytest.mark.parametrize("data", [jpeg().hex() + "!", "https://cremona.test/foto.jpg"])
def test_invalid_base64_is_reported(city: Channel, data: str) -> None:
    answer = sent(city, data)
    assert answer.status_code == 422
    assert "base64" in str(answer.json()["errors"]["images.0.data"])
