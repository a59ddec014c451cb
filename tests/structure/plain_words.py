# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rules of wording that a machine can hold. bin/lint runs this module.

CONTRIBUTING.md (*Plain words*) has the rules.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.structure.repository import files, text

CHECKED = ("canale", "bench", "tests", "frontend")

# The share of all functions that are private and called once may not grow. Goal: 12 %.
MAX_SINGLE_USE_PERCENT = 12.0

BARE_OPENING = re.compile(
    r"(Of|That|Whether|What|Whatever|Where|Who|Whoever|Whom|Whose|As|So (that|long|many|much))\b"
)

# Not the slashes of an address.
SCRIPT_COMMENT = re.compile(
    r"/\*\*?.*?\*/|(?:(?<![:\w\"'`])//[^\n]*(?:\n[ \t]*(?=//))?)+", re.DOTALL
)

CODE = re.compile(r"`+[^`]*`+")

# Names and phrases that were abolished, as regular expressions, and what to say now.
ABOLISHED = {
    r"\b[Aa]new\b": "again, or nothing",
    r"\b[Mm]eanwhile\b": "until then, while …, or nothing",
    r"\bthe one before\b": "the previous …",
    r"\bby (itself|themselves)\b": "on its own",
    r"\b[Ss]o (long|many) (a|an|the|it|of)\b": "this long, N",
    r"\bsigns? of life\b": "heartbeat",
    r"\bill (service|services|far end)\b": "unhealthy",
}

# Names that were abolished, and the name to use instead. Checked everywhere, tests included.
ABOLISHED_NAMES = {
    "AlreadySetUp": "AlreadySetUpError",
    "ChangedMeanwhile": "EditConflictError",
    "ClosedSignup": "StaffAccountAdapter",
    "Copier": "DeltaCounters",
    "EndpointRefused": "EndpointRefusedError",
    "FewAtATime": "ThrottledArgon2PasswordHasher",
    "FewGuesses": "RateLimitedCode",
    "Grouped": "GroupCommit",
    "HardToGuess": "GuessablePasswordValidator",
    "HubCounts": "HubStats",
    "ImageRefused": "ImageRefusedError",
    "JetStreamBatches": "JetStreamSource",
    "Joined": "FollowAnswer",
    "KeptProcesses": "Supervisor",
    "LongEnough": "MinimumLengthValidator",
    "ManyHistogram": "BatchHistogram",
    "MetricsPage": "MetricsEndpoint",
    "Names": "HostChecker",
    "Newcomer": "FollowRequest",
    "NoAnswer": "NoResponseError",
    "NotADraft": "NotADraftError",
    "NotPossible": "ReactionRefusedError",
    "NotPublishable": "NotPublishableError",
    "NotTheirAddress": "EmailSimilarityValidator",
    "NotVisible": "NotVisibleError",
    "PatientProtocol": "TimeoutProtocol",
    "PostRefused": "PostRefusedError",
    "QuickActs": "FastPath",
    "SealedFactors": "SealedMFAAdapter",
    "StaffDirectory": "StaffManager",
    "StreamFollower": "EventTailer",
    "Styled": "Span",
    "TableBatches": "DatabaseSource",
    "Talk": "NatsThread",
    "TeamRefused": "LastAdministratorError",
    "Trouble": "Diagnosis",
    "UnknownTopic": "UnknownTopicError",
    "WholeBodies": "BufferedBodyMiddleware",
    "Wish": "FollowRequest",
    "ends_when_cancelled": "cancel_until_done",
    "give_back": "refund",
    "kept_key": "key_hash",
    "may_send_files": "may_upload",
    "search_less_for_garbage": "tune_gc",
    "without_addresses": "redact_urls",
}

MAX_TEST_NAME_LENGTH = 70

RIDDLE = re.compile(
    r"test_(of|that|whether|what|whatever|who|whoever|whom|whose|as|it)_|_(anew|meanwhile)(_|$)"
)


class Finding(NamedTuple):
    rule: str
    path: Path
    line: int
    message: str


class Prose(NamedTuple):
    line: int
    text: str


Function = ast.FunctionDef | ast.AsyncFunctionDef


def main() -> int:
    """Print what breaks a rule and the share of single-use helpers; return the exit status."""
    sources = {path: text(path) for path in files(".py") if _is_checked(path)}
    scripts = {path: text(path) for path in files(".ts") if _is_checked(path)}
    trees = {path: ast.parse(source) for path, source in sources.items()}
    findings = [
        *(found for path in sources for found in wording(path, sources[path], trees[path])),
        *(found for path in scripts for found in wording_of(path, script_comments(scripts[path]))),
        *exceptions(trees),
        *(found for path, tree in trees.items() for found in names(path, tree)),
        *(found for path, tree in trees.items() for found in names_of_tests(path, tree)),
    ]
    for found in findings:
        print(f"{found.path}:{found.line}: {found.rule}: {found.message}")
    percent = single_use_percent(
        [tree for path, tree in trees.items() if path.parts[0] == "canale"]
    )
    return 1 if findings or percent > MAX_SINGLE_USE_PERCENT else 0


def _is_checked(path: Path) -> bool:
    return path.parts[0] in CHECKED and "migrations" not in path.parts


def wording(path: Path, source: str, tree: ast.Module) -> Iterator[Finding]:
    """Yield bare openings and abolished words of the docstrings and comments of one file."""
    yield from wording_of(path, (*docstrings(tree), *comments(source)))


def wording_of(path: Path, proses: Iterable[Prose]) -> Iterator[Finding]:
    for prose in proses:
        if BARE_OPENING.match(prose.text):
            shown = prose.text.split("\n")[0]
            yield Finding("bare opening", path, prose.line, f"name the thing: {shown!r}")
        for pattern, instead in ABOLISHED.items():
            if match := re.search(pattern, CODE.sub("", prose.text)):
                message = f"{match[0]!r}: say {instead}"
                yield Finding("abolished word", path, prose.line, message)


def names(path: Path, tree: ast.Module) -> Iterator[Finding]:
    """Yield definitions that bring an abolished name back."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | Function) and node.name in ABOLISHED_NAMES:
            message = f"{node.name}: say {ABOLISHED_NAMES[node.name]}"
            yield Finding("abolished name", path, node.lineno, message)


def names_of_tests(path: Path, tree: ast.Module) -> Iterator[Finding]:
    """Yield names of tests that do not say which thing does what."""
    for node in ast.walk(tree):
        if isinstance(node, Function) and node.name.startswith("test_"):
            if RIDDLE.search(node.name):
                yield Finding("test name", path, node.lineno, f"name the thing: {node.name}")
            if len(node.name) > MAX_TEST_NAME_LENGTH:
                message = f"{node.name} is longer than {MAX_TEST_NAME_LENGTH} characters"
                yield Finding("test name", path, node.lineno, message)


def docstrings(tree: ast.Module) -> Iterator[Prose]:
    """Yield the docstrings of modules, classes, functions and fields."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield Prose(node.lineno, inspect.cleandoc(node.value.value))


def comments(source: str) -> Iterator[Prose]:
    """Yield each block of comment lines as one text; a comment behind code is a block."""
    lines: list[str] = []
    first = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        row = token.start[0]
        stands_alone = token.line.lstrip().startswith("#")
        if lines and not (stands_alone and row == last + 1):
            yield Prose(first, "\n".join(lines))
            lines = []
        first = first if lines else row
        lines.append(token.string.lstrip("# "))
        last = row if stands_alone else -1
    if lines:
        yield Prose(first, "\n".join(lines))


def script_comments(source: str) -> Iterator[Prose]:
    """Yield the comments of TypeScript: consecutive lines are one text."""
    for found in SCRIPT_COMMENT.finditer(source):
        lines = [line.strip().strip("/*").strip() for line in found[0].splitlines()]
        yield Prose(source.count("\n", 0, found.start()) + 1, "\n".join(lines).strip())


def exceptions(trees: dict[Path, ast.Module]) -> Iterator[Finding]:
    """Yield exception classes, direct and derived, whose names do not end in Error."""
    bases = {
        node.name: [base.id for base in node.bases if isinstance(base, ast.Name)]
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }

    def is_exception(name: str) -> bool:
        if name in bases:
            return any(is_exception(base) for base in bases[name] if base != name)
        return name.endswith(("Exception", "Error"))

    for path, tree in trees.items():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.ClassDef)
                and not node.name.endswith("Error")
                and is_exception(node.name)
            ):
                yield Finding("exception without Error", path, node.lineno, node.name)


def single_use_percent(trees: list[ast.Module]) -> float:
    """Print and return the share of functions that are private and named once in their module."""
    functions = single = 0
    for tree in trees:
        nodes = list(ast.walk(tree))
        defined = [node.name for node in nodes if isinstance(node, Function)]
        named = Counter(
            node.id if isinstance(node, ast.Name) else node.attr
            for node in nodes
            if isinstance(node, ast.Name | ast.Attribute)
        )
        functions += len(defined)
        single += sum(
            name.startswith("_") and not name.endswith("__") and named[name] == 1
            for name in defined
        )
    percent = 100 * single / functions
    print(
        f"single-use private helpers: {single} of {functions} functions, {percent:.1f} %"
        f" (at most {MAX_SINGLE_USE_PERCENT} %; goal 12 %)"
    )
    return percent


if __name__ == "__main__":
    sys.exit(main())
