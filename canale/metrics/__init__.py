# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What canale says of itself to Prometheus; docs/metrics.md says it to people."""
