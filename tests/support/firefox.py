"""A real Firefox on a page, driven over WebDriver BiDi."""

import itertools
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from websockets.sync.client import ClientConnection, connect

from tests.support.browser import WAIT_S

_LISTENS: Final = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
#: Nothing of the browser's own talks to anybody, and no page of its own comes up.
_SETTINGS: Final = """\
user_pref("app.normandy.enabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("captivedetect.canonicalURL", "");
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("extensions.getAddons.cache.enabled", false);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "");
user_pref("intl.accept_languages", "%s");
"""
#: Keys that are no letters, as WebDriver names them.
_KEYS: Final = {
    "Enter": "\ue007", "Tab": "\ue004", "Escape": "\ue00c", "Shift": "\ue008", "Control": "\ue009",
    "ArrowUp": "\ue013", "ArrowDown": "\ue015", "ArrowLeft": "\ue012", "ArrowRight": "\ue014",
    "PageUp": "\ue00e", "PageDown": "\ue00f", "Home": "\ue011", "End": "\ue010",
}  # fmt: skip
_WAIT_S: Final = WAIT_S
_LOOK_EVERY_S: Final = 0.05
#: Where an element is to be pointed at, once it stands still and nothing lies over it; null before.
_MIDDLE: Final = """async (selector) => {
  const node = document.querySelector(selector);
  if (!node) return null;
  node.scrollIntoView({ block: "nearest" });
  const middle = () => {
    const { x, y, width, height } = node.getBoundingClientRect();
    return [Math.round(x + width / 2), Math.round(y + height / 2)];
  };
  const before = middle();
  await new Promise((go) => setTimeout(go, 50));
  const isStill = String(before) === String(middle());
  return isStill && node.contains(document.elementFromPoint(...before)) ? before : null;
}"""


class FirefoxError(AssertionError):
    """What the browser refused, or a script threw."""


@dataclass
class FirefoxPage:
    """One tab."""

    _socket: ClientConnection
    _context: str = ""
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def goto(self, url: str) -> None:
        """Open an address, until it has been loaded."""
        self._call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, function: str, *given: Any) -> Any:
        """Return what a function of JavaScript returns or promises for these arguments."""
        text = f"async (given) => JSON.stringify(await ({function})(...JSON.parse(given)) ?? null)"
        result = self._call(
            "script.callFunction",
            functionDeclaration=text,
            arguments=[{"type": "string", "value": json.dumps(given)}],
            target={"context": self._context},
            awaitPromise=True,
        )
        if result["type"] == "exception":
            raise FirefoxError(result["exceptionDetails"]["text"])
        return json.loads(result["result"]["value"])

    def wait_for(self, function: str, *given: Any, within_s: float = _WAIT_S) -> Any:
        """Return what the function returns, once that is true as JavaScript sees it."""
        ends_s = time.monotonic() + within_s
        looked = (
            f"async (...given) => {{ const found = await ({function})(...given); return found && [found]; }}"
        )
        while not (found := self.evaluate(looked, *given)):
            if time.monotonic() > ends_s:
                raise FirefoxError(f"not within {within_s} s: {function}")
            time.sleep(_LOOK_EVERY_S)
        return found[0]

    def wait_for_focus(self, selector: str) -> None:
        """Wait until what is typed goes into this element."""
        self.wait_for("(selector) => document.activeElement.matches(selector)", selector)

    def click(self, selector: str) -> None:
        """Click the middle of the first element, once there is one that can be clicked."""
        x, y = self.wait_for(_MIDDLE, selector)
        moves = [{"type": "pointerMove", "x": x, "y": y}]
        self._act(
            "pointer", [*moves, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        )

    def hover(self, selector: str) -> None:
        """Lay the mouse on the first element, once there is one that can be pointed at."""
        x, y = self.wait_for(_MIDDLE, selector)
        self._act("pointer", [{"type": "pointerMove", "x": x, "y": y}])

    def press(self, *keys: str) -> None:
        """Press keys together, such as Shift and Enter, in what has the focus."""
        values = [_KEYS.get(key, key) for key in keys]
        down = [{"type": "keyDown", "value": value} for value in values]
        up = [{"type": "keyUp", "value": value} for value in reversed(values)]
        self._act("key", [*down, *up])

    def type(self, text: str) -> None:
        """Type a text into what has the focus."""
        strokes = [{"type": kind, "value": letter} for letter in text for kind in ("keyDown", "keyUp")]
        self._act("key", strokes)

    def _act(self, kind: str, actions: list[dict[str, Any]]) -> None:
        source = {"type": kind, "id": kind, "actions": actions}
        self._call("input.performActions", context=self._context, actions=[source])

    def _open(self, size: tuple[int, int]) -> None:
        self._call("session.new", capabilities={})
        self._context = self._call("browsingContext.getTree")["contexts"][0]["context"]
        viewport = {"width": size[0], "height": size[1]}
        self._call("browsingContext.setViewport", context=self._context, viewport=viewport)

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            reply: dict[str, Any] = json.loads(self._socket.recv(timeout=_WAIT_S * 3))
            if reply.get("id") == number:
                break
        if reply["type"] == "error":
            raise FirefoxError(f"{method}: {reply['error']}: {reply['message']}")
        result: dict[str, Any] = reply["result"]
        return result


@contextmanager
def firefox(*, language: str = "en-GB", size: tuple[int, int] = (1280, 800)) -> Iterator[FirefoxPage]:
    """Run a Firefox without a window during the block, in a profile of its own."""
    found = shutil.which("firefox-esr") or shutil.which("firefox")
    assert found, "firefox is missing; run: apt-get install firefox-esr"
    with tempfile.TemporaryDirectory(prefix="firefox-", ignore_cleanup_errors=True) as folder:
        Path(folder, "user.js").write_text(_SETTINGS % language, "utf8")
        command = [found, "--headless", "--no-remote", "--profile", folder, "--remote-debugging-port", "0"]
        # Into a file: a browser that says much would wait for somebody to read a pipe.
        told = Path(folder, "told.txt")
        with (
            told.open("wb") as out,
            subprocess.Popen(command, stderr=out, stdout=subprocess.DEVNULL) as process,
        ):
            try:
                address = _address(told, process)
                with connect(
                    address, max_size=None, proxy=None, open_timeout=_WAIT_S, ping_interval=None
                ) as socket:
                    page = FirefoxPage(socket)
                    page._open(size)
                    yield page
            finally:
                process.kill()


def _address(told: Path, process: "subprocess.Popen[bytes]") -> str:
    """Return where the browser listens, which it says among other things when it starts."""
    ends_s = time.monotonic() + 2 * _WAIT_S
    while not (listens := _LISTENS.search(said := told.read_text("utf8", "replace"))):
        if process.poll() is not None or time.monotonic() > ends_s:
            raise FirefoxError(f"the browser does not listen: {said}")
        time.sleep(_LOOK_EVERY_S)
    return f"{listens[1]}/session"
