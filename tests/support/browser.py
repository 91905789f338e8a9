"""Debian's Chromium without a screen, driven by selenium."""

import os
import shutil

import pytest

from .settings import PASSWORD

OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
)  # fmt: skip
ISOLATES = dict.fromkeys(range(0x2066, 0x206A))
# Before any script of the page: keep what its policy has blocked.
RECORD_VIOLATIONS = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


def find_browser() -> tuple[str, str]:
    """Return the paths of Chromium and its driver; skip the test where they are absent."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        (pytest.fail if os.environ.get("REQUIRE_CLIENTS") else pytest.skip)(
            "Chromium and its driver are absent: apt-get install chromium chromium-driver"
        )
    return browser, driver


class Browser:
    """A window of Chromium on the pages of the server at ``address``."""

    def __init__(self, address: str) -> None:
        from selenium import webdriver

        browser, driver = find_browser()
        options = webdriver.ChromeOptions()
        options.binary_location = browser
        for option in OPTIONS:
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(driver)
        self.driver = webdriver.Chrome(options=options, service=service)
        self.address = address
        self.command("Page.addScriptToEvaluateOnNewDocument", source=RECORD_VIOLATIONS)

    def command(self, name: str, **arguments):
        """Send a command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, arguments)

    def resize(self, width: int, scheme: str = "light") -> None:
        """Show pages in a window of ``width`` pixels and the system's colour scheme."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.command("Emulation.setEmulatedMedia", features=[feature])

    def open(self, path: str, language: str = "en") -> None:
        """Open a page in ``language`` and wait until it has loaded what it shows."""
        if not self.driver.current_url.startswith(self.address):
            self.driver.get(f"{self.address}/dashboard")
        self.script("localStorage.language = arguments[0]; sessionStorage.clear()", language)
        self.driver.get(self.address + path)
        self.wait_until_loaded()

    def wait_until_loaded(self) -> None:
        """Wait until the heading is there and no skeleton is left."""
        loaded = "return !!document.querySelector('h1') && !document.querySelector('.skeleton')"
        self.wait(lambda: self.script(loaded))

    def wait(self, condition, timeout: float = 10):
        """Wait until ``condition()`` is true and return its value."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, timeout, poll_frequency=0.05).until(lambda _: condition())

    def script(self, source: str, *arguments):
        """Run a function's body in the page and return its value."""
        return self.driver.execute_script(source, *arguments)

    def text(self, selector: str = "main") -> str:
        """Return the visible text of an element without isolates, or an empty one."""
        text = self.script("return document.querySelector(arguments[0])?.innerText ?? ''", selector)
        return text.translate(ISOLATES)

    def wait_for_text(self, text: str, selector: str = "main") -> None:
        """Wait until the element's text contains ``text``."""
        self.wait(lambda: text in self.text(selector))

    def fill(self, **values: str) -> None:
        """Type into the fields with these names."""
        for name, value in values.items():
            field = self.driver.find_element("name", name.replace("__", "."))
            field.clear()
            field.send_keys(value)

    def click(self, selector: str) -> None:
        """Click the element that ``selector`` finds."""
        self.driver.find_element("css selector", selector).click()

    def confirm(self) -> None:
        """Take the step that the open dialog asks about."""
        self.wait(lambda: self.script("return !!document.querySelector('dialog[open]')"))
        self.click("dialog[open] footer button:last-child")

    def sign_in(self, user, password: str = PASSWORD) -> None:
        """Sign in on the page and wait for the user's name."""
        self.open("/dashboard/sign-in")
        self.fill(email=user.email, password=password)
        self.click("form button")
        self.wait(lambda: self.text(".account bdi"))

    def assert_nothing_blocked_or_foreign(self) -> None:
        """Assert that the policy blocked nothing, and that only this server was asked."""
        assert self.script("return window.violations") == []
        entries = self.script("return performance.getEntriesByType('resource').map((e) => e.name)")
        assert entries
        assert [name for name in entries if not name.startswith(self.address + "/")] == []

    def errors(self) -> list[str]:
        """Return the errors in the console since the last call."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]

    def quit(self) -> None:
        """Close the browser."""
        self.driver.quit()
