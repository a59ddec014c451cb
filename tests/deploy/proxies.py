# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The real nginx and Caddy with our own configuration: only names, ports and places are changed."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.structure.repository import ROOT
from tests.waiting import wait_until

NAME = "canale.example.it"
NGINX = """
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_rlimit_nofile 4096;
events {{ worker_connections 1024; }}
http {{
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  include {folder}/canale.conf;
}}
"""


def certificate(folder: Path) -> Path:
    """Self-signed, for the name in our configurations; the key stands beside it."""
    named = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    command = ["openssl", "req", "-x509", *curve, *named, *files]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "cert.pem"


def replaced(text: str, changes: dict[str, str]) -> str:
    """Each must be there: a configuration that changed under the test is no longer tested."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextlib.contextmanager
def nginx(folder: Path, canale: tuple[int, int], plain: int, tls: int) -> Iterator[None]:
    cert = certificate(folder)
    changes = {
        "127.0.0.1:8000": f"127.0.0.1:{canale[0]}",
        "127.0.0.1:8001": f"127.0.0.1:{canale[1]}",
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "    listen [::]:80;\n": "",
        "listen 443 ssl": f"listen 127.0.0.1:{tls} ssl",
        "    listen [::]:443 ssl http2;\n": "",
        "    listen [::]:443 ssl http2 default_server;\n": "",
        f"/etc/letsencrypt/live/{NAME}/fullchain.pem": str(cert),
        f"/etc/letsencrypt/live/{NAME}/privkey.pem": str(folder / "key.pem"),
        "proxy_cache_path /var/lib/nginx/canale": f"proxy_cache_path {folder}/cache",
        "/var/log/nginx/": f"{folder}/",
    }
    own = replaced((ROOT / "deploy/nginx.conf").read_text(), changes)
    (folder / "canale.conf").write_text(own)
    # Started by root, its workers would be of a user to whom the test's folder is closed.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, user=user))
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    with started(command, folder, lambda: answers(tls)):
        yield


@contextlib.contextmanager
def caddy(folder: Path, canale: tuple[int, int], plain: int, tls: int) -> Iterator[None]:
    cert = certificate(folder)
    changes = {
        "127.0.0.1:8000 127.0.0.1:8001": f"127.0.0.1:{canale[0]} 127.0.0.1:{canale[1]}",
        "\n{\n\tservers {": "\n{\n\tadmin off\n"
        f"\thttp_port {plain}\n\thttps_port {tls}\n\tdefault_bind 127.0.0.1\n\tservers {{",
        f"\n{{$SITE:{NAME}}} {{\n": f"\n{NAME} {{\n\ttls {cert} {folder}/key.pem\n",
    }
    own = replaced((ROOT / "deploy/Caddyfile").read_text(), changes)
    (folder / "Caddyfile").write_text(own)
    command = ["caddy", "run", "--config", str(folder / "Caddyfile")]
    with started(command, folder, lambda: answers(tls)):
        yield


@contextlib.contextmanager
def started(command: list[str], folder: Path, ready: Callable[[], bool]) -> Iterator[None]:
    environment = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "PATH": "/usr/bin:/usr/sbin"}
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            wait_until(lambda: process.poll() is not None or ready())
            assert process.poll() is None, (folder / "proxy.log").read_text()
            yield
        finally:
            process.terminate()
            process.wait(20)


def answers(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0
