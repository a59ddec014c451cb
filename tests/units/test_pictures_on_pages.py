# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The marks that a page gives its pictures: sizes to choose from, and one for link previews."""

from __future__ import annotations

import io
import re
from urllib.parse import urlsplit

import pytest
from django.test import Client
from PIL import Image

from canale.channel.channels import create_channel
from canale.channel.models import Channel, Post
from canale.publishing.content import Content, NewImage
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from tests.pictures import saved

ALT = "La mappa della zona"


@pytest.fixture
def city(db: None) -> Channel:
    return create_channel("cremona", "Comune di Cremona")


def with_pictures(city: Channel, *sizes: tuple[int, int]) -> Post:
    pictures = [saved(Image.new("RGB", size, "#0066cc"), "PNG") for size in sizes]
    images = tuple(NewImage(picture, ALT) for picture in pictures)
    wording = Content("news", "Titolo", "Testo", images=images)
    return publish(save_draft(city, wording, by="cli"), by="cli")


def page(path: str) -> str:
    answer = Client().get(path)
    assert answer.status_code == 200
    return str(answer.content.decode())


def marks(html: str) -> dict[str, str]:
    return dict(re.findall(r'<meta property="(og:[^"]+)" content="([^"]*)">', html))


def albums(html: str) -> list[str]:
    return re.findall(r"<img [^>]*loading=\"lazy\" decoding=\"async\">", html)


@pytest.mark.parametrize("size", [(1080, 2400), (2400, 1200), (100, 80)])
def test_a_post_names_the_size_of_the_picture_to_share(
    city: Channel, size: tuple[int, int]
) -> None:
    post = with_pictures(city, size)
    found = marks(page(f"/c/cremona/p/{post.pk}"))
    shared = Client().get(urlsplit(found["og:image"]).path)
    picture = Image.open(io.BytesIO(shared.content))
    assert (found["og:image:width"], found["og:image:height"]) == tuple(map(str, picture.size))
    assert found["og:image:type"] == shared.headers["Content-Type"] == "image/jpeg"
    assert found["og:image:alt"] == ALT


def test_a_channel_shares_its_avatar(city: Channel) -> None:
    found = marks(page("/c/cremona/"))
    assert "/avatar-512" in found["og:image"]
    assert found["og:image:width"] == found["og:image:height"] == "512"
    assert found["og:image:type"] == "image/png"
    assert found["og:image:alt"] == "Comune di Cremona"


def test_a_phone_can_choose_the_small_avatar(city: Channel) -> None:
    (avatar,) = re.findall(r'<img class="avatar" [^>]*>', page("/c/cremona/"))
    assert re.search(r'src="[^"]*/avatar-64[^"]*"', avatar)
    assert re.search(r"/avatar-64\S* 64w, \S*/avatar-192\S* 192w", avatar)


@pytest.mark.parametrize(
    ("size", "widths"),
    [
        ((100, 80), []),
        ((480, 300), []),
        ((481, 300), ["480w", "481w"]),
        ((300, 3000), ["96w", "300w"]),
    ],
)
def test_sizes_are_offered_only_where_they_differ(
    city: Channel, size: tuple[int, int], widths: list[str]
) -> None:
    post = with_pictures(city, size)
    (image,) = albums(page(f"/c/cremona/p/{post.pk}"))
    assert re.findall(r" (\d+w)", image) == widths
    names = dict(zip(("96w", "300w"), ("small", "large"), strict=True))
    for width in set(widths) & set(names):
        file = post.content.images.get().image.files.get(name=names[width])
        assert f"{file.width}w" == width


@pytest.mark.parametrize(
    ("size", "shown"),
    [((1080, 2400), (230, 512)), ((1600, 800), (1024, 512)), ((90, 60), (90, 60))],
)
def test_single_picture_has_its_displayed_size(
    city: Channel, size: tuple[int, int], shown: tuple[int, int]
) -> None:
    post = with_pictures(city, size)
    (image,) = albums(page(f"/c/cremona/p/{post.pk}"))
    assert f'width="{shown[0]}" height="{shown[1]}"' in image


def test_pictures_of_an_album_keep_their_sizes(city: Channel) -> None:
    post = with_pictures(city, (300, 3000), (100, 80))
    tall, small = albums(page(f"/c/cremona/p/{post.pk}"))
    assert 'width="300" height="3000"' in tall
    assert 'width="100" height="80"' in small
    assert "srcset" not in tall + small


@pytest.mark.parametrize("sizes", [[(1600, 900)], [(100, 80)], [(640, 400)] * 3])
def test_page_of_a_post_asks_at_once_for_the_picture_that_it_shows_first(
    city: Channel, sizes: list[tuple[int, int]]
) -> None:
    """The browser takes it for the picture's only if all that it chooses by is the same."""
    html = page(f"/c/cremona/p/{with_pictures(city, *sizes).pk}")
    (link,) = re.findall(r'<link rel="preload" as="image"[^>]*>', html)
    asked = dict(re.findall(r'\b(href|imagesrcset|imagesizes)="([^"]+)"', link))
    shown = dict(re.findall(r'\b(src|srcset|sizes)="([^"]+)"', albums(html)[0]))
    names = {"src": "href", "srcset": "imagesrcset", "sizes": "imagesizes"}
    assert asked == {names[name]: value for name, value in shown.items()}


def test_pages_without_a_first_picture_ask_for_none(city: Channel) -> None:
    post = publish(save_draft(city, Content("news", "Titolo", "Testo"), by="cli"), by="cli")
    with_pictures(city, (640, 400))
    for path in (f"/c/cremona/p/{post.pk}", "/c/cremona/"):
        assert 'as="image"' not in page(path)
