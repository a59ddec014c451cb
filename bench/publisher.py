# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A process beside the server that publishes in its database on request by HTTP.

    python -m bench.publisher HANDLE

Prints its port. `POST /post` takes a JSON object with headline and text, publishes a post as
`canale publish` does, and returns its id and the time of the commit. `POST /line` appends the body
to the stream, which is the cheapest event and takes the same path after the commit.
"""

from __future__ import annotations

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from canale.channel.models import Channel, Post


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    channel: Channel
    bearer: Post

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/post":
            post = json.loads(body)
            result = published(self.channel, post["headline"], post["text"])
        else:
            result = line_written(self.bearer, body.decode())
        answer = json.dumps(result).encode()
        head = f"HTTP/1.1 201 Created\r\nContent-Length: {len(answer)}\r\n\r\n"
        self.wfile.write(head.encode() + answer)


def published(channel: Channel, headline: str, text: str) -> dict[str, float]:
    from django.db import transaction

    from canale.publishing.content import Content, check
    from canale.publishing.drafts import keep_draft
    from canale.publishing.publish import publish

    committed: list[float] = []
    checked = check(channel, Content(kind="news", headline=headline, text=text))
    with transaction.atomic():
        # Runs first after the commit, before anyone is notified.
        transaction.on_commit(lambda: committed.append(time.time()))
        post = publish(keep_draft(channel, checked, by="bench"), by="bench")
    return {"id": post.pk, "committed": committed[0]}


def line_written(bearer: Post, line: str) -> dict[str, float]:
    from django.db import transaction

    from canale.live.events import append_event
    from canale.live.models import LiveEvent

    with transaction.atomic():
        event = append_event(bearer, LiveEvent.Kind.POST, pad=line)
    return {"id": event.pk}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "canale.core.django_settings")
    django.setup()
    from canale.channel.models import Channel, Post

    Request.channel = Channel.objects.get(handle=sys.argv[1])
    first = Post.objects.filter(channel=Request.channel).order_by("pk").first()
    if first is None:
        made = published(Request.channel, "Il primo avviso", "Prova.")
        first = Post.objects.get(pk=int(made["id"]))
    Request.bearer = first
    server = HTTPServer(("127.0.0.1", 0), Request)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
