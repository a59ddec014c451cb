# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A fast path around Django for what a whole town does in the same minute: react and follow.

An ASGI app in front of Django. It takes a call only if it is exactly what our pages send, and
performs it in one transaction with the others that wait (canale/runtime/group_commit.py). Anything
unusual or wrong is passed on to Django as it came, and answered by readers.py: nothing is refused
here, except when the database does not answer.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import BaseModel, ValidationError

from canale.api.follows import FollowAnswer, answer_follows
from canale.api.guards import COUNTED, READER_BYTES, must_wait
from canale.api.problems import ProblemError, busy, problem_response
from canale.api.readers import REACTIONS_LIMIT, follow_limit, remember
from canale.api.schemas import FollowerIn, ReactionIn
from canale.core.settings import settings
from canale.delivery.transports.base import AddressRefusedError
from canale.delivery.transports.registry import check_address
from canale.followers.device_token import COOKIE, new_token, token_hash
from canale.followers.follow import FollowRequest
from canale.net.body_buffering import ANONYMOUS_TIMEOUT_SECONDS
from canale.net.json_reader import read_json
from canale.net.numbers import number_in
from canale.net.responses import header_lines, send_response
from canale.reactions.react import ReactionChange, apply_changes
from canale.runtime.group_commit import GroupCommit

if TYPE_CHECKING:
    from asgiref.typing import (
        ASGI3Application,
        ASGIReceiveCallable,
        ASGIReceiveEvent,
        ASGISendCallable,
        HTTPScope,
    )

logger = logging.getLogger(__name__)
B = TypeVar("B", bound=BaseModel)

_REACTION = re.compile(r"/api/v1/posts/([1-9][0-9]{0,17})/reaction", re.ASCII)
_FOLLOWERS = re.compile(r"/api/v1/channels/([-\w]{1,40})/followers", re.ASCII)
_COOKIE = re.compile(rb"(?:^|;\s*)" + COOKIE.encode() + rb"=([\w-]{22})(?:;|$)", re.ASCII)
_OWN_SITE = (None, b"same-origin", b"none")
_OWN_ORIGIN = (None, settings.base_url.encode())
# Stands for a token, as long as one.
_PLACE = "A" * 22


@dataclass(slots=True)
class Call:
    """A call that may be performed here."""

    about: str
    """The post's id, or the channel's handle."""
    token: str
    client: str
    body: bytes
    counted: bool = False
    """True once the rate limits have counted it."""

    def may(self, limit: tuple[str, int, int]) -> bool:
        self.counted = must_wait(self.client, *limit) is None
        return self.counted


Handler = Callable[[Call], Awaitable[HttpResponse | None]]


class FastPath:
    """Wrap Django's app. ``headers`` are those of every response."""

    def __init__(self, app: ASGI3Application, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = header_lines(headers)
        self._reactions: GroupCommit[ReactionChange, dict[str, int] | None] = GroupCommit(
            "reactions", lambda changes: apply_changes(changes, timezone.now())
        )
        self._follows: GroupCommit[FollowRequest, FollowAnswer | None] = GroupCommit(
            "follows", answer_follows
        )
        self._routes: dict[str, tuple[re.Pattern[str], Handler]] = {
            "PUT": (_REACTION, self._react),
            "POST": (_FOLLOWERS, self._follow),
        }

    async def __call__(
        self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        pattern, handler = self._routes.get(scope["method"], (None, None))
        match = pattern.fullmatch(scope["path"]) if pattern else None
        token = _ordinary_token(scope) if match else None
        if not match or not token or not handler:
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(ANONYMOUS_TIMEOUT_SECONDS):
                body = await _read(receive)
        except TimeoutError:
            detail = _("The request took too long to arrive.")
            late = ProblemError(HTTPStatus.REQUEST_TIMEOUT, detail, headers={"Connection": "close"})
            await self._send(problem_response(late), send)
            return
        if body is None:
            return  # The client disconnected.
        client = scope["client"][0] if scope["client"] else ""
        await self._perform(handler, Call(match[1], token, client, body), scope, receive, send)

    async def _perform(
        self,
        handler: Handler,
        call: Call,
        scope: HTTPScope,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
    ) -> None:
        try:
            response = await handler(call)
        except (InterfaceError, OperationalError) as error:
            await self._send(problem_response(busy(error)), send)
        except DatabaseError:
            logger.warning("Call failed on the fast path; passing it to Django", exc_info=True)
            await self._hand_on(call, scope, receive, send)
        else:
            if response is None:
                await self._hand_on(call, scope, receive, send)
            else:
                await self._send(response, send)

    async def _hand_on(
        self, call: Call, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Pass the call to Django as it came, marked if the rate limits have counted it."""
        handed = False

        async def receive_again() -> ASGIReceiveEvent:
            nonlocal handed
            if handed:
                return await receive()
            handed = True
            return {"type": "http.request", "body": call.body, "more_body": False}

        scope = {**scope, COUNTED: True} if call.counted else scope  # type: ignore[misc]
        await self._app(scope, receive_again, send)

    async def _react(self, call: Call) -> HttpResponse | None:
        payload = _parsed(ReactionIn, call.body)
        if payload is None or not call.may(REACTIONS_LIMIT):
            return None
        change = ReactionChange(int(call.about), token_hash(call.token), payload.emoji)
        counts = await self._reactions.do(change)
        if counts is None:
            return None
        return _response(HTTPStatus.OK, {"counts": counts, "mine": payload.emoji}, call.token)

    async def _follow(self, call: Call) -> HttpResponse | None:
        payload = _parsed(FollowerIn, call.body)
        address = payload.address if payload else None
        if payload is None:
            return None
        try:
            if address:
                check_address(*address, may_wait=False)
        except AddressRefusedError:
            return None
        if not call.may(follow_limit(with_address=address is not None)):
            return None
        request = FollowRequest(
            handle=call.about,
            token=call.token,
            address=address,
            topics=tuple(payload.topics),
            language=payload.language,
            invite=payload.invite,
        )
        answer = await self._follows.do(request)
        if answer is None:
            return None
        status = HTTPStatus.CREATED if answer.created else HTTPStatus.OK
        return _response(status, answer.following, call.token)

    async def _send(self, response: HttpResponse, send: ASGISendCallable) -> None:
        cookies = [
            (b"set-cookie", cookie.OutputString().encode()) for cookie in response.cookies.values()
        ]
        length = (b"content-length", str(len(response.content)).encode())
        headers = [*header_lines(response.headers), length, *cookies, *self._headers]
        await send_response(send, response.status_code, headers, response.content)


def _ordinary_token(scope: HTTPScope) -> str | None:
    """Return the device's token, or a new one; None for a request that our pages would not send."""
    sent = list(scope["headers"])
    headers = dict(sent)
    length = number_in(headers.get(b"content-length", b"").decode("latin-1")) or 0
    ordinary = (
        len(headers) == len(sent)
        and not scope["query_string"]
        and headers.get(b"content-type") == b"application/json"
        and 0 < length <= READER_BYTES
        and headers.get(b"sec-fetch-site") in _OWN_SITE
        and headers.get(b"origin") in _OWN_ORIGIN
    )
    cookies = headers.get(b"cookie", b"")
    times = cookies.count(COOKIE.encode())
    if not ordinary or times > 1:
        return None
    if not times:
        return new_token()
    cookie = _COOKIE.search(cookies)
    return cookie[1].decode() if cookie else None


async def _read(receive: ASGIReceiveCallable) -> bytes | None:
    parts = []
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return None
        parts.append(event["body"])
        if not event["more_body"]:
            return b"".join(parts)


def _parsed(schema: type[B], body: bytes) -> B | None:
    try:
        return schema.model_validate(read_json(body))
    except (ValidationError, ValueError):
        return None


def _response(status: HTTPStatus, document: Mapping[str, object], token: str) -> HttpResponse:
    response = HttpResponse(
        json.dumps(document),
        status=status,
        content_type="application/json; charset=utf-8",
        headers={"Cache-Control": "no-store"},
    )
    remember(response, token)
    return response
