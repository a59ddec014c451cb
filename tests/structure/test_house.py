# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The house stays as docs/architecture.md draws it: arrows, names, sizes."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.structure.repository import ROOT, files, text

LONGEST_FILE = 400
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "manager", "managers", "misc", "common"}
TRANSPORTS = {
    "webpush",
    "web_push",
    "telegram",
    "whatsapp",
    "mastodon",
    "webhook",
    "smtp",
    "smtplib",
}
ADDRESS_KINDS = {"push"}
# Settings, exported metrics, an option and an act in the audit log: operators know them.
STABLE_NAMES = {
    "push_origins",
    "push_proxy",
    "--new-push-identity",
    "push_identity",
}
PART_OF_A_NAME = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def test_imports_point_only_down(tmp_path: Path) -> None:
    # A process of its own: import-linter reconfigures logging.
    program = (
        "import sys; from importlinter.cli import lint_imports as l; sys.exit(l(cache_dir=%r))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program % str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def _words(node: ast.AST) -> Iterator[str]:
    """Yield the names in a node: an identifier, an imported module, or a one-word string."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            yield name
        case ast.keyword(arg=str(name)):
            yield name
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
            yield name
        case ast.Import(names=names):
            yield from (part for alias in names for part in alias.name.split("."))
        case ast.ImportFrom(module=module, names=names):
            yield from (module or "").split(".")
            yield from (alias.name for alias in names)
        case ast.Constant(value=str(value)):
            yield from value.split(".")


def _named_outside_delivery() -> Iterator[tuple[str, str]]:
    """Yield each word that code outside delivery names, and where."""
    for path in files(".py"):
        if path.parts[0] == "canale" and path.parts[1] != "delivery":
            for node in ast.walk(ast.parse(text(path))):
                for word in _words(node):
                    yield word, f"{path}:{getattr(node, 'lineno', '?')}: {word}"


def test_only_delivery_names_a_transport() -> None:
    named = [where for word, where in _named_outside_delivery() if word.lower() in TRANSPORTS]
    assert named == []


def test_only_delivery_names_a_kind_of_address() -> None:
    """Everybody else goes over the kinds of the registry; prose may speak of push services."""
    named = [
        where
        for word, where in _named_outside_delivery()
        if word not in STABLE_NAMES
        and not word.startswith("canale_push_")
        and not re.search(r"\s", word)
        and ADDRESS_KINDS & {part.lower() for part in PART_OF_A_NAME.findall(word)}
    ]
    assert named == []


def test_no_file_is_too_long() -> None:
    lengths = {
        path: len(text(path).splitlines())
        for path in files(".py", ".ts", ".scss", ".html")
        if "migrations" not in path.parts
    }
    assert lengths
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_file_and_class_names_are_not_generic() -> None:
    vague = [
        str(path)
        for path in files()
        if EMPTY_NAMES & set(re.split(r"[-_.]", "/".join(path.parts).replace("/", ".").lower()))
    ]
    classes = [
        f"{path}: {node.name}"
        for path in files(".py")
        for node in ast.walk(ast.parse(text(path)))
        if isinstance(node, ast.ClassDef)
        and EMPTY_NAMES & {word.lower() for word in re.findall(r"[A-Z][a-z]+", node.name)}
        # Django's word for what a model's queries start from.
        and not any("BaseUserManager" in ast.unparse(base) for base in node.bases)
    ]
    assert vague + classes == []


def test_own_sources_carry_their_licence() -> None:
    bare = [
        str(path)
        for path in files(".py", ".ts", ".scss", ".html", ".sh")
        if "SPDX-License-Identifier" not in text(path)[:400]
    ]
    assert bare == []


def test_only_the_bus_names_a_bus() -> None:
    """All others ask for `process_bus`, which only the composition root chooses."""
    named = [
        str(path)
        for path in files(".py")
        if path.parts[0] == "canale"
        and path.parts[1] not in {"bus", "nats"}
        and path != Path("canale/cli/brokers.py")
        and re.search(r"\b(LocalBus|NatsBus)\b|canale\.(bus\.local|nats\.bus)\b", text(path))
    ]
    assert named == []


def test_only_durable_files_renames_files() -> None:
    """A rename, a link or a sync elsewhere would forget the folder, and a power cut the name."""
    calls = [
        f"{path}:{node.lineno}: {ast.unparse(node.func)}"
        for path in files(".py")
        if path.parts[0] == "canale" and path.name != "durable_files.py"
        for node in ast.walk(ast.parse(text(path)))
        if isinstance(node, ast.Call) and _names_a_file(node)
    ]
    assert calls == []


def _names_a_file(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return False
    of = ast.unparse(call.func.value)
    match call.func.attr:
        case "fsync" | "fdatasync" | "rename" | "renames" | "symlink_to" | "hardlink_to":
            return True
        case "replace" | "link":
            # str.replace takes two, datetime.replace none but by name.
            return of == "os" or (of != "durable_files" and len(call.args) == 1)
        case "move":
            return of == "shutil"
    return False


def test_no_input_truncates_pasted_text() -> None:
    """`maxlength` does, without a word, and counts in other units than the server."""
    cutting = [str(path) for path in files(".html", ".ts") if "maxlength" in text(path).lower()]
    assert [path for path in cutting if path.startswith(("canale/", "frontend/"))] == []


def test_scripts_select_nothing_with_has() -> None:
    """The oldest browsers that are built for throw: Chrome before 105, Firefox before 121."""
    scripts = [path for path in files(".ts") if path.parts[0] == "frontend"]
    assert scripts
    assert [str(path) for path in scripts if ":has(" in text(path)] == []
