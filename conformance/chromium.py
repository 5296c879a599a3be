"""A headless Chromium, told what to do over a pipe in the words of its DevTools protocol."""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conformance import ToolBroken, ToolMissing

PATIENCE = 60
"""Seconds for one answer."""
NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--no-zygote",
    "--no-first-run",
    "--disable-gpu",
    "--disable-software-rasterizer",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
"""Nothing of its own on the network; no sandbox, which a superuser may not have."""
_HIGH = 20
"""Descriptors that are put in place of 3 and 4 begin here, so that none is overwritten."""


class Tab:
    """One page of a browser, and what it said and asked for."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads = reads
        self._writes = writes
        self._last = 0
        self._pending = b""
        self._session = ""
        self.complaints: list[str] = []
        """Of the console: errors of scripts, of the policy, of missing files."""
        self.requests: list[str] = []
        """The addresses that were asked for."""
        self._loaded = False
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Ask one thing. Raises ToolBroken when the browser does not do it."""
        self._last += 1
        asked = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            asked["sessionId"] = self._session
        os.write(self._writes, json.dumps(asked).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while True:
            told = self._told(until)
            if told.get("id") == self._last:
                if "error" in told:
                    raise ToolBroken(f"{method}: {told['error']}")
                result: dict[str, Any] = told["result"]
                return result
            self._note(told)

    def open(self, address: str) -> None:
        """Load a page to its end; complaints and requests are those of this page alone."""
        self.complaints, self.requests, self._loaded = [], [], False
        self.call("Page.navigate", url=address)
        until = time.monotonic() + PATIENCE
        while not self._loaded:
            self._note(self._told(until))

    def run(self, script: str) -> Any:  # noqa: ANN401 - whatever the script gives
        """The value of an expression in the page."""
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in told:
            raise ToolBroken(str(told["exceptionDetails"]))
        return told["result"].get("value")

    def press(self, key: str) -> None:
        """A key of the keyboard, where the focus is."""
        code = {"Enter": 13, "Tab": 9}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            told = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, **text}
            self.call("Input.dispatchKeyEvent", **told)

    def picture(self, path: Path) -> None:
        """What is seen of the whole page."""
        told = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(told["data"]))

    def _told(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._pending:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._reads], [], [], left)[0]:
                raise ToolBroken("Chromium does not answer")
            piece = os.read(self._reads, 1 << 16)
            if not piece:
                raise ToolBroken("Chromium ended")
            self._pending += piece
        first, self._pending = self._pending.split(b"\0", 1)
        told: dict[str, Any] = json.loads(first)
        return told

    def _note(self, told: dict[str, Any]) -> None:
        given = told.get("params", {})
        match told.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Network.requestWillBeSent":
                self.requests.append(given["request"]["url"])
            case "Log.entryAdded":
                self.complaints.append(given["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(given["exceptionDetails"]["text"]))
            case "Runtime.consoleAPICalled":
                self.complaints.append(str(given["args"]))
            case _:
                pass


@contextmanager
def browser(folder: Path) -> Iterator[Tab]:
    """A browser of its own, its profile in ``folder``. Raises ToolMissing, ToolBroken."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise ToolMissing("chromium is not installed")
    theirs_in, ours_out = _pipe()
    ours_in, theirs_out = _pipe()
    log = os.open(folder / "chromium.log", os.O_WRONLY | os.O_CREAT, 0o600)
    process = os.posix_spawn(
        program,
        [program, *OPTIONS, f"--user-data-dir={folder / 'profile'}", "about:blank"],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, log, 1),
            (os.POSIX_SPAWN_DUP2, log, 2),
            (os.POSIX_SPAWN_DUP2, theirs_in, 3),
            (os.POSIX_SPAWN_DUP2, theirs_out, 4),
        ],
        setpgroup=0,
    )
    for descriptor in (theirs_in, theirs_out, log):
        os.close(descriptor)
    try:
        yield Tab(ours_in, ours_out)
    finally:
        os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(ours_in)
        os.close(ours_out)


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _HIGH) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]
