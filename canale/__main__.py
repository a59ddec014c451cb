# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""`python -m canale` is the command `canale`."""

import sys

from canale.cli import main

sys.exit(main())
