# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Far ends that behave as the real ones do, for tests and rehearsals without a network."""
