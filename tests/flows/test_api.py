# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The API: what programs and pages may do, and how they are told that they may not."""

from __future__ import annotations

import base64
import codecs
import io
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from PIL import Image

from tests.pace import answers_until_refused
from tests.site import HANDLE, Site, new_site
from tests.standins.push_service import PushService


@pytest.fixture(scope="module")
def token(module_site: Site) -> str:
    return module_site.token()


@pytest.fixture
def program(module_site: Site, token: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{module_site.api}/", headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def page(module_site: Site) -> Iterator[httpx.Client]:
    headers = {"Origin": module_site.url, "Sec-Fetch-Site": "same-origin"}
    with httpx.Client(base_url=f"{module_site.api}/", headers=headers, timeout=30) as client:
        yield client


def is_problem(answer: httpx.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = answer.json()
    assert document["status"] == status
    assert document["detail"]
    return document


POSTS = f"channels/{HANDLE}/posts"
POST = {"kind": "news", "headline": "Titolo", "text": "Testo"}
# The public key of the private key 1 (SEC 2, section 2.4.2: G): such as a browser could give.
KEYS = {
    "p256dh": "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKW"
    "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
    "auth": "A" * 22,
}


@pytest.mark.quick
@pytest.mark.postgres
def test_a_repeated_call_publishes_once(program: httpx.Client) -> None:
    key = {"Idempotency-Key": "abc-1"}
    first = program.post(POSTS, json=POST, headers=key)
    assert first.status_code == 201
    assert first.headers["location"] == first.json()["url"]
    assert program.post(POSTS, json=POST, headers=key).json() == first.json()
    is_problem(program.post(POSTS, json={**POST, "text": "Altro"}, headers=key), 422)


@pytest.mark.postgres
def test_repeated_call_gets_the_first_answer_even_after_changes(program: httpx.Client) -> None:
    alert = program.post(POSTS, json={**POST, "kind": "alert"}).json()["id"]
    clear = {**POST, "kind": "alert", "headline": "Finita", "all_clear_of": alert}
    key = {"Idempotency-Key": "abc-2"}
    first = program.post(POSTS, json=clear, headers=key)
    assert first.status_code == 201
    program.delete(f"posts/{alert}", params={"reason": "Era un errore"})
    assert program.post(POSTS, json=clear, headers=key).json() == first.json()
    # And the all-clear can still be corrected.
    number = first.json()["id"]
    corrected = program.patch(f"posts/{number}", json={"note": "Meglio", "headline": "È finita"})
    assert corrected.status_code == 200, corrected.text
    is_problem(program.patch(f"posts/{number}", json={"note": "x", "headline": ""}), 422)


def test_images_are_encoded_again(module_site: Site, program: httpx.Client) -> None:
    exif = Image.Exif()
    exif[0x010F] = "A phone of somebody"
    out = io.BytesIO()
    Image.new("RGB", (900, 600), "#0066cc").save(out, "JPEG", exif=exif.tobytes())
    image = {"data": base64.b64encode(out.getvalue()).decode(), "alt": "Un quadrato blu"}
    made = program.post(POSTS, json={**POST, "images": [image]})
    assert made.status_code == 201, made.text
    newest = httpx.get(f"{module_site.api}/{POSTS}").json()["posts"][0]
    assert newest["images"][0]["alt"] == "Un quadrato blu"
    shown = httpx.get(newest["images"][0]["large"])
    assert shown.headers["content-type"] == "image/webp"
    assert b"somebody" not in shown.content


def test_phone_photo_is_accepted(program: httpx.Client) -> None:
    photo = Image.effect_noise((2600, 1900), 90)
    out = io.BytesIO()
    photo.save(out, "JPEG", quality=95)
    assert len(out.getvalue()) > 3 * 2**20
    image = {"data": base64.b64encode(out.getvalue()).decode(), "alt": "Rumore"}
    answer = program.post(POSTS, json={**POST, "images": [image]})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "news"}, "headline"),
        ({**POST, "kind": "gossip"}, "kind"),
        ({**POST, "headline": "x" * 81}, "headline"),
        ({**POST, "topics": ["nessuno"]}, "topics"),
        ({**POST, "kind": "event"}, "starts_at"),
        ({**POST, "headlin": "x"}, "headlin"),
        ({**POST, "all_clear_of": 999999}, "all_clear_of"),
        ({**POST, "images": [{"data": base64.b64encode(b"x").decode(), "alt": "x"}]}, "images"),
    ],
)
def test_invalid_post_is_refused_entirely(
    module_site: Site, program: httpx.Client, body: dict[str, object], field: str
) -> None:
    before = module_site.inside("rows")["channel_post"]
    errors = is_problem(program.post(POSTS, json=body), 422)["errors"]
    assert isinstance(errors, dict)
    assert any(field in name for name in errors)
    assert module_site.inside("rows")["channel_post"] == before


def test_only_the_channels_own_token_publishes(module_site: Site, program: httpx.Client) -> None:
    missing = is_problem(httpx.post(f"{module_site.api}/{POSTS}", json=POST), 401)
    assert missing["title"] == "Unauthorized"
    wrong = {"Authorization": "Bearer canale_wrong"}
    is_problem(httpx.post(f"{module_site.api}/{POSTS}", json=POST, headers=wrong), 401)
    module_site.inside("staff", ["x@altrove.test", "una parola lunghissima", "altrove", "admin"])
    is_problem(program.post("channels/altrove/posts", json=POST), 403)
    # A token of another channel learns nothing about its posts, not even their numbers.
    other = {"Authorization": f"Bearer {module_site.run('token', '--channel', 'altrove')}"}
    draft = httpx.post(
        f"{module_site.api}/channels/altrove/posts", json={**POST, "draft": True}, headers=other
    )
    for number in (draft.json()["id"], 10**9):
        is_problem(program.patch(f"posts/{number}", json={"note": "x"}), 404)
        is_problem(program.delete(f"posts/{number}", params={"reason": "x"}), 404)
    is_problem(program.post("channels/mai/posts", json=POST), 404)


def test_unknown_paths_and_methods_answer_problem_documents(page: httpx.Client) -> None:
    is_problem(page.get("nothing"), 404)
    is_problem(page.get("channels/mai"), 404)
    is_problem(page.put("me", json={}), 405)
    is_problem(page.put("posts/999999/reaction", json={"emoji": "👍"}), 404)
    is_problem(page.put("posts/99999999999999999999/reaction", json={"emoji": "👍"}), 422)


def test_other_sites_cannot_act_for_a_reader(module_site: Site, page: httpx.Client) -> None:
    body = {"push": None, "topics": [], "language": "it"}
    foreign = ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"})
    for headers in foreign:
        answer = page.post(f"channels/{HANDLE}/followers", json=body, headers=headers)
        is_problem(answer, 403)
        is_problem(page.delete("me", headers=headers), 403)
    form = page.post(f"channels/{HANDLE}/followers", data={"language": "it"})
    is_problem(form, 415)
    large = {**body, "topics": ["x" * 40] * 500}
    is_problem(page.post(f"channels/{HANDLE}/followers", json=large), 413)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://localhost/x",
        "https://169.254.169.254/latest/meta-data",
        "https://user@fcm.googleapis.com/x",
        "https://fcm.googleapis.com:8443/x",
        "file:///etc/passwd",
        "nonsense",
    ],
)
def test_endpoint_of_an_unknown_push_service_is_refused(page: httpx.Client, endpoint: str) -> None:
    body = {"push": {"endpoint": endpoint, "keys": KEYS}, "topics": [], "language": "it"}
    # The keys are good: nothing but the endpoint can be what is refused.
    errors = is_problem(page.post(f"channels/{HANDLE}/followers", json=body), 422)["errors"]
    assert list(errors) == ["push"]  # type: ignore[call-overload]


def test_a_reaction_must_be_one_of_the_set(page: httpx.Client, program: httpx.Client) -> None:
    number = program.post(POSTS, json=POST).json()["id"]
    is_problem(page.put(f"posts/{number}/reaction", json={"emoji": "💩"}), 422)
    answer = page.put(f"posts/{number}/reaction", json={"emoji": "👍"})
    assert answer.json() == {"counts": {"👍": 1}, "mine": "👍"}
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.postgres
def test_invites_are_counted_and_anonymous(module_site: Site, page: httpx.Client) -> None:
    made = page.post(f"channels/{HANDLE}/invites", json={}).json()
    code = made["url"].rsplit("/", 1)[1]
    assert "set-cookie" not in httpx.get(made["url"]).headers
    assert httpx.get(made["url"]).status_code == 200
    assert httpx.get(made["qr"]).headers["content-type"] == "image/svg+xml"
    body = {"push": None, "topics": [], "language": "it", "invite": code}
    assert page.post(f"channels/{HANDLE}/followers", json=body).status_code == 201
    assert page.post(f"channels/{HANDLE}/followers", json=body).status_code == 200
    with httpx.Client(base_url=f"{module_site.api}/") as another:
        assert another.post(f"channels/{HANDLE}/followers", json=body).status_code == 201
        unknown = {**body, "invite": "bcdfghjkmn"}
        with httpx.Client(base_url=f"{module_site.api}/") as third:
            assert third.post(f"channels/{HANDLE}/followers", json=unknown).status_code == 201
    # A repeated follow counts once, and nothing records who made the invite or who used it.
    (kept,) = module_site.inside("invites")
    assert kept == {"code": code, "joined": 2, "columns": ["code", "created_on", "id", "joined"]}
    followers = module_site.inside("follower_rows")
    assert code not in str(followers)


def test_invite_needs_no_body_but_refuses_a_form(page: httpx.Client) -> None:
    address = f"channels/{HANDLE}/invites"
    assert page.post(address).status_code == 201
    is_problem(page.post(address, content=b"", headers={"Content-Type": "text/plain"}), 415)
    is_problem(page.post(address, data={"x": "1"}), 415)


@pytest.mark.postgres
def test_posts_are_paginated(module_site: Site, program: httpx.Client) -> None:
    made = {
        program.post(POSTS, json={**POST, "headline": f"N {n}"}).json()["id"] for n in range(25)
    }
    seen: list[int] = []
    address: str | None = f"{module_site.api}/{POSTS}"
    while address:
        answer = httpx.get(address).json()
        seen += [post["id"] for post in answer["posts"]]
        address = answer["next"]
    assert len(seen) == len(set(seen))
    assert made <= set(seen)


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, PushService]]:
    folder = tmp_path_factory.mktemp("limited")
    with (
        PushService() as push,
        new_site(folder, CANALE_RATE_LIMITS="on", CANALE_PUSH_ORIGINS=push.origin) as site,
    ):
        yield site, push


def test_a_town_behind_one_address_can_follow_after_an_alert(
    limited: tuple[Site, PushService],
) -> None:
    site, push = limited
    url = f"{site.api}/channels/{HANDLE}/followers"
    # Below httpx's client, which would give all phones one cookie.
    with ThreadPoolExecutor(4) as phones, httpx.HTTPTransport() as network:
        answers = phones.map(
            lambda phone: _whole(network, httpx.Request("POST", url, json={"push": phone})),
            push.subscribe(500),
        )
        assert Counter(answers) == {201: 500}


def _whole(network: httpx.HTTPTransport, request: httpx.Request) -> int:
    answer = network.handle_request(request)
    answer.read()
    return answer.status_code


def test_follows_without_a_subscription_are_rate_limited(limited: tuple[Site, PushService]) -> None:
    url = f"{limited[0].api}/channels/{HANDLE}/followers"
    answers = answers_until_refused(
        lambda _: httpx.post(url, json={}, timeout=30).status_code, 60, 60
    )
    assert set(answers[:-1]) == {201}


def test_too_many_invites_get_429_with_retry_after(limited: tuple[Site, PushService]) -> None:
    site, _ = limited
    url = f"{site.api}/channels/{HANDLE}/invites"
    answers: list[httpx.Response] = []

    def invite(_: int) -> int:
        answers.append(httpx.post(url, json={}, timeout=30))
        return answers[-1].status_code

    answers_until_refused(invite, 60, 60)
    answer = answers[-1]
    problem = is_problem(answer, 429)
    assert int(answer.headers["retry-after"]) >= 1
    assert "secondi" in str(problem["detail"])


def test_lists_of_posts_are_rate_limited(limited: tuple[Site, PushService]) -> None:
    url = f"{limited[0].api}/{POSTS}"
    with httpx.Client(timeout=30) as program:
        answers = answers_until_refused(lambda _: program.get(url).status_code, 120, 60)
    assert answers[:120] == [200] * 120


@pytest.mark.parametrize("charset", ["latin-1", "utf-16", "windows-1252", "UTF-7"])
def test_json_in_another_encoding_is_refused(program: httpx.Client, charset: str) -> None:
    kind = {"Content-Type": f"application/json; charset={charset}"}
    answer = program.post(POSTS, content=b'{"headline": "Libert\xe0"}', headers=kind)
    assert charset in str(is_problem(answer, 415)["detail"])


def test_utf_8_is_accepted_with_and_without_a_byte_order_mark(program: httpx.Client) -> None:
    body = '{"headline": "Libertà", "draft": true}'.encode()
    for kind, content in (
        ("application/json; charset=UTF-8", body),
        ('application/json; charset="utf-8"', codecs.BOM_UTF8 + body),
    ):
        answer = program.post(POSTS, content=content, headers={"Content-Type": kind})
        assert answer.status_code == 201, answer.text
    bytes_of_latin_1 = b'{"headline": "Libert\xe0"}'
    kind_only = {"Content-Type": "application/json"}
    is_problem(program.post(POSTS, content=bytes_of_latin_1, headers=kind_only), 400)


@pytest.mark.parametrize("field", ["headline", "text", "place", "note"])
def test_lone_surrogate_is_refused_not_dropped(program: httpx.Client, field: str) -> None:
    number = program.post(POSTS, json=POST).json()["id"]
    body = json.dumps({"note": "Corretto", field: "Citt\ud800"})
    kind = {"Content-Type": "application/json"}
    answer = program.patch(f"posts/{number}", content=body, headers=kind)
    assert field in is_problem(answer, 422)["errors"]  # type: ignore[operator]


def test_lengths_are_checked_after_normalization(program: httpx.Client) -> None:
    fits = {"headline": "  " + "🚧" * 80 + "  ", "text": "x" * 1000 + "\r\n" * 300, "draft": True}
    assert program.post(POSTS, json=fits).status_code == 201
    long = {**fits, "headline": "x" * 81, "text": "x" * 1001}
    errors = is_problem(program.post(POSTS, json=long), 422)["errors"]
    assert isinstance(errors, dict)
    assert errors.keys() == {"headline", "text"}


def test_date_without_a_time_is_a_whole_day(module_site: Site, program: httpx.Client) -> None:
    day = {"headline": "Fiera", "kind": "event", "starts_at": "2099-05-01"}
    number = program.post(POSTS, json=day).json()["id"]

    def read() -> dict[str, object]:
        posts = program.get(POSTS).json()["posts"]
        return next(dict(post) for post in posts if post["id"] == number)

    assert read()["starts_on"] == "2099-05-01"
    moment = read()["starts_at"]
    # A client may send back what it read: it stays a whole day.
    program.patch(f"posts/{number}", json={"note": "x", "starts_at": moment, "text": "Nuovo"})
    assert (read()["starts_on"], read()["text"]) == ("2099-05-01", "Nuovo")
    program.patch(f"posts/{number}", json={"note": "x", "starts_at": "2099-05-01T18:00"})
    assert (read()["starts_on"], read()["starts_at"]) == (None, "2099-05-01T16:00:00Z")


def test_post_in_an_ambiguous_hour_can_be_corrected(program: httpx.Client) -> None:
    event = {"headline": "Notte", "kind": "event", "starts_at": "2027-10-31T02:30"}
    errors = is_problem(program.post(POSTS, json=event), 422)["errors"]
    assert isinstance(errors, dict)
    assert "2027-10-31T02:30+02:00" in errors["starts_at"][0]
    event["starts_at"] = "2027-10-31T02:30+01:00"
    number = program.post(POSTS, json=event).json()["id"]
    corrected = program.patch(f"posts/{number}", json={"note": "Un errore", "text": "Nuovo"})
    assert corrected.status_code == 200
