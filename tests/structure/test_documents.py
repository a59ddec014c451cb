# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Commands, files and links named in the documents exist."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from canale.cli.commands import COMMANDS, parser
from tests.structure.repository import ROOT, files, text

# At the start of a line or after a path: elsewhere it is the name of a user or a database.
_CALLED = re.compile(r"(?:^|[`/])canale ([a-z][a-z-]+)((?: [^|;&#)\n]*)?)", re.MULTILINE)
_TYPED = re.compile(r"(?:(?:^|`)(make )|(?:^|[`\s])(bin/))([a-z][a-z-]*)", re.MULTILINE)
_TEST_DEFINED = re.compile(r"def (test_\w+)\(")
# In backticks, or as a file.
_TEST_NAMED = re.compile(r"`(test_\w+)`|\b(test_\w+)\.py\b")
DEPLOYED = ("deploy/", "Dockerfile")


def called() -> list[tuple[Path, str, list[str]]]:
    """Each command in code, with its options."""
    found = []
    for path in files(".md"):
        for code in re.findall(r"```.*?```|`[^`\n]+`", text(path), re.DOTALL):
            for name, rest in _CALLED.findall(code):
                found.append((path, name, re.findall(r"(?<!\S)\[?(--[a-z-]+)", rest)))
    return found


def parsers() -> dict[str, argparse.ArgumentParser]:
    def arguments_of(command: str) -> argparse.ArgumentParser:
        actions = parser(command)._actions
        commands = next(a for a in actions if isinstance(a, argparse._SubParsersAction))
        choice: argparse.ArgumentParser = commands.choices[command]
        return choice

    return {command: arguments_of(command) for command in COMMANDS}


def test_every_command_named_in_documents_exists() -> None:
    known = parsers()
    calls = called()
    assert len(calls) > 20
    assert [(str(path), name) for path, name, _ in calls if name not in known] == []
    wrong = [
        (str(path), name, option)
        for path, name, options in calls
        for option in options
        if option not in known[name]._option_string_actions
    ]
    assert wrong == []


def test_every_command_is_described() -> None:
    page = text(Path("docs/commands.md"))
    assert [name for name in COMMANDS if f"| `{name}" not in page] == []


def test_every_script_and_target_named_in_documents_exists() -> None:
    targets = set(re.findall(r"^(\w+):", text(Path("Makefile")), re.MULTILINE))
    named = [
        (str(path), make or script, name)
        for path in files(".md")
        for code in re.findall(r"```.*?```|`[^`\n]+`", text(path), re.DOTALL)
        for make, script, name in _TYPED.findall(code)
    ]
    assert len(named) > 20
    there = {"make ": targets, "bin/": {path.name for path in (ROOT / "bin").iterdir()}}
    assert [(path, name) for path, kind, name in named if name not in there[kind]] == []


def test_every_file_named_in_documents_exists() -> None:
    top = "bench|bin|canale|deploy|docs|frontend|tests"
    named = [
        (str(path), name)
        for path in files(".md")
        # A changelog names what existed in its version.
        if path.name != "CHANGELOG.md"
        for name in re.findall(rf"`((?:{top})/[^`\s]*)`", text(path))
    ]
    assert {"docs/architecture.md", "docs/operate.md"} <= {path for path, _ in named}
    assert len(named) > 150
    assert [(path, name) for path, name in named if not (ROOT / name).exists()] == []


def test_every_test_named_in_documents_and_comments_exists() -> None:
    sources = {path: text(path) for path in files(".py", ".md") if path.name != "CHANGELOG.md"}
    known = {path.stem for path in sources}
    known |= {name for source in sources.values() for name in _TEST_DEFINED.findall(source)}
    named = {
        (str(path), name)
        for path, source in sources.items()
        for names in _TEST_NAMED.findall(source)
        for name in names
        if name
    }
    assert len(named) > 50
    assert [(path, name) for path, name in sorted(named) if name not in known] == []


def test_links_between_documents_resolve() -> None:
    broken = [
        (str(path), link)
        for path in files(".md")
        for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text(path))
        if not (ROOT / path.parent / link).exists()
    ]
    assert broken == []


def test_every_deployed_file_is_in_the_guide() -> None:
    guide = text(Path("docs/operate.md"))
    deployed = {path.name for path in files() if str(path).startswith(DEPLOYED)}
    assert deployed
    assert [name for name in sorted(deployed) if name not in guide] == []


def test_every_decision_is_in_the_index_under_its_title() -> None:
    folder = Path("docs/decisions")
    listed = re.findall(r"^- \[(\d{4})\]\((\S+)\) (.+)$", text(folder / "README.md"), re.MULTILINE)
    titles = []
    for path in files(".md"):
        if path.parent == folder and path.name != "README.md":
            heading = re.search(r"^# (\d{4})\. (.+)$", text(path), re.MULTILINE)
            assert heading, f"{path}: no heading '# NNNN. Do this'"
            titles.append((heading[1], path.name, heading[2]))
    assert len(titles) > 40
    assert sorted(listed) == sorted(titles)
