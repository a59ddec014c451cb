# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Link previews: what the first link of a post leads to, as its page describes itself."""
