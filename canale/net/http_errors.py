# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The ways in which an outbound call fails, and which of them allow to repeat it."""

from __future__ import annotations

from typing import NamedTuple

from pyreqwest.exceptions import RequestError, RequestTimeoutError


class NoResponseError(Exception):
    """No complete response came; the far end may have processed the request.

    The message names the step that failed, never the address.
    """


class NotProcessedError(NoResponseError):
    """The far end certainly did nothing: no connection was made, or its response says so.

    The request can be repeated safely.
    """


class ResolutionError(NotProcessedError):
    """The resolver gave no address: it failed, or there is no such name."""


class ResponseTooLargeError(NoResponseError):
    """The far end answered with ``status`` and with more bytes than the caller wants."""

    def __init__(self, status: int, limit: int) -> None:
        super().__init__(f"answered {status} with more than {limit} bytes")
        self.status = status


class Failure(NamedTuple):
    """A failure, the number of tries, and the most seconds added to the pause before each."""

    message: str
    tries: int = 1
    pause: float = 0.0
    error: type[NoResponseError] = NotProcessedError


TIMED_OUT = Failure("no answer in time", error=NoResponseError)
BROKEN = Failure("the connection broke", error=NoResponseError)
# The far end's kernel confirms nothing (TCP_USER_TIMEOUT): mostly its queue of connections was full
# when the handshake ended, and it knows nothing of this one.
UNDELIVERED = Failure("nothing was confirmed", error=NoResponseError)
# The same two for a message that may be sent twice: with more tries.
UNANSWERED = Failure("no answer in time", tries=2, error=NoResponseError)
UNCONFIRMED = Failure("nothing was confirmed", tries=4, error=NoResponseError)
REPEATED = {TIMED_OUT: UNANSWERED, UNDELIVERED: UNCONFIRMED}
# Nothing was sent yet, so a retry sends nothing twice. It goes to the next address if there is one,
# then negotiates the protocol.
UNCONNECTED = Failure("no connection", tries=3)
# No connection to a host with one address that has never answered: it may be invented.
UNREACHED = Failure("no connection")
# The far end did nothing with it (RFC 9113, section 8.7); reqwest has tried three times by then.
UNPROCESSED = Failure("refused unread", tries=6, pause=0.05)

# reqwest's messages in the chain of causes. pyreqwest's exceptions tell none of these apart from a
# connection that breaks after the request, or from a time-out of the answer.
FAILURES = {
    "client error (Connect)": UNCONNECTED,
    "Connection timed out (os error 110)": UNDELIVERED,
    # REFUSED_STREAM
    "stream error received: refused stream before processing any application logic": UNPROCESSED,
    # A stream above the last one named by a GOAWAY without error.
    "connection error received: not a result of an error": UNPROCESSED,
    # The call was still waiting for a stream when the connection closed.
    "runtime dropped the dispatch task": UNPROCESSED,
}


def failure_of(error: RequestError) -> Failure:
    """Classify an exception of pyreqwest."""
    messages = (cause["message"] for cause in error.details["causes"] or [])
    otherwise = TIMED_OUT if isinstance(error, RequestTimeoutError) else BROKEN
    return next((FAILURES[message] for message in messages if message in FAILURES), otherwise)
