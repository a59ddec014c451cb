# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A wheel of this tree, installed where there is neither a checkout nor Node nor git."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.site import HANDLE, new_site
from tests.structure.repository import ROOT, files

PACKAGES = Path(sysconfig.get_path("purelib"))


def packed(folder: Path, **options: int) -> Path:
    done = subprocess.run(
        [ROOT / "bin/pack-wheel", folder], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(tmp_path_factory.mktemp("wheel"))


def installed(wheel: Path, folder: Path) -> Path:
    """An environment with the locked packages and the wheel; returns its folder of programs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site_packages = next(folder.glob("lib/python*/site-packages"))
    for package in PACKAGES.iterdir():
        # All but the checkout's own canale.
        if "canale" not in package.name:
            (site_packages / package.name).symlink_to(package)
    # Not --no-deps: fails unless the locked versions lie within the wheel's bounds.
    done = subprocess.run(
        [folder / "bin/python", "-m", "pip", "install", "--no-index", "--quiet", wheel],
        env={"PATH": os.environ["PATH"], "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "bin"


def test_installed_wheel_publishes_a_post(wheel: Path, tmp_path: Path) -> None:
    programs = installed(wheel, tmp_path / "venv")
    with new_site(tmp_path, init=False, start=False) as site:
        site.program = [str(programs / "canale")]
        site.environment["PATH"] = str(programs)
        site.environment.pop("PYTHONPATH", None)
        site.init()
        site.start()
        assert "ok       styles and scripts are built" in site.run("check", "--offline")
        site.run(
            "publish", "--channel", HANDLE, "--kind", "news", "--headline", "Mercato in piazza"
        )
        with httpx.Client(base_url=site.url) as client:
            page = client.get(f"/c/{HANDLE}/").text
            assert "Mercato in piazza" in page
            assert "Iscriviti" in page
            assert "<style>" in page
            other = client.get("/not-there").text
            style = re.findall(
                r'rel="stylesheet" href="(/static/public\.[0-9a-f]{12}\.css)"', other
            )
            answers = [client.get(path) for path in (*style, "/sw.js", f"/c/{HANDLE}/poster.pdf")]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert answers[0].headers["content-type"].startswith("text/css")
        assert answers[0].headers["content-encoding"] in ("br", "gzip")
        assert b"TitilliumWeb" in answers[2].content


def test_wheel_contains_every_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    ours = [path for path in files() if path.parts[0] == "canale"]
    # Messages are compiled.
    wanted = {str(path.with_suffix(".mo") if path.suffix == ".po" else path) for path in ours}
    assert wanted - names == set()


def test_two_builds_of_one_commit_are_identical(wheel: Path, tmp_path: Path) -> None:
    assert packed(tmp_path, umask=0o077).read_bytes() == wheel.read_bytes()
