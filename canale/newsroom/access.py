# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Access control: every view of the newsroom declares which role it needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec, cast

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.urls import reverse
from django.utils.translation import gettext as _

from canale.accounts.models import Staff
from canale.accounts.roles import role_of
from canale.accounts.second_factor import is_missing
from canale.channel.models import Channel
from canale.publishing.transitions import Act, may

P = ParamSpec("P")
Rule = Callable[[Staff, Channel], bool]
ChannelView = Callable[Concatenate[HttpRequest, Channel, P], HttpResponseBase]
RoutedView = Callable[Concatenate[HttpRequest, str, P], HttpResponseBase]


def staff_of(request: HttpRequest) -> Staff:
    """Return the signed-in person; call it only from a view that requires a sign-in."""
    return cast("Staff", request.user)


def redirect_or_json(request: HttpRequest, route: str, **arguments: object) -> HttpResponse:
    """Redirect to another page, or return its URL to the composer's script as JSON.

    The script navigates itself: a redirect that it followed would use up the page's messages.
    """
    url = reverse(route, kwargs=arguments)
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"location": url})
    return HttpResponseRedirect(url)


def retry_later(response: HttpResponse, seconds: int) -> HttpResponse:
    """Turn the page into a 503: the form is valid, and the same request may succeed soon."""
    response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    response.headers["Retry-After"] = str(seconds)
    return response


def may_do(act: Act) -> Rule:
    """Return the rule for an act on a post; publishing/transitions.py lists the roles."""

    def rule(staff: Staff, channel: Channel) -> bool:
        return may(role_of(staff, channel), act)

    return rule


def role_required(rule: Rule) -> Callable[[ChannelView[P]], RoutedView[P]]:
    """Pass the channel of the URL's handle to the view if the rule allows it.

    Without any role in the channel the response is 404; with an insufficient role it is 403.
    """

    def decorate(view: ChannelView[P]) -> RoutedView[P]:
        @wraps(view)
        def guarded(
            request: HttpRequest, handle: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            channel = Channel.objects.filter(handle=handle).first()
            if channel is None or role_of(staff_of(request), channel) is None:
                raise Http404
            if is_missing(staff_of(request), channel):
                messages.warning(request, _("This newsroom requires a second factor: add one."))
                return redirect_or_json(request, "mfa_index")
            if not rule(staff_of(request), channel):
                raise PermissionDenied
            return view(request, channel, *args, **kwargs)

        guarded.needs_role = rule  # type: ignore[attr-defined]
        return cast("RoutedView[P]", guarded)

    return decorate
