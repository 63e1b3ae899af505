"""A headless Chromium without a network, driven by its own protocol over two pipes: no driver, no client library."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

EXECUTABLE = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_INSIDE = ("file:", "data:", "blob:")  # addresses that no network is asked for
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--window-size=1400,1000",
    "--remote-debugging-pipe",
)


class Page:
    """One tab. ``errors`` collects what its console calls an error, uncaught exceptions and failed requests."""

    def __init__(self, to_browser: int, from_browser: int):
        self._to, self._from = to_browser, from_browser
        self._buffer, self._number, self._session = b"", 0, None
        self.errors: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def open(self, address: str) -> None:
        """Go to an address."""
        self._call("Page.navigate", url=address)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; an exception in it fails the test."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 60) -> None:
        """Wait until an expression is true, as JavaScript understands it."""
        end = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < end, f"{expression} did not become true; errors: {self.errors}"
            time.sleep(0.05)

    def window(self, width: int, height: int, phone: bool = False) -> None:
        """Give the window a size; on a phone a page that is too wide is shrunk."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self._call("Emulation.setDeviceMetricsOverride", **size)

    def prefer(self, theme: str, media: str = "screen") -> None:
        """Tell pages whether the system is ``light`` or ``dark``, and whether it shows a ``screen`` or ``print``."""
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self._call("Emulation.setEmulatedMedia", media=media, features=features)

    def press(self, key: str) -> None:
        """Press a key, such as ``Enter`` or ``+``, and let it go."""
        text = "\r" if key == "Enter" else key if len(key) == 1 else ""
        named = {"key": key, "windowsVirtualKeyCode": {"Enter": 13, "Tab": 9, "Escape": 27}.get(key, 0)}
        self._call("Input.dispatchKeyEvent", type="keyDown", text=text, **named)
        self._call("Input.dispatchKeyEvent", type="keyUp", **named)

    def point(self, x: float, y: float) -> None:
        """Move the mouse to a point of the window."""
        self._call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def save_into(self, folder: Path) -> None:
        """Let pages save files, into the folder."""
        self._call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def screenshot(self, path: Path) -> None:
        """Write the window's picture."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot")["data"]))

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer.get("method"), answer.get("params", {}))

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert select.select([self._from], [], [], 60)[0], "Chromium does not answer"
            received = os.read(self._from, 1 << 20)
            assert received, "Chromium has ended"
            self._buffer += received
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _note(self, event: str | None, details: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            self.errors.append(str(details["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and details["type"] in ("error", "assert"):
            self.errors.append(str(details["args"]))
        elif event == "Log.entryAdded" and details["entry"]["level"] == "error":
            self.errors.append(details["entry"]["text"])
        elif event == "Network.requestWillBeSent" and not details["request"]["url"].startswith(_INSIDE):
            self.errors.append(f"the page asks the network for {details['request']['url']}")


@contextmanager
def page(profile: Path) -> Iterator[Page]:
    """A tab of a Chromium that starts and ends with the body; ``profile`` is an empty folder."""
    for_browser, to_browser = os.pipe()
    from_browser, by_browser = os.pipe()

    def as_the_protocol_wants() -> None:  # the browser reads file descriptor 3 and writes 4
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (for_browser, by_browser)]
        os.dup2(ends[0], 3)
        os.dup2(ends[1], 4)

    with open(profile / "stderr.log", "wb") as log:
        browser = subprocess.Popen(
            [EXECUTABLE, *_FLAGS, f"--user-data-dir={profile}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            close_fds=False,
            preexec_fn=as_the_protocol_wants,
            env=os.environ | {"HOME": str(profile)},
        )
    os.close(for_browser)
    os.close(by_browser)
    try:
        yield Page(to_browser, from_browser)
    finally:
        os.close(to_browser)
        os.close(from_browser)
        browser.terminate()
        browser.wait(30)
