# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A receiver's refusals, explained to an editor, with what to do (see codes.py)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from canale.delivery.transports.base import Explanation

_RECEIVER = _("Ask whoever runs the receiving program, and give them the code.")

REFUSALS: dict[str, Explanation] = {
    "400": Explanation(_("The receiving program did not understand the event."), _RECEIVER),
    "401": Explanation(
        _("The receiving program did not accept canale’s signature."),
        _(
            "The secret there must be the one that was shown when the outlet was added: if it is "
            "lost, remove the outlet and add it again."
        ),
    ),
    "404": Explanation(
        _("There is nothing at the receiving program’s address."),
        _("Remove the outlet and add it again with the right address."),
    ),
    "410": Explanation(
        _("The receiving program asks for no more events: the outlet is paused."),
        _("Switch it on again when the program is available, or remove it."),
    ),
    "413": Explanation(_("The receiving program finds the event too large."), _RECEIVER),
    "3": Explanation(
        _("The receiving program has moved, and canale follows no redirect."),
        _("Remove the outlet and add it again with the new address."),
    ),
    "4": Explanation(_("The receiving program refused the event."), _RECEIVER),
}
REFUSALS["403"] = REFUSALS["401"]
