# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The ways out. ``registry`` names them; ``base`` says what each of them offers."""
