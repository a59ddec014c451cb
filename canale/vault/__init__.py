# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Keys, sealing with a fixed size, fingerprints, and the change of the key. Knows no table."""
