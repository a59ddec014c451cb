# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The words that the page's scripts say; `frontend/public/strings.ts` lists the same keys."""

from __future__ import annotations

from django.utils.translation import gettext as _


def strings() -> dict[str, str]:
    """In the reader's language; {names} are filled in by the scripts."""
    return {
        "newPost": _("New post: {headline}"),
        "corrected": _("Corrected: {headline}"),
        "withdrawn": _("Withdrawn: {headline}"),
        "withdrawnNote": _("This post was withdrawn."),
        "withdrawnWhy": _("Why?"),
        "today": _("Today"),
        "yesterday": _("Yesterday"),
        "copied": _("Copied."),
        "copyFailed": _("It could not be copied: press and hold the link, then choose Copy."),
        "reactionFailed": _("Your reaction didn’t get through. Try again."),
        "cookiesBlocked": _(
            "Your browser blocks the cookie that would hold your reaction. Allow cookies for this"
            " site, then react again."
        ),
        "saved": _("Saved"),
        "dismissed": _("To get notifications, tap Follow again and choose “Allow”."),
        "unfollowed": _("You’ve unfollowed: no more notifications will come."),
        "oneFollower": _("1 follower"),
        "followers": _("{number} followers"),
        "forgotten": _("All your data has been deleted."),
        "failed": _("That didn’t work. Try again."),
        "oneArrival": _("1 new post"),
        "arrivals": _("{number} new posts"),
        "imageOf": _("Image {number} of {total}"),
    }
