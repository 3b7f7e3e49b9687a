"""The system's Chromium, seen by nobody, driven over its DevTools protocol: what a page does when someone uses it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from binn_cli.views.report.browser import browser, without_network

PATIENCE = 60.0
"""Seconds for an answer, on a machine that does other things too."""


@cache
def why_no_browser() -> str:
    """Why there is none that starts; empty where there is one."""
    program = browser()
    if program is None:
        return "there is no Chromium on the PATH: install the system's package"
    with tempfile.TemporaryDirectory() as profile:
        command = [program, *without_network(profile), "--dump-dom", "about:blank"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return f"{program} does not start within {PATIENCE:.0f} s"
    return "" if done.returncode == 0 else f"{program} does not start here: {done.stderr.strip()[-200:]}"


class Page:
    """One page in one browser.

    Attributes:
        errors: what the console has complained about.
        requests: addresses of everything that was asked for.
    """

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, read
        self._buffer, self._number, self._session = b"", 0, ""
        self.errors: list[str] = []
        self.requests: list[str] = []

    def open(self, path: Path, *, width: int = 1200, dark: bool = False) -> None:
        """Load a file and wait until it stands."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = "dark" if dark else "light"
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.send("Page.navigate", url=path.resolve().as_uri())
        until = time.monotonic() + PATIENCE
        while self.ask("document.readyState") != "complete":
            assert time.monotonic() < until, "the page was not loaded in time"

    def ask(self, expression: str) -> Any:
        """The value of an expression of JavaScript in the page."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, text: str = "") -> None:
        """Press a key and let it go."""
        codes = {"Tab": 9, "Enter": 13}
        known = {"key": key, "code": key, "windowsVirtualKeyCode": codes.get(key, 0)}
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **known)
        self.send("Input.dispatchKeyEvent", type="keyUp", **known)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and give its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            told = self._receive()
            if told.get("id") == self._number:
                assert "error" not in told, told
                return told["result"]
            self._note(told)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert select.select([self._read], [], [], PATIENCE)[0], "the browser does not answer"
            read = os.read(self._read, 1 << 16)
            assert read, "the browser has ended"
            self._buffer += read
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _note(self, told: dict[str, Any]) -> None:
        method, parameters = told.get("method", ""), told.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(parameters["exceptionDetails"]))
        elif method == "Log.entryAdded" or (method == "Runtime.consoleAPICalled" and parameters["type"] == "error"):
            self.errors.append(json.dumps(parameters))


@contextmanager
def opened_browser(profile: Path) -> Iterator[Page]:
    """A browser for as long as the block lasts; it is spoken to through two pipes, so no port is open."""
    program = browser()
    assert program is not None
    (to_read, to_write), (from_read, from_write) = os.pipe(), os.pipe()
    command = [program, *without_network(str(profile)), "--remote-debugging-pipe", "about:blank"]
    # The browser reads from descriptor 3 and writes to 4.
    shell = f'exec 3<&{to_read} 4>&{from_write}; exec "$@"'
    process = subprocess.Popen(
        ["bash", "-c", shell, "bash", *command],
        pass_fds=(to_read, from_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(from_write)
    page = Page(to_write, from_read)
    try:
        yield page
    finally:
        page._session = ""
        with suppress(AssertionError, OSError):
            page.send("Browser.close")
        os.close(to_write)
        os.close(from_read)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
