# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The state of a post at each outlet, in plain words, with the next step where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from canale.channel.models import Post
from canale.delivery.copies import ABSENT, EXPIRED, NEVER_SENT
from canale.delivery.models import Copy
from canale.delivery.reasons import NOT_OPENED, OUR_ERROR
from canale.delivery.transports.base import Explanation
from canale.delivery.transports.registry import get_relay

State = Copy.State

_LOG = _("Ask whoever runs canale to check the log, and to report what they find.")
_AGAIN = _("canale tries again on its own until the post expires.")
_LOOK = _("Check there yourself; if the post is missing, publish it there by hand.")

# Before any far end had its say.
OURS: dict[str, Explanation] = {
    OUR_ERROR: Explanation(_("An error in canale interrupted the sending."), _LOG),
    NOT_OPENED: Explanation(
        _("The outlet’s secrets cannot be opened with the current secret key."),
        _("Ask whoever runs canale to restore the key of the last backup (CANALE_SECRET_KEY)."),
    ),
    EXPIRED: Explanation(_("The post expired before it could be sent."), ""),
    NEVER_SENT: Explanation(_("It was never sent there: there was nothing to withdraw."), ""),
    ABSENT: Explanation(_("canale checked there and did not find the post."), _LOOK),
    "429": Explanation(_("Too many posts in a short time: the outlet asks for a pause."), _AGAIN),
}
OFF = Explanation(
    _("The outlet is switched off or paused."),
    _("It is sent if the outlet is switched on again before the post expires."),
)
UNREACHABLE = Explanation(_("The outlet cannot be reached at the moment."), _AGAIN)
REPEATED = Explanation(
    _("It is not known whether it arrived: no clear answer came."),
    _("canale sends it again on its own; the outlet recognises it, so it does not appear twice."),
)
LOOKED_FOR = Explanation(
    _("It is not known whether it arrived: no clear answer came."),
    _("canale checks there on its own before it does anything else."),
)
IN_DOUBT = Explanation(_("It is not known whether it arrived: no clear answer came."), _LOOK)
REFUSED = Explanation(_("The outlet refused the post."), _LOG)


@dataclass(frozen=True, slots=True)
class CopyProgress:
    """The newest copy of a post on one outlet."""

    outlet: str
    label: str | Promise
    purpose: str
    state: str
    state_label: str | Promise
    url: str
    sent_at: datetime | None
    code: str
    """The far end's own, if it gave one."""
    explanation: Explanation | None
    finished: bool
    """Nothing changes without a person or a new event."""

    @property
    def needs_attention(self) -> bool:
        """True where a person has something to do."""
        stuck = self.finished and self.explanation is not None and bool(self.explanation.action)
        return stuck or self.state == State.REFUSED


def copy_progress(post: Post) -> list[CopyProgress]:
    """Return one row for each outlet that was to get the post, in the order of their names."""
    rows: dict[int, Copy] = {}
    copies = Copy.objects.filter(broadcast__post=post).select_related("outlet", "broadcast")
    for copy in copies.order_by("outlet__name", "pk"):
        rows[copy.outlet_id] = copy
    return [
        CopyProgress(
            outlet=copy.outlet.name,
            label=spec.label,
            purpose=copy.broadcast.purpose,
            state=copy.state,
            state_label=State(copy.state).label,
            url=copy.url,
            sent_at=copy.sent_at,
            code=copy.reason if copy.reason.isdigit() else "",
            explanation=explain(copy, spec.refusals, idempotent=spec.capabilities.idempotent),
            finished=copy.not_before is None and copy.state != State.SENDING,
        )
        for copy in rows.values()
        for spec in [get_relay(copy.outlet.transport)]
    ]


def explain(
    copy: Copy, refusals: Mapping[str, Explanation], *, idempotent: bool
) -> Explanation | None:
    """Say what is wrong with a copy, and what to do. None: nothing is."""
    active, waiting = copy.outlet.active, copy.not_before is not None
    match copy.state:
        case State.QUEUED | State.UNKNOWN if not active and waiting:
            return OFF
        case State.UNKNOWN if waiting:
            return REPEATED if idempotent else LOOKED_FOR
        case State.UNKNOWN:
            return OURS.get(copy.reason, IN_DOUBT)
        case State.REFUSED:
            known = OURS.get(copy.reason) or refusals.get(copy.reason)
            return known or refusals.get(copy.reason[:1], REFUSED)
        case State.QUEUED if copy.reason:
            return OURS.get(copy.reason, UNREACHABLE)
    return OURS.get(copy.reason)
