# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who may open what: every view of the newsroom says which role it needs."""

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
    """Who is signed in; only within a view that needs a role."""
    return cast("Staff", request.user)


def redirect_or_json(request: HttpRequest, address: str, **arguments: object) -> HttpResponse:
    """On to another page: a redirect, or, for the composer's script, where to go. The script
    goes there itself, so that what is said there is said once."""
    url = reverse(address, kwargs=arguments)
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"location": url})
    return HttpResponseRedirect(url)


def retry_later(response: HttpResponse, seconds: int) -> HttpResponse:
    """The same page as 503: nothing in it is wrong, and the same request may succeed soon."""
    response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    response.headers["Retry-After"] = str(seconds)
    return response


def may_do(act: Act) -> Rule:
    """The rule of an act on a post: publishing/transitions.py says which roles may do it."""

    def rule(staff: Staff, channel: Channel) -> bool:
        return may(role_of(staff, channel), act)

    return rule


def role_required(rule: Rule) -> Callable[[ChannelView[P]], RoutedView[P]]:
    """The view gets the channel of the handle in its address. To who has no role in it, the
    channel does not exist; to who has a lesser one, the act is forbidden."""

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
                messages.warning(request, _("This newsroom opens with a second factor: add one."))
                return redirect_or_json(request, "mfa_index")
            if not rule(staff_of(request), channel):
                raise PermissionDenied
            return view(request, channel, *args, **kwargs)

        guarded.needs_role = rule  # type: ignore[attr-defined]
        return cast("RoutedView[P]", guarded)

    return decorate
