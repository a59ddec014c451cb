# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Metrics for Prometheus; docs/metrics.md describes them."""
