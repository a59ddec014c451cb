# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A real Firefox, driven over WebDriver BiDi (https://w3c.github.io/webdriver-bidi/).

::

    with Firefox(prefs=push.prefs) as browser:
        browser.open("http://localhost:8000/")
        browser.click("button.follow")
        browser.wait_for("document.querySelector('.following') !== null")
        assert browser.notifications() == […]
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.waiting import TIMEOUT_SECONDS

PROGRAM = shutil.which("firefox-esr") or shutil.which("firefox")
# System access: the windows in which Firefox shows notifications are its own, not a page's.
ARGUMENTS = (
    *("--headless", "--no-remote"),
    *("--remote-debugging-port", "0", "--remote-allow-system-access"),
)
START_TIMEOUT = 60.0
COMMAND_TIMEOUT = 60.0

ALERT_WINDOW = "chrome://global/content/alerts/alert.xhtml"

Pref = str | bool | int

# No call home, no first-run pages, no updates; everything else as people have it.
QUIET: dict[str, Pref] = {
    # Without a desktop there is nobody else to show notifications.
    "alerts.useSystemBackend": False,
    # It would hold the fourth one that must be dismissed by hand back, even after replacements.
    "dom.webnotifications.requireinteraction.count": 1000,
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.update.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "http://127.0.0.1:9/",
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "toolkit.telemetry.server": "http://127.0.0.1:9/",
}


class BrowserError(Exception):
    """Firefox refused a command, or a script in the page failed."""


class Firefox:
    """One headless Firefox with a profile of its own and one tab."""

    def __init__(self, prefs: Mapping[str, Pref] | None = None, language: str = "it") -> None:
        """``prefs`` are set before the start; ``language`` is what pages are asked for."""
        self._prefs: dict[str, Pref] = {
            **QUIET,
            "intl.accept_languages": language,
            **(prefs or {}),
        }
        self._folder = tempfile.TemporaryDirectory(prefix="canale-firefox-")
        self._process: subprocess.Popen[str] | None = None
        self._open_lines = ExitStack()
        self._socket: ClientConnection | None = None
        self._reader: threading.Thread | None = None
        self._number = 0
        self._said: list[str] = []
        self.tab = ""
        self.console: list[str] = []

    def __enter__(self) -> Firefox:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Firefox:
        """Start the program and open a session."""
        url = self._launched()
        line = connect(f"{url}/session", max_size=None, proxy=None)
        self._socket = self._open_lines.enter_context(line)
        self.command("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
        self.command("session.subscribe", events=["log.entryAdded"])
        self.tab = self.command("browsingContext.getTree")["contexts"][0]["context"]
        return self

    def stop(self) -> None:
        """End the browser that this object started, and remove its profile."""
        self._open_lines.close()
        self._socket = None
        if self._process is not None:
            self._end(self._process)
            if self._reader is not None:
                self._reader.join(10)
            assert self._process.stderr is not None
            self._process.stderr.close()
            self._process = None
        self._folder.cleanup()

    def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        self.command("browsingContext.navigate", context=self.tab, url=url, wait="complete")

    def reload(self) -> None:
        """Load the page again."""
        self.command("browsingContext.reload", context=self.tab, wait="complete")

    def evaluate(self, expression: str, timeout: float = COMMAND_TIMEOUT) -> Any:
        """The value of a JavaScript expression in the page, awaited, through JSON."""
        wrapped = f"(async () => JSON.stringify((await ({expression})) ?? null))()"
        reply = self.command(
            "script.evaluate",
            timeout,
            expression=wrapped,
            target={"context": self.tab},
            awaitPromise=True,
            userActivation=True,
        )
        if reply["type"] != "success":
            raise BrowserError(reply["exceptionDetails"]["text"])
        return json.loads(reply["result"]["value"])

    def wait_for(self, expression: str, timeout: float = TIMEOUT_SECONDS) -> Any:
        """Wait until an expression is true in the page, also across navigations; its value."""
        end = time.monotonic() + timeout
        while True:
            try:
                value = self.evaluate(expression)
            except BrowserError as error:
                # The page was just replaced by the next one.
                value, trouble = None, str(error)
            else:
                trouble = repr(value)
            if value:
                return value
            if time.monotonic() > end:
                raise TimeoutError(f"{expression}: {trouble}; console: {self.console[-5:]}")
            time.sleep(0.05)

    def text(self, selector: str) -> str:
        """The visible text of the first element that matches."""
        text: str = self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")
        return text

    def click(self, selector: str) -> None:
        """Press the first element that matches, as a person does."""
        element = self._element(selector)
        move = {"type": "pointerMove", "x": 0, "y": 0, "origin": element}
        press = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self._perform({"type": "pointer", "id": "mouse", "actions": [move, *press]})

    def write(self, selector: str, text: str) -> None:
        """Press an input and type."""
        self.click(selector)
        keys = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self._perform({"type": "key", "id": "keyboard", "actions": keys})

    def set_viewport(self, width: int, height: int) -> None:
        """Give the page the size of a phone, say."""
        self.command(
            "browsingContext.setViewport",
            context=self.tab,
            viewport={"width": width, "height": height},
        )

    def set_offline(self, offline: bool) -> None:
        """Take the network away from the tab, or give it back."""
        self.command(
            "emulation.setNetworkConditions",
            networkConditions={"type": "offline"} if offline else None,
            contexts=[self.tab],
        )

    def screenshot(self, path: Path) -> None:
        """Save what is visible as a PNG."""
        reply = self.command("browsingContext.captureScreenshot", context=self.tab)
        path.write_bytes(base64.b64decode(reply["data"]))

    def open_pages(self) -> list[str]:
        """The addresses of all tabs."""
        contexts = self.command("browsingContext.getTree", maxDepth=0)["contexts"]
        return [context["url"] for context in contexts]

    def switch_to(self, url: str, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait for a tab whose address is or begins with this, and drive that tab from now on."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for context in self.command("browsingContext.getTree", maxDepth=0)["contexts"]:
                if context["url"].startswith(url):
                    self.tab = context["context"]
                    return
            time.sleep(0.05)
        raise TimeoutError(f"no tab at {url}; there are {self.open_pages()}")

    def press_notification(self, title: str) -> None:
        """Press the notification of that title, as it stands on the screen."""
        for window in self._alert_windows():
            shown = self._in_window(
                window, "document.getElementById('alertTitleLabel').getAttribute('value')"
            )
            if shown == title:
                self._in_window(window, "document.getElementById('alertBox').click()")
                return
        raise BrowserError(f"no notification {title!r} is on the screen")

    def notifications(self) -> list[dict[str, Any]]:
        """Return the notifications that the page's service worker shows now.

        Without a desktop, Firefox shows a notification for 20 seconds and then forgets it; with
        ``requireInteraction`` it stays.
        """
        shown: list[dict[str, Any]] = self.evaluate(
            """navigator.serviceWorker.ready
            .then(registration => registration.getNotifications())
            .then(all => all.map(({title, body, tag, lang, dir, data}) =>
                ({title, body, tag, lang, dir, data})))"""
        )
        return shown

    def wait_for_notification(self, title: str, timeout: float = TIMEOUT_SECONDS) -> dict[str, Any]:
        """Wait until one of that title is shown."""
        self.wait_for(
            "navigator.serviceWorker.ready.then(r => r.getNotifications())"
            f".then(all => all.some(each => each.title === {json.dumps(title)}))",
            timeout,
        )
        return next(each for each in self.notifications() if each["title"] == title)

    def command(self, method: str, timeout: float = COMMAND_TIMEOUT, /, **params: Any) -> Any:
        """Send one BiDi command and give its result. Raises BrowserError, TimeoutError."""
        assert self._socket is not None, "the browser is not running"
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        end = time.monotonic() + timeout
        while True:
            message = json.loads(self._socket.recv(timeout=max(0.0, end - time.monotonic())))
            if message.get("id") != self._number:
                self._note(message)
            elif message["type"] == "error":
                raise BrowserError(f"{method}: {message['error']}: {message['message']}")
            else:
                return message["result"]

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("method") == "log.entryAdded":
            entry = event["params"]
            self.console.append(f"{entry['level']}: {entry.get('text')}")

    def _element(self, selector: str) -> dict[str, Any]:
        found = self.command(
            "browsingContext.locateNodes",
            context=self.tab,
            locator={"type": "css", "value": selector},
            maxNodeCount=1,
        )["nodes"]
        if not found:
            raise BrowserError(f"nothing matches {selector}")
        self.evaluate(
            f"document.querySelector({json.dumps(selector)})"
            ".scrollIntoView({block: 'center', behavior: 'instant'})"
        )
        return {"type": "element", "element": {"sharedId": found[0]["sharedId"]}}

    def _alert_windows(self) -> list[str]:
        tree = self.command("browsingContext.getTree", **{"moz:scope": "chrome"})
        return [each["context"] for each in tree["contexts"] if each["url"] == ALERT_WINDOW]

    def _in_window(self, window: str, expression: str) -> Any:
        reply = self.command(
            "script.evaluate", expression=expression, target={"context": window}, awaitPromise=True
        )
        if reply["type"] != "success":
            raise BrowserError(reply["exceptionDetails"]["text"])
        return reply["result"].get("value")

    def _perform(self, actions: dict[str, Any]) -> None:
        self.command("input.performActions", context=self.tab, actions=[actions])

    def _launched(self) -> str:
        if PROGRAM is None:
            raise BrowserError("Firefox is not installed")
        profile = Path(self._folder.name) / "profile"
        profile.mkdir()
        lines = (
            f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
            for name, value in self._prefs.items()
        )
        (profile / "user.js").write_text("".join(lines), encoding="utf-8")
        self._process = subprocess.Popen(
            [PROGRAM, *ARGUMENTS, "--profile", str(profile)],
            env={**os.environ, "HOME": self._folder.name, "MOZ_CRASHREPORTER_DISABLE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            # Its content processes are in its group: so they end with it.
            start_new_session=True,
        )
        return self._listening_at(self._process)

    def _listening_at(self, process: subprocess.Popen[str]) -> str:
        listening = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(process, listening), daemon=True)
        self._reader.start()
        if listening.wait(START_TIMEOUT):
            match = re.search(r"WebDriver BiDi listening on (ws://\S+)", "".join(self._said))
            if match:
                return match[1]
        raise BrowserError("Firefox did not start: " + "".join(self._said)[-2000:])

    def _read(self, process: subprocess.Popen[str], listening: threading.Event) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self._said.append(line)
            if "WebDriver BiDi listening" in line:
                listening.set()
        listening.set()

    def _end(self, process: subprocess.Popen[str]) -> None:
        try:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        except ProcessLookupError:
            process.wait(10)
