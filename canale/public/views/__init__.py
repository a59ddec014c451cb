# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
from canale.public.views.errors import bad_request, forbidden, not_found, server_error

__all__ = ["bad_request", "forbidden", "not_found", "server_error"]
