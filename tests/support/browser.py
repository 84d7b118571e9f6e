"""A real Chromium on the page of a real service, and what must never be seen in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

#: By this name the page is reached as in a LAN: plain http of no loopback address is no secure context.
LAN_NAME: Final = "box.test"
#: Nothing of the browser's own talks to anybody.
_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {LAN_NAME} 127.0.0.1",
)
#: Pictures of the main states are left here for a person to look at.
PICTURES: Final = Path(
    os.environ.get("KOTAEMON_TEST_PICTURES", Path(__file__).parents[2] / "build" / "pictures")
)
#: Whatever is waited for may take so long on a machine that is busy with other things; none of it costs
#: anything when all is well.
WAIT_S: Final = 45.0
_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""


expect.set_options(timeout=WAIT_S * 1000)


class Site(Protocol):
    """What the page is opened at."""

    @property
    def url(self) -> str: ...


@dataclass
class Seen:
    """What went on in a page behind its looks."""

    hosts: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def request(self, request: Request) -> None:
        if not request.url.startswith(("blob:", "data:")):
            self.hosts.add(request.url.split("/")[2])


@contextmanager
def chromium() -> Iterator[Browser]:
    """Open a browser; it may only live while no asynchronous test runs."""
    found = shutil.which("chromium")
    assert found, "chromium is missing; run: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser,
    service: Site,
    path: str = "/",
    *,
    language: Literal["en", "zh"] = "en",
    theme: Literal["light", "dark"] = "light",
    size: tuple[int, int] = (1280, 800),
    **context: Any,
) -> Iterator[Page]:
    """Open the page as a person sees it; check afterwards that nothing forbidden has happened in it."""
    locale = "zh-CN" if language == "zh" else "en-GB"
    held = browser.new_context(
        locale=locale,
        color_scheme=theme,
        viewport={"width": size[0], "height": size[1]},
        reduced_motion="reduce",
        **context,
    )
    held.set_default_timeout(WAIT_S * 1000)
    seen = Seen()
    page = held.new_page()
    page.add_init_script(_VIOLATIONS)
    page.on("request", seen.request)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("console", lambda line: seen.errors.append(line.text) if line.type == "error" else None)
    try:
        page.goto(service.url + path)
        yield page
        check(page, seen, service)
    finally:
        page.unroute_all(behavior="ignoreErrors")
        held.close()


@dataclass
class Busy:
    """How long the page's own thread has worked, known at the end of the block."""

    s: float = 0.0


@contextmanager
def busy_s(page: Page) -> Iterator[Busy]:
    """Measure the time that the processor gives to the page, whatever else it does."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def worked_s() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))

    found, before_s = Busy(), worked_s()
    yield found
    found.s = worked_s() - before_s
    session.detach()


def check(page: Page, seen: Seen, service: Site) -> None:
    """Check for violations of the policy, other hosts and errors of scripts."""
    violations = page.evaluate("window.violations")
    assert violations == [], violations
    assert seen.hosts <= {service.url.split("/")[2]}, seen.hosts
    # A reply of 4xx or 5xx is an event that a test may want; the browser writes it down as an error.
    noise = ("Failed to load resource", "net::ERR_")
    errors = [error for error in seen.errors if not error.startswith(noise) and "ERR_" not in error]
    assert errors == [], errors


def both_themes(page: Page) -> Iterator[Literal["light", "dark"]]:
    """Show the page as it is in one theme after the other; the first one is the light one."""
    themes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for theme in themes:
        page.emulate_media(color_scheme=theme)
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        yield theme
    page.emulate_media(color_scheme="light")


def picture(page: Page, name: str) -> None:
    """Leave a picture of what is shown now."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")


def accessible(page: Page) -> list[str]:
    """Return what axe-core finds wrong, by WCAG 2.1 A and AA, as `rule: where`."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]
    ]
