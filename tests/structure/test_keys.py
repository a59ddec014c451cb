# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every key that follows from the secret key has a fate when that changes, and is named in the
decision about it."""

from __future__ import annotations

import re
from pathlib import Path

from canale.followers.persistent_keys import PERSISTENT
from canale.vault.keys import PURPOSES
from tests.structure.repository import files, text

_USED = re.compile(
    r"(?:derived_key|persistent_key)\(\s*\"([^\"]+)\"|(?:seal|open)_bytes\([^)]*?\"([^\"]+)\""
    r"|^(?:PURPOSE|_SEALED_FOR) = \"([^\"]+)\"",
    re.MULTILINE,
)


def test_every_key_purpose_has_a_rotation_rule() -> None:
    used = {
        name
        for path in files(".py")
        if path.parts[0] == "canale"
        for groups in _USED.findall(text(path))
        for name in groups
        if name
    }
    assert used | {"fingerprint"} == set(PURPOSES)
    assert {name for name, fate in PURPOSES.items() if fate.startswith("lasts")} == set(PERSISTENT)


def test_decision_record_names_every_key_purpose() -> None:
    page = text(Path("docs/decisions/0017-rotate-the-secret-key-while-serving.md"))
    assert [name for name in PURPOSES if f"`{name}`" not in page] == []


def test_only_the_vault_derives_keys_from_the_secret_key() -> None:
    readers = [
        str(path)
        for path in files(".py")
        if path.parts[0] == "canale" and "settings.secret_key" in text(path)
    ]
    assert sorted(readers) == [
        "canale/accounts/audit.py",
        "canale/cli/archive.py",
        "canale/cli/brokers.py",
        "canale/cli/check.py",
        "canale/cli/folder_locks.py",
        "canale/cli/restore.py",
        "canale/cli/rotate_key.py",
        "canale/core/django_settings.py",
        "canale/followers/persistent_keys.py",
        "canale/vault/keys.py",
    ]
