# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page of a person's own sessions."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from canale.accounts.audit import record
from canale.accounts.sessions import end_sessions, key_hash, open_sessions
from canale.newsroom.access import staff_of


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def sessions(request: HttpRequest) -> HttpResponse:
    """List and end sessions. A form names a session by its key's hash, which grants no access."""
    staff, own = staff_of(request), request.session.session_key or ""
    rows = open_sessions(timezone.now()).filter(staff=staff).order_by("-seen_at")
    if request.method == "POST":
        if "others" in request.POST:
            ended = end_sessions(staff, keep=own)
        else:
            chosen = str(request.POST.get("end", "")).replace("\0", "")
            ended = rows.filter(pk=chosen).exclude(pk=key_hash(own)).delete()[0]
        if ended:
            for membership in staff.memberships.select_related("channel"):
                record(staff.email, "staff.sessions_ended", membership.channel.handle)
            messages.success(request, _("Ended. Using it again requires a new sign-in."))
        return redirect("newsroom:sessions")
    current = [row for row in rows if row.pk == key_hash(own)]
    others = [row for row in rows if row.pk != key_hash(own)]
    return render(request, "newsroom/sessions.html", {"current": current, "others": others})
