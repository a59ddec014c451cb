# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The one table of calls: the methods of one address must stand in the same router."""

from ninja import Router

router = Router()
