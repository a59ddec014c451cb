# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Mozilla's push service as Firefox sees it: a WebSocket on one side, HTTP endpoints on the other.

Set ``FirefoxPush.prefs`` in a Firefox, subscribe in a page, POST to the endpoint: the message goes
over the socket to the browser, which decrypts it and answers with an ack (100: delivered to the
page's service worker). The socket's protocol is that of Firefox's PushServiceWebSocket.sys.mjs.
"""

from __future__ import annotations

import json
import secrets
import threading
import uuid
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.standins.http11 import Http11Server, LoopThread, Reply, Request
from tests.standins.webpush_rules import RefusedError, base64url, check_request
from tests.waiting import TIMEOUT_SECONDS

DELIVERED = 100


@dataclass(frozen=True, slots=True)
class Ack:
    """Firefox's answer to one message: 100 delivered, 101 not decrypted, 102 not delivered."""

    channel: str
    version: str
    code: int


@dataclass(slots=True)
class _Channel:
    user_agent: str
    vapid_key: str | None


@dataclass(slots=True)
class _UserAgent:
    socket: ServerConnection | None = None
    waiting: list[dict[str, Any]] = field(default_factory=list)


class FirefoxPush:
    """The service and what it has seen. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._thread = LoopThread()
        self._http = Http11Server(self._post)
        self._sockets: Server | None = None
        self._changed = threading.Condition()
        self._channels: dict[str, _Channel] = {}
        self._user_agents: dict[str, _UserAgent] = {}
        self.acks: list[Ack] = []
        self.headers: list[dict[str, str]] = []
        self.refused: list[RefusedError] = []
        self.unregistered: list[str] = []
        self.origin = ""
        self.socket_url = ""

    @property
    def prefs(self) -> dict[str, str | bool | int]:
        """The preferences with which Firefox uses this service and allows notifications unasked."""
        return {
            "dom.push.serverURL": self.socket_url,
            "dom.push.testing.allowInsecureServerURL": True,
            "dom.push.connection.enabled": True,
            "permissions.default.desktop-notification": 1,
        }

    def start(self) -> FirefoxPush:
        """Start to listen."""
        self._thread.start()
        port = self._thread.run(self._http.listen("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{port}"
        self.socket_url = f"ws://127.0.0.1:{self._thread.run(self._listen())}/"
        return self

    def stop(self) -> None:
        """Drop every line and stop."""
        self._thread.run(self._close())
        self._thread.stop()

    def __enter__(self) -> FirefoxPush:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        self.stop()

    def wait_for_acks(self, count: int, timeout: float = TIMEOUT_SECONDS) -> list[Ack]:
        """Wait until Firefox has answered that many messages; gives all. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.acks) >= count, timeout):
                raise TimeoutError(f"{len(self.acks)} of {count} acks; refused: {self.refused}")
            return list(self.acks)

    async def _listen(self) -> int:
        self._sockets = await serve(self._talk, "127.0.0.1", 0)
        port: int = next(iter(self._sockets.sockets)).getsockname()[1]
        return port

    async def _close(self) -> None:
        await self._http.close()
        if self._sockets is not None:
            self._sockets.close()
            await self._sockets.wait_closed()

    async def _talk(self, socket: ServerConnection) -> None:
        user_agent = ""
        try:
            async for text in socket:
                message = json.loads(text)
                if message.get("messageType") == "hello":
                    user_agent = await self._hello(socket, message)
                else:
                    await self._hear(socket, user_agent, message)
        except ConnectionClosed:
            pass
        finally:
            if user_agent and self._user_agents[user_agent].socket is socket:
                self._user_agents[user_agent].socket = None

    async def _hear(
        self, socket: ServerConnection, user_agent: str, message: dict[str, Any]
    ) -> None:
        match message.get("messageType"):
            case "register":
                await self._register(socket, user_agent, message)
            case "unregister":
                await self._unregister(socket, message)
            case "ack":
                self._ack(message)
            case None:  # A ping is an empty object, and so is its answer.
                await socket.send("{}")

    async def _hello(self, socket: ServerConnection, message: dict[str, Any]) -> str:
        asked = message.get("uaid") or ""
        name = asked if asked in self._user_agents else uuid.uuid4().hex
        user_agent = self._user_agents.setdefault(name, _UserAgent())
        user_agent.socket = socket
        await self._say(
            socket,
            messageType="hello",
            uaid=name,
            status=200,
            use_webpush=True,
            broadcasts={},
        )
        waiting, user_agent.waiting = user_agent.waiting, []
        for notification in waiting:
            await self._say(socket, **notification)
        return name

    async def _register(
        self, socket: ServerConnection, user_agent: str, message: dict[str, Any]
    ) -> None:
        channel = message["channelID"]
        self._channels[channel] = _Channel(user_agent, message.get("key"))
        await self._say(
            socket,
            messageType="register",
            channelID=channel,
            status=200,
            pushEndpoint=f"{self.origin}/wpush/v2/{channel}",
        )

    async def _unregister(self, socket: ServerConnection, message: dict[str, Any]) -> None:
        channel = message["channelID"]
        self._channels.pop(channel, None)
        await self._say(socket, messageType="unregister", channelID=channel, status=200)
        with self._changed:
            self.unregistered.append(channel)
            self._changed.notify_all()

    def _ack(self, message: dict[str, Any]) -> None:
        with self._changed:
            for update in message["updates"]:
                self.acks.append(Ack(update["channelID"], update["version"], update["code"]))
            self._changed.notify_all()

    async def _post(self, request: Request) -> Reply:
        name = request.path.removeprefix("/wpush/v2/")
        channel = self._channels.get(name)
        if request.method != "POST" or channel is None:
            return Reply(410 if request.path.startswith("/wpush/v2/") else 404)
        try:
            check_request(request, self.origin, channel.vapid_key)
        except RefusedError as refusal:
            self.refused.append(refusal)
            return Reply(refusal.status, body=refusal.reason.encode())
        self.headers.append(request.headers)
        version = secrets.token_urlsafe(16)
        await self._forward(channel.user_agent, _notification(name, version, request))
        return Reply(201, {"Location": f"{self.origin}/m/{version}", "TTL": request.headers["ttl"]})

    async def _forward(self, name: str, notification: dict[str, Any]) -> None:
        user_agent = self._user_agents[name]
        if user_agent.socket is None:
            user_agent.waiting.append(notification)
        else:
            await self._say(user_agent.socket, **notification)

    async def _say(self, socket: ServerConnection, **message: object) -> None:
        await socket.send(json.dumps(message))


def _notification(channel: str, version: str, request: Request) -> dict[str, Any]:
    message: dict[str, Any] = {
        "messageType": "notification",
        "channelID": channel,
        "version": version,
    }
    if request.body:
        message["data"] = base64url(request.body)
        message["headers"] = {"encoding": request.headers["content-encoding"]}
    return message
