# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The newsroom in a browser: writing with images, a passkey, axe on every page."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, StorageState, expect

from tests.browser.pages import PHONE, City, needs_chromium, picture
from tests.browser.test_accessibility import LOOKS, in_looks, violations
from tests.site import ADMIN, HANDLE, PASSWORD
from tests.standins.push_service import Behaviour

pytestmark = needs_chromium

HOME = f"/newsroom/c/{HANDLE}/"


def sign_in(context: BrowserContext, city: City, email: str = ADMIN) -> Page:
    page = context.new_page()
    page.goto(f"{city.site.url}/newsroom/")
    page.fill("#id_login", email)
    page.fill("#id_password", PASSWORD)
    page.locator("form.composer button").click()
    expect(page).to_have_url(city.site.url + HOME)
    return page


@pytest.fixture(scope="module")
def session(browser: Browser, city: City) -> StorageState:
    """The administrator's, signed in once: each sign-in hashes a password."""
    with browser.new_context(locale="it-IT") as context:
        sign_in(context, city)
        return context.storage_state()


@pytest.fixture
def desk(device: BrowserContext, city: City, session: StorageState) -> Page:
    device.add_cookies(session["cookies"])  # type: ignore[arg-type]
    page = device.new_page()
    page.goto(city.site.url + HOME)
    return page


def test_post_with_images_survives_a_form_error(city: City, desk: Page) -> None:
    desk.get_by_role("link", name="Scrivi un post").first.click()
    desk.check("[name=kind][value=event]")
    desk.fill("#id_headline", "Mercato contadino")
    desk.fill("#id_text", "Sabato con *formaggi*")
    expect(desk.locator("#preview strong", has_text="formaggi")).to_be_visible()
    image = {"name": "a.png", "mimeType": "image/png", "buffer": base64.b64decode(picture())}
    desk.set_input_files("[data-picker]", [image, {**image, "name": "b.png"}])
    words = desk.locator("textarea[data-part=alt]")
    expect(words).to_have_count(2)
    words.nth(0).fill("Il primo banco")
    words.nth(1).fill("Il secondo banco")
    desk.locator("[data-move]").nth(1).click()
    desk.locator("button[name=publish]").click()
    # The start is missing: said at its field, with words and images still there.
    expect(desk.locator("#error-starts_at")).to_contain_text("Indica quando comincia")
    expect(desk.locator("[data-slot]")).to_have_count(2)
    desk.fill("#id_starts_at", "2099-05-01")
    desk.fill("#id_starts_at_time", "08:00")
    desk.locator("button[name=publish]").click()
    expect(desk.get_by_role("heading", name="Pubblicare questo post?")).to_be_visible()
    desk.get_by_role("button", name="Pubblica ora").click()
    expect(desk.get_by_text("Pubblicato.", exact=True)).to_be_visible()
    expect(desk.locator(".progress")).to_contain_text("concluso")

    reader = desk.context.new_page()
    reader.goto(city.site.channel)
    shown = reader.locator("article.post", has_text="Mercato contadino").locator(".album img")
    expect(shown.nth(0)).to_have_attribute("alt", "Il secondo banco")
    expect(shown.nth(1)).to_have_attribute("alt", "Il primo banco")


TEXTS = (
    "Chiusura di via Dante. " * 44 + "NON BERE L’ACQUA. Numero verde 800 123 456.",
    "🚧" * 1003,
    "  spazi  \r\n" * 120
    + "e\u0301" * 100
    + "\u202e\u2069" * 60
    + "\ufeff\u2028\x0b" * 9
    + "fine " * 20,
)


@pytest.mark.parametrize("text", TEXTS)
def test_overlong_paste_is_kept_and_counted_as_on_the_server(
    city: City, desk: Page, text: str
) -> None:
    desk.goto(city.site.url + HOME + "posts/new/")
    desk.fill("#id_headline", "🚧" * 80)
    expect(desk.locator("#count-headline")).to_have_text("0")
    desk.locator("#id_text").evaluate(
        "(field, text) => { field.focus(); document.execCommand('insertText', false, text); }", text
    )
    pasted = desk.input_value("#id_text")
    assert pasted == text.replace("\r\n", "\n")
    count = desk.locator("#count-text")
    expect(count).to_have_text(re.compile(r"^-\d+ · Troppo lungo di \d+$"))
    expect(count).to_have_class(re.compile("is-over"))
    over = int(count.inner_text().split()[0])
    expect(desk.locator("main [role=status]")).to_have_text(f"Testo: Troppo lungo di {-over}")
    desk.locator("button[name=save]").click()
    expect(desk.locator("#error-text")).to_contain_text(f"Troppo lungo di {-over}: ")
    assert desk.input_value("#id_text") == pasted
    desk.fill("#id_text", "Corto.")
    expect(desk.locator("main [role=status]")).to_have_text("Testo: Ora va bene")
    desk.locator("button[name=save]").click()
    expect(desk.get_by_role("heading", name="🚧" * 80)).to_be_visible()


def test_composer_does_not_jump_on_a_phone(city: City, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, locale="it-IT")
    page = sign_in(context, city)
    page.add_init_script(
        "window.jumped = 0; new PerformanceObserver((list) => list.getEntries().forEach((entry) =>"
        "{ window.jumped += entry.value; })).observe({ type: 'layout-shift', buffered: true });"
    )
    page.goto(city.site.url + HOME + "posts/new/")
    expect(page.locator("#preview .notification")).to_be_visible()
    assert page.evaluate("window.jumped") < 0.1
    expect(page.locator("#id_starts_at")).to_be_hidden()
    page.check("[name=kind][value=deadline]")
    expect(page.locator("#id_starts_at")).to_be_visible()
    expect(page.locator("#id_ends_at")).to_be_hidden()
    context.close()


def test_publisher_sees_date_and_place_before_publishing(city: City, desk: Page) -> None:
    desk.goto(city.site.url + HOME + "posts/new/")
    desk.check("[name=kind][value=event]")
    desk.fill("#id_headline", "Fiera")
    desk.fill("#id_starts_at", "2099-05-01")
    desk.fill("#id_place", "Piazza Duomo")
    shown = "ven 1° mag 2099 · Piazza Duomo"
    expect(desk.locator("#preview .notification")).to_contain_text(shown)
    desk.locator("button[name=publish]").click()
    expect(desk.locator(".notification")).to_contain_text(shown)
    expect(desk.locator(".facts")).to_contain_text("venerdì 1° maggio 2099")
    expect(desk.locator(".message-warning")).to_contain_text("Il post sparirà dalla pagina prima")


def test_service_may_begin_later(city: City, desk: Page) -> None:
    desk.goto(city.site.url + HOME + "posts/new/")
    desk.check("[name=kind][value=service]")
    desk.fill("#id_headline", "Strada chiusa")
    desk.get_by_label("Comincia").fill("2099-05-01")
    desk.get_by_label("Finisce (se si sa)").fill("2099-05-03")
    shown = "Da ven 1° mag 2099 a dom 3 mag 2099"
    expect(desk.locator("#preview .notification")).to_contain_text(shown)
    desk.locator("button[name=publish]").click()
    expect(desk.locator(".notification")).to_contain_text(shown)


def test_unsaved_text_survives_the_end_of_the_session(city: City, desk: Page) -> None:
    desk.goto(city.site.url + HOME + "posts/new/")
    desk.fill("#id_headline", "Scritto con pazienza")
    # The session ends, as it does after twelve hours.
    desk.context.clear_cookies(name="canale_staff")
    said: list[str] = []
    desk.on("dialog", lambda dialog: (said.append(dialog.message), dialog.accept()))
    with desk.expect_event("dialog"):
        desk.locator("button[name=save]").click()
    expect(desk.locator("button[name=save]")).to_be_enabled()
    assert "La sessione è scaduta" in said[0]
    sign_in(desk.context, city).close()
    desk.locator("button[name=save]").click()
    expect(desk.get_by_role("heading", name="Scritto con pazienza")).to_be_visible()


def test_two_editors_of_one_draft_do_not_overwrite_each_other(city: City, desk: Page) -> None:
    draft = _draft(city, desk, "A quattro mani")
    hers = desk.context.new_page()
    for page in (desk, hers):
        page.goto(f"{draft}edit/")
    hers.fill("#id_text", "Quello di Anna")
    hers.locator("button[name=save]").click()
    expect(hers.locator(".prose")).to_have_text("Quello di Anna")
    desk.fill("#id_text", "Quello di Marco")
    # An error in between changes nothing about what Marco has seen.
    desk.fill("#id_headline", " ")
    desk.locator("button[name=save]").click()
    expect(desk.locator("#error-headline")).to_contain_text("Scrivi un titolo")
    desk.fill("#id_headline", "A quattro mani")
    desk.locator("button[name=save]").click()
    expect(desk.locator("#error-general")).to_contain_text("Questa bozza è cambiata")
    hers.reload()
    expect(hers.locator(".prose")).to_have_text("Quello di Anna")
    desk.locator("button[name=save]").click()
    expect(desk.locator(".prose")).to_have_text("Quello di Marco")


def test_unsaved_text_survives_publication_or_deletion_of_its_draft(city: City, desk: Page) -> None:
    said: list[str] = []
    desk.on("dialog", lambda dialog: (said.append(dialog.message), dialog.accept()))
    published, deleted = _draft(city, desk, "Uscita"), _draft(city, desk, "Eliminata")
    other = desk.context.new_page()
    other.on("dialog", lambda dialog: dialog.accept())

    desk.goto(f"{published}edit/")
    desk.fill("#id_text", "Scritto tardi")
    other.goto(f"{published}publish/")
    other.get_by_role("button", name="Pubblica ora").click()
    expect(other.get_by_text("Pubblicato.", exact=True)).to_be_visible()
    desk.locator("button[name=save]").click()
    expect(desk.locator("#error-general")).to_contain_text("ora si può solo correggere")
    assert desk.input_value("#id_text") == "Scritto tardi"

    desk.goto(f"{deleted}edit/")
    desk.fill("#id_text", "Scritto invano")
    other.goto(f"{deleted}edit/")
    other.get_by_role("button", name="Elimina la bozza").click()
    expect(other).to_have_url(city.site.url + HOME)
    with desk.expect_event("dialog"):
        desk.locator("button[name=save]").click()
    expect(desk.locator("button[name=save]")).to_be_enabled()
    assert "Qualcuno ha eliminato questa bozza" in said[-1]
    assert desk.input_value("#id_text") == "Scritto invano"


def _draft(city: City, page: Page, headline: str) -> str:
    """Write a draft; its address."""
    page.goto(city.site.url + HOME + "posts/new/")
    page.fill("#id_headline", headline)
    page.locator("button[name=save]").click()
    expect(page).to_have_url(re.compile(r"/posts/\d+/$"))
    return page.url


def test_counters_of_full_fields_cover_and_narrow_nothing(city: City, desk: Page) -> None:
    desk.set_viewport_size({"width": 360, "height": 640})
    desk.goto(city.site.url + HOME + "posts/new/")
    desk.check("[name=kind][value=event]")
    width = desk.locator("fieldset.topics").bounding_box()["width"]  # type: ignore[index]
    desk.fill("#id_headline", "Un titolo lungo " * 6)
    desk.fill("#id_place", "Piazza " * 20)
    expect(desk.locator("#count-place")).to_have_class(re.compile("is-over"))
    assert desk.locator("fieldset.topics").bounding_box()["width"] == width  # type: ignore[index]
    desk.locator("button[name=save]").click()
    for field in ("headline", "place"):
        error = desk.locator(f"#error-{field} p").bounding_box()
        count = desk.locator(f"#count-{field}").bounding_box()
        assert error
        assert count
        assert count["y"] + count["height"] <= error["y"], field


def test_unsaved_text_survives_a_database_outage(city: City, desk: Page) -> None:
    desk.goto(city.site.url + HOME + "posts/new/")
    desk.fill("#id_headline", "Scritto nel mezzo")
    said: list[str] = []
    desk.on("dialog", lambda dialog: (said.append(dialog.message), dialog.accept()))
    desk.route("**/posts/new/", lambda route: route.fulfill(status=503, body="Torniamo subito"))
    with desk.expect_event("dialog"):
        desk.locator("button[name=save]").click()
    expect(desk.locator("button[name=save]")).to_be_enabled()
    assert "quello che hai scritto è ancora qui" in said[0]
    desk.unroute("**/posts/new/")
    desk.locator("button[name=save]").click()
    expect(desk.get_by_role("heading", name="Scritto nel mezzo")).to_be_visible()


def test_delivery_progress_is_requested_again_after_a_failure(city: City, desk: Page) -> None:
    phone = city.push.subscribe(1)
    city.site.inside("follow", phone)
    busy = Behaviour(status=503, retry_after="120")
    city.push.behave(busy, phone[0]["endpoint"])
    post = city.publish("Da seguire")
    failures = [503, 503]

    def answer(route: Route) -> None:
        if failures:
            route.fulfill(status=failures.pop(), body="Torniamo subito")
        else:
            route.continue_()

    desk.route("**/progress/", answer)
    with desk.expect_response(lambda answer: "/progress/" in answer.url and answer.ok):
        desk.goto(f"{city.site.url}{HOME}posts/{post}/")
        expect(desk.locator(".progress")).to_contain_text("in corso…")
    assert not failures


def test_file_that_is_not_an_image_is_reported(city: City, desk: Page) -> None:
    desk.goto(city.site.url + HOME + "posts/new/")
    pdf = {"name": "bando.pdf", "mimeType": "application/pdf", "buffer": b"%PDF"}
    desk.set_input_files("[data-picker]", [pdf])
    expect(desk.locator("#error-images")).to_contain_text("bando.pdf")
    expect(desk.locator("[data-slot]")).to_have_count(0)


def test_published_correction_is_confirmed(city: City, desk: Page) -> None:
    post = city.publish("Da correggere")
    desk.goto(f"{city.site.url}{HOME}posts/{post}/correct/")
    desk.fill("#id_headline", "Corretto bene")
    desk.fill("#id_note", "Il titolo")
    desk.get_by_role("button", name="Pubblica la correzione").click()
    expect(desk.get_by_text("chi legge vede che cosa è cambiato")).to_be_visible()


def test_added_passkey_signs_in(city: City, device: BrowserContext) -> None:
    # A second account: with a passkey, a password alone no longer signs in.
    city.site.inside("staff", ["sindaca@cremona.test", PASSWORD, HANDLE, "admin"])
    desk = sign_in(device, city, "sindaca@cremona.test")
    cdp = desk.context.new_cdp_session(desk)
    cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    desk.get_by_role("link", name="Aggiungi una passkey").click()
    # Before such a change the password is asked once more, unless it was just given.
    if "reauthenticate" in desk.url:
        desk.fill("[name=password]", PASSWORD)
        desk.locator("main form button").first.click()
    desk.fill("[name=name]", "Telefono")
    desk.locator("#mfa_webauthn_add").click()
    # Codes for the day on which the phone is lost.
    expect(desk.get_by_role("heading", name="Codici di recupero")).to_be_visible()
    desk.get_by_role("button", name="Esci").first.click()
    desk.wait_for_load_state()
    if "logout" in desk.url:
        desk.locator("main form button").first.click()
    desk.goto(f"{city.site.url}/newsroom/")
    desk.locator("#passkey_login").click()
    expect(desk).to_have_url(city.site.url + HOME)
    assert city.site.inside("rows")["mfa_authenticator"] >= 1


@pytest.fixture
def look(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    scheme, viewport = request.param
    context = browser.new_context(viewport=viewport, color_scheme=scheme, locale="it-IT")
    yield context
    context.close()


@in_looks(*LOOKS[:2])
def test_newsroom_passes_axe(city: City, look: BrowserContext) -> None:
    post = city.publish("Per la redazione", text="*a*\n- b")
    page = look.new_page()
    found = {}
    open_pages = [
        "/newsroom/accounts/login/",
        "/newsroom/setup/wrong/",
        "/newsroom/accounts/signup/",
    ]
    for path in open_pages:
        page.goto(city.site.url + path)
        if wrong := violations(page):
            found[path] = wrong
    page.close()
    page = sign_in(look, city)
    own = ["", "posts/new/", f"posts/{post}/", f"posts/{post}/correct/", f"posts/{post}/withdraw/"]
    own += ["channel/", "topics/", "tokens/", "log/"]
    for path in [HOME + one for one in own] + ["/newsroom/accounts/2fa/"]:
        page.goto(city.site.url + path)
        if wrong := violations(page):
            found[path] = wrong
    assert found == {}


def test_bar_and_tabs_stand_in_one_row_on_a_phone(city: City, desk: Page) -> None:
    for path in (HOME, f"{HOME}log/", "/newsroom/accounts/2fa/"):
        desk.goto(city.site.url + path)
        for width in (360, 390):
            desk.set_viewport_size({**PHONE, "width": width})
            rows = desk.locator(".bar-inner, .tabs").evaluate_all(
                "all => all.map((one) => one.getBoundingClientRect().height)"
            )
            assert max(rows) < 60, (path, width)
    # The pages of one's own account are a part of the newsroom.
    expect(desk.locator(".bar [aria-current]")).to_have_text("Account")
    expect(desk.locator(".bar").get_by_role("link", name="Comune di Cremona")).to_be_visible()


def test_newsroom_fits_a_small_phone(city: City, browser: Browser) -> None:
    context = browser.new_context(viewport={**PHONE, "width": 320}, locale="it-IT")
    page = sign_in(context, city)
    long = "https://www.comune.example.it/servizi/" + "acquedotto-e-fognature-" * 8
    post = city.publish("Precipitevolissimevolmente", text=long)
    for path in ("", "posts/new/", "channel/", "log/", f"posts/{post}/"):
        page.goto(city.site.url + HOME + path)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 320, path
    context.close()
