# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A whole canale for a test: real processes, a real database, a real port."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg

from tests.ports import free_port
from tests.waiting import wait_until

ADMIN = "admin@cremona.test"
PASSWORD = "acqua alta sul fiume Po"
HANDLE = "cremona"
T = TypeVar("T")


class Site:
    """canale's commands and server with one environment; `server` is None while it is down."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.environment = {
            **os.environ,
            "CANALE_DATA": str(folder / "data"),
            "CANALE_PORT": str(self.port),
            "CANALE_BASE_URL": self.url,
            "CANALE_RATE_LIMITS": "off",
            "CANALE_WORKERS": "1",
            **environment,
        }
        self.server: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._acting: Acting | None = None
        self._token = ""
        self.program = [sys.executable, "-m", "canale"]
        self.tracer: list[str] = []
        """A program, with its options, that starts canale and looks on."""

    @property
    def channel(self) -> str:
        return f"{self.url}/c/{HANDLE}/"

    @property
    def api(self) -> str:
        return f"{self.url}/api/v1"

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a command and return its output. Fails with its stderr."""
        done = subprocess.run(
            [*self.tracer, *self.program, *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"canale {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def init(self) -> None:
        password = self.folder / "password"
        password.write_text(PASSWORD)
        name = "Comune di Cremona"
        options = ["--handle", HANDLE, "--name", name, "--admin", ADMIN]
        self.run("init", *options, "--password-file", str(password))

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._log = (self.folder / "log").open("ab")
        self.server = subprocess.Popen(
            [*self.tracer, *self.program, "serve"],
            env=self.environment,
            stdout=self._log,
            stderr=self._log,
            stdin=subprocess.DEVNULL,
        )
        wait_until(self._answers, seconds=120)

    def _answers(self) -> bool:
        assert self.server is not None
        assert self.server.poll() is None, f"canale serve ended:\n{self.log()}"
        try:
            return httpx.get(f"{self.url}/readyz", timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        self._end_acting()
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9 of the server's process; its workers notice and exit."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self.server is not None:
            self.server.send_signal(how)
            self.server.wait(30)
            self.server = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def workers(self) -> list[int]:
        """Process ids of the server's workers."""
        assert self.server is not None
        children = Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def listeners(self) -> int:
        """How many sockets listen on the site's port (proc(5), net/tcp: 0A is LISTEN)."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(row[3] == "0A" and row[1].endswith(f":{self.port:04X}") for row in rows)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def inside(self, act: str, argument: object = None) -> Any:
        """One of the acts of tests/inside.py, in the site's database."""
        known = (dict(self.environment), self._secret_key())
        if self._acting is None or self._acting.known != known or not self._acting.runs:
            self._end_acting()
            self._acting = Acting(known, self.folder / "inside.log")
        return self._acting.ask(act, argument)

    def _secret_key(self) -> bytes:
        path = Path(self.environment["CANALE_DATA"]) / "secret-key"
        return path.read_bytes() if path.exists() else b""

    def _end_acting(self) -> None:
        if self._acting is not None:
            self._acting.end()
            self._acting = None

    def token(self) -> str:
        """A program's token for the channel, made once: a command takes half a second."""
        self._token = self._token or self.run("token", "--channel", HANDLE)
        return self._token

    def post(self, token: str, **wording: object) -> dict[str, object]:
        """Publish through the API; the answer's body."""
        body = {"kind": "news", "headline": "Prova", "text": "Testo", **wording}
        answer = httpx.post(
            f"{self.api}/channels/{HANDLE}/posts",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        assert answer.status_code == 201, answer.text
        result: dict[str, object] = answer.json()
        return result

    def withdraw(self, token: str, post: int) -> None:
        """Take a post back through the API."""
        answer = httpx.request(
            "DELETE",
            f"{self.api}/posts/{post}",
            json={"reason": "Era un errore"},
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text


class Acting:
    """tests/inside.py, kept; ``known`` are the settings that it has read."""

    def __init__(self, known: tuple[dict[str, str], bytes], log: Path) -> None:
        self.known = known
        self._log = log
        self._lock = threading.Lock()
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.inside"],
                env=known[0],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def ask(self, act: str, argument: object) -> Any:
        asked, told = self._process.stdin, self._process.stdout
        assert asked is not None
        assert told is not None
        answer = ""
        with self._lock, contextlib.suppress(BrokenPipeError):
            asked.write(f"{json.dumps([act, argument])}\n")
            asked.flush()
            waiting = select.poll()
            waiting.register(told, select.POLLIN)
            if waiting.poll(120_000):
                answer = told.readline()
        if not answer:
            # A late answer would be taken for that of the next question.
            self.end()
        assert answer, f"no answer to {act}: {self._log.read_text()}"
        said = json.loads(answer)
        assert "error" not in said, said["error"]
        return said["answer"]

    def end(self) -> None:
        self._process.kill()
        with self._process:
            pass


@contextlib.contextmanager
def new_site(
    folder: Path, *, start: bool = True, init: bool = True, **environment: str
) -> Iterator[Site]:
    """A site with the channel `cremona` and its administrator, on PostgreSQL if the tests run on
    it, else SQLite."""
    server = os.environ.get("CANALE_DATABASE_URL")
    given = "CANALE_DATABASE_URL" in environment
    made = _made(server, environment.get("CANALE_SECRET_KEY")) if init and not given else None
    with _database(server, made.database if made else None) as database:
        site = Site(folder, {**database, **environment})
        if made is not None:
            shutil.copytree(made.data, site.environment["CANALE_DATA"], dirs_exist_ok=True)
            site._token = made.token
        elif init:
            site.init()
        if start:
            site.start()
        try:
            yield site
        finally:
            site.stop()


class Made(NamedTuple):
    """By `canale init` and `canale token`, once: to be copied, which takes a tenth of the time."""

    data: Path
    token: str
    database: str | None
    """The database of PostgreSQL, if it is used."""


@cache
def _made(server: str | None, secret_key: str | None) -> Made:
    """Made by whichever of the processes that run the tests comes first."""
    name = hashlib.sha256(f"{server} {secret_key}".encode()).hexdigest()[:12]
    folder = _folder_of_the_run() / name
    folder.mkdir(exist_ok=True)
    database = None if server is None else f"made_{name}"
    token = folder / "token"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not token.exists():
            key = {} if secret_key is None else {"CANALE_SECRET_KEY": secret_key}
            if server is not None and database is not None:
                _create(server, database)
                key["CANALE_DATABASE_URL"] = _url(server, database)
            site = Site(folder, key)
            site.init()
            token.write_text(site.token())
    return Made(folder / "data", token.read_text(), database)


def _folder_of_the_run() -> Path:
    if shared := os.environ.get("TEST_FOLDER"):
        return Path(shared)
    folder = tempfile.mkdtemp(prefix="canale-made-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@contextlib.contextmanager
def _database(server: str | None, template: str | None) -> Iterator[dict[str, str]]:
    """The setting of a database for one site."""
    if not server:
        yield {}
        return
    name = f"site_{secrets.token_hex(6)}"
    _create(server, name, template)
    try:
        yield {"CANALE_DATABASE_URL": _url(server, name)}
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _create(server: str, name: str, template: str | None = None) -> None:
    like = f' TEMPLATE "{template}"' if template else ""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"{like}')


def _url(server: str, name: str) -> str:
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
