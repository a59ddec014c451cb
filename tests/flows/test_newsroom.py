# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""An editor writes, publishes, corrects, withdraws; others see only what is theirs."""

from __future__ import annotations

import io
import re
from pathlib import Path

import httpx
import pytest
from PIL import Image

from canale.channel.colours import palette
from tests.newsroom import Newsroom
from tests.site import ADMIN, HANDLE, PASSWORD, Site, new_site
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def newsroom(module_site: Site) -> Newsroom:
    """The administrator, signed in once: each sign-in hashes a password."""
    return Newsroom(module_site)


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (800, 600), "#0066cc").save(out, "JPEG")
    return out.getvalue()


def public(site: Site, number: int) -> httpx.Response:
    return httpx.get(f"{site.channel}p/{number}")


@pytest.mark.quick
@pytest.mark.postgres
def test_post_with_image_is_written_published_corrected_and_withdrawn(
    module_site: Site, newsroom: Newsroom
) -> None:
    number = newsroom.write(
        {"image-1-file": ("a.jpg", picture())},
        kind="event",
        headline="Fiera",
        text="In *piazza*",
        starts_at="2026-12-01T10:00",
        place="Piazza Roma",
        **{"image-1-alt": "Il manifesto della fiera"},
    )
    assert public(module_site, number).status_code == 404
    confirm = newsroom.browser.get(f"{newsroom.home}posts/{number}/publish/").text
    assert "Per ora non c’è nessun telefono da avvisare" in confirm
    shown = newsroom.publish(number)
    assert "Pubblicato." in shown.text
    page = wait_until(lambda: public(module_site, number))
    assert page.status_code == 200
    assert "Il manifesto della fiera" in page.text
    assert "Piazza Roma" in page.text

    kept = re.search(r'name="image-1-kept" value="(\d+)"', newsroom.browser.get(
        f"{newsroom.home}posts/{number}/correct/").text)  # fmt: skip
    assert kept
    same = {"kind": "event", "text": "In piazza", "starts_at": "2026-12-02T10:00"}
    images = {"image-1-kept": kept[1], "image-1-alt": "Il manifesto nuovo"}
    correct = f"{newsroom.home}posts/{number}/correct/"
    refused = newsroom.send(correct, headline="Fiera", **same, **images)
    assert refused.status_code == 422
    assert "Scrivi che cosa è cambiato" in refused.text
    answer = newsroom.send(correct, headline="Fiera", note="È il 2.", **same, **images)
    assert "Corretto" in answer.text
    wait_until(lambda: "È il 2." in public(module_site, number).text)
    assert "Il manifesto nuovo" in public(module_site, number).text

    answer = newsroom.send(f"{newsroom.home}posts/{number}/withdraw/", reason="Rinviata.")
    assert "Ritirato" in answer.text
    wait_until(lambda: public(module_site, number).status_code == 410)


def test_administrator_gives_the_channel_the_citys_colour(
    module_site: Site, newsroom: Newsroom
) -> None:
    profile = f"{newsroom.home}channel/"
    shades = palette("#ffd700").light
    chosen = {"colour": "#ffd700", "motif": "waves"}
    shown = newsroom.browser.get(f"{newsroom.home}appearance/", params=chosen).text
    assert f"nelle pagine usiamo {shades.band}" in shown
    assert 'id="motif-waves-dark"' in shown

    same = {"name": "Comune di Cremona", "retention_days": "30", "reactions": "👍"}
    assert newsroom.send(profile, **same, colour="red;}").status_code == 422
    drawn = httpx.get(f"{module_site.channel}avatar-192").content
    assert newsroom.send(profile, **same, **chosen, short_name="Torrazzo").status_code == 200
    page = wait_until(lambda: with_colour(module_site, shades.band))
    assert 'id="motif-waves"' in page
    manifest = httpx.get(f"{module_site.channel}manifest.webmanifest").json()
    assert (manifest["short_name"], manifest["theme_color"]) == ("Torrazzo", shades.slim)
    redrawn = httpx.get(f"{module_site.channel}avatar-192").content
    assert redrawn != drawn

    # A coat of arms stays as it is, whatever the colour.
    newsroom.send(profile, {"avatar": ("a.jpg", picture())}, **same, colour="#2e7d32")
    wait_until(lambda: with_colour(module_site, "#2e7d32"))
    uploaded = httpx.get(f"{module_site.channel}avatar-192").content
    assert uploaded != redrawn
    newsroom.send(profile, **same, colour="#8b0000")
    wait_until(lambda: with_colour(module_site, "#8b0000"))
    assert httpx.get(f"{module_site.channel}avatar-192").content == uploaded
    # The way back to the initials, in the colour that the city has by then.
    assert 'name="initials"' in newsroom.browser.get(profile).text
    newsroom.send(profile, **same, colour="#8b0000", initials="on")
    assert 'name="initials"' not in newsroom.browser.get(profile).text
    back = wait_until(lambda: _other_avatar(module_site, uploaded))
    newsroom.send(profile, **same, colour="#00693e")
    assert wait_until(lambda: _other_avatar(module_site, back))


def _other_avatar(site: Site, former: bytes) -> bytes | None:
    avatar = httpx.get(f"{site.channel}avatar-192").content
    return avatar if avatar != former else None


def with_colour(site: Site, band: str) -> str:
    """The channel's page, if it is in this colour."""
    page = httpx.get(site.channel).text
    return page if f"--band:{band}" in page else ""


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"headline": ""}, "Scrivi un titolo."),
        ({"headline": "x" * 81}, "Troppo lungo di 1: "),
        ({"kind": "event"}, "Indica quando comincia"),
        ({"kind": "event", "starts_at": "2026-03-29T02:30"}, "scrivi 01:30 o 03:30"),
        ({"kind": "nonsense"}, "kind"),
    ],
)
def test_invalid_form_shows_errors_at_its_fields_and_saves_nothing(
    newsroom: Newsroom, fields: dict[str, str], said: str
) -> None:
    before = newsroom.browser.get(newsroom.home).text.count("/edit/")
    words = {"kind": "news", "headline": "Titolo", "text": "Testo", **fields}
    answer = newsroom.send(f"{newsroom.home}posts/new/", save="1", **words)
    assert answer.status_code == 422
    assert said in answer.text
    assert newsroom.browser.get(newsroom.home).text.count("/edit/") == before


def test_image_must_be_valid_and_have_a_description(newsroom: Newsroom) -> None:
    new = f"{newsroom.home}posts/new/"
    files = {"image-1-file": ("a.jpg", picture())}
    answer = newsroom.send(new, files, kind="news", headline="Muta", save="1")
    assert answer.status_code == 422
    assert "Descrivi a parole" in answer.text
    files = {"image-1-file": ("a.svg", b"<svg onload='alert(1)'/>")}
    words = {"kind": "news", "headline": "Finta", "image-1-alt": "x"}
    answer = newsroom.send(new, files, save="1", **words)
    assert answer.status_code == 422
    assert "usa JPEG, PNG o WebP" in answer.text


def test_a_second_press_publishes_once(module_site: Site, newsroom: Newsroom) -> None:
    number = newsroom.write(headline="Una volta sola")
    confirm = f"{newsroom.home}posts/{number}/publish/"
    page = newsroom.browser.get(confirm).text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    seen = re.search(r'name="seen" value="(\w+)"', page)
    assert seen
    for _ in range(2):
        data = {"csrfmiddlewaretoken": token[1], "seen": seen[1]}
        answer = newsroom.browser.post(confirm, data=data)
        assert answer.status_code == 200
    assert len(module_site.inside("counts", number)) == 1


@pytest.mark.parametrize("changed", ["headline", "text", "kind", "place"])
def test_draft_changed_during_confirmation_is_not_published(
    module_site: Site, newsroom: Newsroom, changed: str
) -> None:
    """An editor, who may not publish, rewrites the draft while it is being confirmed."""
    module_site.inside("staff", [f"{changed}@cremona.test", PASSWORD, HANDLE, "editor"])
    words = {
        "kind": "event",
        "headline": "Fiera",
        "starts_at": "2026-12-01T10:00",
        "place": "Piazza",
    }
    number = newsroom.write(**words)
    confirm = f"{newsroom.home}posts/{number}/publish/"
    seen = re.search(r'name="seen" value="(\w+)"', newsroom.browser.get(confirm).text)
    assert seen
    editor = Newsroom(module_site, f"{changed}@cremona.test")
    other = "alert" if changed == "kind" else "Altro"
    editor.send(f"{editor.home}posts/{number}/edit/", save="1", **words | {changed: other})
    answer = newsroom.send(confirm, seen=seen[1])
    assert "rileggilo" in answer.text
    assert answer.url.path == confirm
    assert public(module_site, number).status_code == 404
    newsroom.publish(number)
    assert public(module_site, number).status_code == 200


def test_preview_renders_markup_and_escapes_html(newsroom: Newsroom) -> None:
    page = newsroom.browser.get(f"{newsroom.home}posts/new/").text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    words = {"kind": "alert", "headline": "Piena", "text": "*Via* dalla riva <b>"}
    data = {"csrfmiddlewaretoken": token[1], **words}
    answer = newsroom.browser.post(f"{newsroom.home}preview/", data=data)
    assert "<strong>Via</strong> dalla riva &lt;b&gt;" in answer.text


def test_forms_of_other_sites_are_refused(newsroom: Newsroom) -> None:
    answer = newsroom.browser.post(f"{newsroom.home}posts/new/", data={"headline": "x"})
    assert answer.status_code == 403


def test_anonymous_visitor_is_redirected_to_the_sign_in(module_site: Site) -> None:
    for path in ("", "posts/new/", "posts/1/", "channel/", "tokens/", "log/"):
        answer = httpx.get(f"{module_site.url}/newsroom/c/{HANDLE}/{path}")
        assert answer.status_code == 302
        assert answer.headers["location"].startswith("/newsroom/accounts/login/")
        assert answer.headers["cache-control"] == "no-store"


def test_roles_and_channels_limit_permissions(module_site: Site) -> None:
    module_site.inside("staff", ["editor@cremona.test", PASSWORD, HANDLE, "editor"])
    module_site.inside("staff", ["other@cremona.test", PASSWORD, "altrove", "admin"])
    admin = Newsroom(module_site)
    number = admin.write(headline="Riservato")
    editor = Newsroom(module_site, "editor@cremona.test")
    assert editor.browser.get(f"{editor.home}posts/{number}/").status_code == 200
    for path in (f"posts/{number}/publish/", "channel/", "topics/", "tokens/", "log/"):
        assert editor.browser.get(editor.home + path).status_code == 403, path
    other = Newsroom(module_site, "other@cremona.test")
    # Nothing of a channel is visible without a role in it, nor through one's own channel.
    for home in (f"/newsroom/c/{HANDLE}/", "/newsroom/c/altrove/"):
        for path in ("", "edit/", "publish/", "progress/", "withdraw/"):
            answer = other.browser.get(f"{home}posts/{number}/{path}")
            assert answer.status_code == 404, (home, path)
    assert other.browser.get(f"/newsroom/c/{HANDLE}/").status_code == 404


def test_channel_changes_are_logged(module_site: Site, newsroom: Newsroom) -> None:
    settings = {"name": "Cremona", "description": "Nuova", "retention_days": "30"}
    changed = newsroom.send(f"{newsroom.home}channel/", reactions="👍 ❤️", **settings)
    assert "Salvato." in changed.text
    wait_until(lambda: "Nuova" in httpx.get(module_site.channel).text)
    refused = newsroom.send(f"{newsroom.home}channel/", reactions="abc", **settings)
    assert refused.status_code == 422
    newsroom.send(f"{newsroom.home}topics/", name="Scuola")
    assert "Scuola" in newsroom.browser.get(f"{newsroom.home}topics/").text
    made = newsroom.send(f"{newsroom.home}tokens/", name="sito")
    secret = re.search(r"canale_[\w-]{43}", made.text)
    assert secret
    post = module_site.post(secret[0], headline="Dal sito")
    assert post["state"] == "published"
    assert "programma sito" in newsroom.browser.get(f"{newsroom.home}posts/{post['id']}/").text
    assert secret[0] not in newsroom.browser.get(f"{newsroom.home}tokens/").text
    assert newsroom.send(f"{newsroom.home}tokens/", revoke="²").status_code == 200
    log = newsroom.browser.get(f"{newsroom.home}log/", params={"verify": "1"}).text
    assert "ha creato un token per un programma" in log
    assert "ha modificato il profilo del canale" in log
    assert "token.made" not in log
    assert "Integro" in log
    assert "ha effettuato l’accesso" in log
    assert module_site.run("audit", "verify").startswith("The audit log is intact")


def test_set_up_link_creates_the_first_channel(tmp_path: Path) -> None:
    with new_site(tmp_path, start=False, init=False) as site:
        site.start()
        printed = wait_until(lambda: re.search(r"/newsroom/setup/\S+/", site.log()))
        link = site.url + printed[0]
        browser = httpx.Client(follow_redirects=True, timeout=30)
        assert browser.get(site.url).status_code == 200
        page = browser.get(link).text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token
        words = {"name": "Comune di Casalmaggiore", "handle": "casalmaggiore", "email": ADMIN}
        data = {"csrfmiddlewaretoken": token[1], **words}
        weak = browser.post(link, data={**data, "password": "password12345"})
        assert weak.status_code == 422
        assert "troppo comune" in weak.text
        # Sent as by the page's script, which keeps chosen files and follows the redirect.
        asked = {"Accept": "application/json"}
        done = browser.post(link, data={**data, "password": PASSWORD}, headers=asked)
        done = browser.get(site.url + done.json()["location"])
        assert done.url.path == "/newsroom/c/casalmaggiore/"
        assert "Locandina" in done.text
        assert "Aggiungi una passkey" in done.text
        assert httpx.get(link).status_code == 410
        wait_until(lambda: "Casalmaggiore" in httpx.get(site.url).text)
