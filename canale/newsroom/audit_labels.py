# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Labels for the entries of the audit log, whose hashed fields hold short names."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from canale.accounts.models import AuditEntry, Role
from canale.newsroom.forms import ChannelSettings

ACTS: dict[str, Promise] = {
    "channel.changed": _("changed the channel’s profile"),
    "delivery.resumed": _("resumed sending a post’s notifications"),
    "key.changed": _("gave the installation a new secret key"),
    "outlet.added": _("added an outlet"),
    "outlet.removed": _("removed an outlet"),
    "outlet.switched_off": _("switched an outlet off"),
    "outlet.switched_on": _("switched an outlet on"),
    "post.corrected": _("corrected a post"),
    "post.draft_deleted": _("deleted a draft"),
    "post.drafted": _("wrote a draft"),
    "post.preview_removed": _("removed the preview of a post’s link"),
    "post.published": _("published a post"),
    "post.redrafted": _("changed a draft"),
    "post.withdrawn": _("withdrew a post"),
    "push_identity.changed": _("replaced the notification key (VAPID)"),
    "second_factor.optional": _("made the second factor optional"),
    "second_factor.required": _("made the second factor mandatory"),
    "staff.added": _("gave someone access"),
    "staff.code_refused": _("entered a wrong code"),
    "staff.email_changed": _("changed the e-mail of an account"),
    "staff.factor_added": _("added a passkey or codes to the account"),
    "staff.factor_removed": _("removed a passkey or codes from the account"),
    "staff.factor_reset": _("created new recovery codes"),
    "staff.password_changed": _("changed the password"),
    "staff.password_refused": _("entered a wrong password"),
    "staff.password_set": _("set a new password for an account"),
    "staff.removed": _("removed someone’s access"),
    "staff.role_changed": _("changed someone’s role"),
    "staff.sessions_ended": _("ended other sessions of the account"),
    "staff.signed_in": _("signed in"),
    "staff.signed_in_on_new_device": _("signed in on a new device"),
    "token.made": _("created a token for a program"),
    "token.revoked": _("revoked a program’s token"),
    "topic.added": _("added a topic"),
    "topic.removed": _("removed a topic"),
}
# In the order in which they are shown, because PostgreSQL does not keep the order of JSON's keys.
DETAILS: dict[str, Promise] = {
    "post": _("number"),
    "headline": _("headline"),
    "note": _("what changed"),
    "reason": _("why"),
    "email": _("account"),
    "before": _("before"),
    "role": _("role"),
    "fields": _("what"),
    "token": _("token"),
    "topic": _("topic"),
    "outlet": _("outlet"),
    "transport": _("type"),
    "count": _("times"),
}
# Actors without an account.
ACTORS: dict[str, Promise] = {"cli": _("command line"), "demo": _("demonstration")}


def actor(recorded: str) -> str:
    """Return the label of an actor; staff are shown by their e-mail address."""
    kind, _colon, name = recorded.partition(":")
    if kind == "token" and name:
        return str(_("program %(name)s") % {"name": name})
    return str(ACTORS.get(recorded, recorded))


def act(entry: AuditEntry) -> str:
    return str(ACTS.get(entry.act, entry.act))


def details(entry: AuditEntry) -> list[tuple[str, str]]:
    """Return the labels and values of the entry's detail, without empty values."""
    names = [*DETAILS, *sorted(entry.detail.keys() - DETAILS.keys())]
    return [
        (str(DETAILS.get(name, name)), _value(name, entry.detail[name]))
        for name in names
        if entry.detail.get(name) not in ("", None, [])
    ]


def _value(name: str, value: object) -> str:
    if name == "fields" and isinstance(value, list):
        fields = ChannelSettings.base_fields
        return ", ".join(str(fields[key].label) if key in fields else str(key) for key in value)
    if name == "role" and value in Role.values:
        return str(Role(value).label)
    return str(value)
