"""Take the pictures of docs/images: ``python -m tests.support.screenshots http://127.0.0.1:8000``.

The address is that of ``make run`` with fresh sample data, to which this adds gifts and a sale.
"""

import json
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace

from app.dev.demo import PASSWORD

from .browser import Browser

FOLDER = Path(__file__).parents[2] / "docs" / "images"
GIFTS = (25, 120, 60, 400)
DEBTS = {"liabilities": "1500"}


class Client:
    """A client of the API, signed in as a user of the sample data."""

    def __init__(self, address: str, email: str) -> None:
        self.address, self.token = address, ""
        self.token = self.post("auth/login", email=email, password=PASSWORD)["accessToken"]

    def post(self, path: str, **body):
        """Send ``body`` and return the JSON of the response."""
        return self._send(path, json.dumps(body).encode())

    def get(self, path: str):
        """Return the JSON of the resource."""
        return self._send(path, None)

    def _send(self, path: str, data: bytes | None):
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(f"{self.address}/api/{path}", data, headers)  # noqa: S310
        with urllib.request.urlopen(request) as response:  # noqa: S310
            return json.load(response)


def add_data(address: str) -> str:
    """Add gifts and a pending application; return the application's id."""
    donor = Client(address, "fatima@example.org")
    for index, amount in enumerate(GIFTS):
        projects = donor.get("waqf/projects")["data"]
        gift = {"projectId": projects[index % 2]["id"], "amount": amount}
        donor.post("waqf/donations", paymentMethodId="pm_card_visa", **gift)
    vendor = donor.get("murabaha/vendors")["data"][0]["id"]
    wanted = {"itemDescription": "A used car", "requestedAmount": 20000, "downPayment": 2000}
    return donor.post("murabaha/applications", vendorId=vendor, **wanted)["id"]


def save(browser: Browser, name: str) -> None:
    """Save what the window shows."""
    browser.driver.save_screenshot(str(FOLDER / f"{name}.png"))


def main(address: str) -> None:
    """Take all pictures."""
    application = add_data(address)
    browser = Browser(address)
    browser.resize(1100)
    browser.open("/dashboard")
    save(browser, "projects")
    browser.resize(1100, "dark")
    browser.open("/dashboard/zakat", "ar")
    browser.fill(cash__amount="20000", **DEBTS)
    browser.wait_for_text("462.50", ".total")
    save(browser, "zakat-arabic-dark")
    browser.resize(1100)
    browser.sign_in(SimpleNamespace(email="officer@example.org"), PASSWORD)
    browser.open(f"/dashboard/staff/applications/{application}")
    browser.fill(profitRate="15")
    browser.wait_for_text("$1,750.00")
    save(browser, "application")
    browser.driver.delete_all_cookies()
    browser.sign_in(SimpleNamespace(email="admin@example.org"), PASSWORD)
    browser.resize(390)
    browser.open("/dashboard/admin")
    save(browser, "admin-phone")
    browser.quit()


if __name__ == "__main__":
    main(sys.argv[1])
