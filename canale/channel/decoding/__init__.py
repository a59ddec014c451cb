# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Decodes uploads, in a process of its own (`python -m canale.channel.decoding`)."""
