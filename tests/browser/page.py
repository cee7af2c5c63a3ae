"""A page as a person meets it: looked at, clicked with a mouse, typed into."""

import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.browser.chromium import Chromium, Message, until

SIZE = (1400, 850)

_CENTRE = """
async (selector, text) => {
  const element = [...document.querySelectorAll(selector)]
    .find(each => text === null || each.innerText.trim() === text);
  if (!element) return null;
  element.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  const centre = () => {
    const box = element.getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
  };
  const before = centre();
  await new Promise(resolve => setTimeout(resolve, 100));
  const [x, y] = centre();
  const top = document.elementFromPoint(x, y);
  const uncovered = top && (element.contains(top) || top.contains(element));
  return uncovered && x === before[0] && y === before[1] ? [x, y] : null;
}
"""
_LINES = """
editor => [...document.querySelectorAll(editor + ' .view-line')]
  .filter(line => line.offsetParent)
  .map(line => [line.getBoundingClientRect().y, line.innerText.replaceAll('\\u00a0', ' ')])
  .sort(([one], [other]) => one - other)
  .map(([_, text]) => text)
"""
_TEXTS = "selector => [...document.querySelectorAll(selector)].map(e => e.innerText.trim())"


class Page:
    """One tab, with storage of its own.

    `requests`: addresses that it and its workers requested; `problems`: what its console reported.
    """

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session
        self.problems: list[str] = []
        self.requests: list[str] = []
        browser.listen = self._hear
        self._watch(session)
        self.resize(*SIZE)

    def prefer(self, scheme: str) -> None:
        """Prefer `light` or `dark` colours."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self._call("Emulation.setEmulatedMedia", features=[feature])

    def resize(self, width: int, height: int) -> None:
        """Show the page in a window of so many pixels."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def open(self, url: str) -> None:
        """Go there."""
        self._call("Page.navigate", url=url)

    def look(self, function: str, *arguments: object) -> Any:
        """What a JavaScript function says of the page."""
        given = ", ".join(json.dumps(each) for each in arguments)
        answer = self._call(
            "Runtime.evaluate",
            expression=f"({function})({given})",
            returnByValue=True,
            awaitPromise=True,
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def click(self, selector: str, text: str | None = None) -> None:
        """Click an element, once it is there, stands still and nothing covers it."""
        x, y = until(lambda: self.look(_CENTRE, selector, text), f"{selector} {text or ''}")
        for action in ("mouseMoved", "mousePressed", "mouseReleased"):
            self._mouse(action, x, y)

    def drag(self, selector: str, *, right: int = 0, down: int = 0) -> None:
        """Move an element by so many pixels, with the mouse held down."""
        x, y = until(lambda: self.look(_CENTRE, selector, None), selector)
        self._mouse("mouseMoved", x, y)
        self._mouse("mousePressed", x, y)
        self._mouse("mouseMoved", x + right, y + down, held=True)
        self._mouse("mouseReleased", x + right, y + down)

    def rewrite(self, selector: str, text: str) -> None:
        """Type this into a field instead of all that stands there."""
        until(lambda: self._focused(selector), f"the focus in {selector}")
        self._call("Input.dispatchKeyEvent", type="keyDown", commands=["selectAll"])
        self._call("Input.insertText", text=text)

    def press(self, key: str) -> None:
        """Press and release a key: Tab, Enter, Escape or the space bar."""
        code = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}[key]
        text = {"Enter": "\r", " ": " "}.get(key, "")
        named: dict[str, object] = {"key": key, "windowsVirtualKeyCode": code}
        typed: dict[str, object] = {"text": text} if text else {}
        self._call("Input.dispatchKeyEvent", type="keyDown", **named, **typed)
        self._call("Input.dispatchKeyEvent", type="keyUp", **named)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self._call("Input.insertText", text=text)

    def _focused(self, selector: str) -> bool:
        """Click into a field; a field that was drawn again meanwhile is not focused by it."""
        self.click(selector)
        focused: bool = self.look("field => document.activeElement.matches(field)", selector)
        return focused

    def texts(self, selector: str) -> list[str]:
        """What these elements say."""
        found: list[str] = self.look(_TEXTS, selector)
        return found

    def lines(self, editor: str) -> list[str]:
        """The lines of an editor, as far as they can be seen."""
        shown: list[str] = self.look(_LINES, editor)
        return shown

    def picture(self, file: Path) -> None:
        """Save what is to be seen."""
        file.write_bytes(b64decode(self._call("Page.captureScreenshot")["data"]))

    def _mouse(self, action: str, x: float, y: float, *, held: bool = False) -> None:
        idle = action == "mouseMoved" and not held
        self._call(
            "Input.dispatchMouseEvent",
            type=action,
            x=x,
            y=y,
            button="none" if idle else "left",
            buttons=1 if held else 0,
            clickCount=1,
        )

    def _call(self, method: str, **parameters: object) -> Message:
        return self._browser.call(method, self._session, **parameters)

    def _watch(self, session: str) -> None:
        """Hear of a target's requests and complaints, and of the workers it starts."""
        for method in ("Network.enable", "Runtime.enable", "Log.enable", "Page.enable"):
            self._browser.post(method, session)
        self._browser.post(
            "Target.setAutoAttach",
            session,
            autoAttach=True,
            waitForDebuggerOnStart=True,
            flatten=True,
        )
        self._browser.post("Runtime.runIfWaitingForDebugger", session)

    def _hear(self, event: Message) -> None:
        params = event["params"]
        match event["method"]:
            case "Target.attachedToTarget":
                self._watch(params["sessionId"])
            case "Network.requestWillBeSent":
                url = params["request"]["url"]
                if not url.startswith(("data:", "blob:")):
                    self.requests.append(url)
            case "Runtime.exceptionThrown":
                self.problems.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in {"error", "assert"}:
                self.problems.append(json.dumps(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.problems.append(json.dumps(params["entry"]))


@contextmanager
def new_page(browser: Chromium) -> Iterator[Page]:
    """A tab of a browser that was not used before."""
    context = browser.call("Target.createBrowserContext")["browserContextId"]
    target = browser.call("Target.createTarget", url="about:blank", browserContextId=context)
    session = browser.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
    yield Page(browser, session["sessionId"])
    browser.listen = lambda _: None
    browser.call("Target.disposeBrowserContext", browserContextId=context)
