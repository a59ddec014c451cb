# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Outbound HTTP to strangers' addresses, and limits on what strangers may ask. Imports nothing
of ours."""
