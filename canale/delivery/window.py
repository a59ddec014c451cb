# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How far a worker reads ahead of what it has recorded."""

from __future__ import annotations

# Read at once: half a window, so that the next are read while these are sent.
CHUNK_ADDRESSES = 250
# Read and not yet recorded, in one worker: what is sent twice, at most, when it is killed.
WINDOW_ADDRESSES = 500
