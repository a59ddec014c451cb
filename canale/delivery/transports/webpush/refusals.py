# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A push service's refusals, explained to an editor, with what to do (see codes.py)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from canale.delivery.transports.base import Explanation

_IDENTITY = _(
    "Ask whoever runs canale to run «canale check»: the secret key must be that of the last "
    "backup, the clock of the machine must be right, and the contact "
    "(CANALE_VAPID_CONTACT) must be an address that exists."
)
_REPORT = _("Ask whoever runs canale to check the log, and to report what they find.")

REFUSALS: dict[str, Explanation] = {
    "400": Explanation(_("The notification service did not understand the messages."), _REPORT),
    "401": Explanation(
        _("The notification service did not accept canale’s signature (VAPID)."), _IDENTITY
    ),
    "403": Explanation(
        _(
            "The notification service refused canale’s signature (VAPID): these phones follow a "
            "channel with another one, or the service does not accept the contact in it."
        ),
        _IDENTITY,
    ),
    "413": Explanation(
        _("The notification service finds the message too long, even shortened."), _REPORT
    ),
}
