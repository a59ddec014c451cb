# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The API does what its OpenAPI document says, whatever is asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.site import HANDLE, Site

# Bounded: a few examples of each kind for each call.
EXAMPLES = 20 if os.environ.get("SOAK") else 2


def test_api_passes_schemathesis(module_site: Site, tmp_path: Path) -> None:
    post = module_site.post(module_site.token())["id"]
    # Existing objects, so that the calls get past "not found".
    known = f'[parameters]\nhandle = "{HANDLE}"\n"path.post_id" = {post}\n'
    (tmp_path / "schemathesis.toml").write_text(known)
    program = Path(sys.executable).with_name("schemathesis")
    done = subprocess.run(
        [
            str(program),
            "run",
            f"{module_site.api}/openapi.json",
            f"--max-examples={EXAMPLES}",
            "--exclude-checks=positive_data_acceptance",
            "--seed=7",
            # Python 3.11 cannot parse in two threads at once (python/cpython#106905).
            "--workers=1",
            f"--header=Authorization: Bearer {module_site.token()}",
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
