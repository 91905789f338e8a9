"""A financing from the application to its first instalment, by the pages alone."""

import pytest
from selenium.webdriver.support.ui import Select

from ..support.browser import Browser
from ..support.murabaha import VENDORS

SUBMIT = "form button[type=submit]"
STEP = "details[open] form button[type=submit]"


@pytest.fixture(scope="module")
def window(make_server, stripe_settings):
    """Return a browser on gunicorn, which uses the local Stripe."""
    server = make_server(**{name.upper(): value for name, value in stripe_settings.items()})
    browser = Browser(f"http://127.0.0.1:{server.port}")
    yield browser
    browser.quit()


def switch_to(browser, user, page, language):
    """Sign in as another user and open ``page``."""
    assert browser.errors() == []
    browser.driver.delete_all_cookies()
    browser.sign_in(user)
    browser.errors()  # of the page that was left without its session
    browser.open(page, language)


def click_confirm(browser, selector):
    browser.click(selector)
    browser.confirm()
    browser.wait(lambda: not browser.driver.find_elements("css selector", "dialog[open]"))


@pytest.mark.usefixtures("stripe_server")
@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_client_applies_an_officer_decides_and_the_client_accepts_and_pays(
    browser, make_user, sign_in, language
):
    client, officer = make_user(name="Fatima al-Fihri"), make_user("officer")
    api = sign_in(user=officer)
    vendor = api.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]

    switch_to(browser, client, "/dashboard/account/financing/new", language)
    Select(browser.driver.find_element("name", "vendorId")).select_by_value(vendor)
    browser.fill(itemDescription="A used car", requestedAmount="20000")
    browser.click(SUBMIT)
    browser.wait_for_text("A used car", "h1")
    id = browser.driver.current_url.rpartition("/")[2]
    path = f"/api/murabaha/applications/{id}"

    switch_to(browser, officer, f"/dashboard/staff/applications/{id}", language)
    assert "Fatima al-Fihri" in browser.text()
    browser.fill(profitRate="15")
    browser.wait_for_text("23,000.00")
    click_confirm(browser, STEP)
    browser.wait(lambda: api.get(path).json["status"] == "approved")
    browser.wait(lambda: browser.driver.find_elements("name", "invoice"))
    browser.fill(invoice="INV-7")
    browser.click(STEP)
    browser.wait(lambda: api.get(path).json["status"] == "acquired")

    switch_to(browser, client, f"/dashboard/account/financing/{id}", language)
    browser.wait_for_text("1,916.67", "table")
    click_confirm(browser, "article button:not(.plain)")
    browser.wait(lambda: api.get(path).json["status"] == "active")
    browser.wait(lambda: browser.driver.find_elements("name", "paymentMethodId"))
    browser.click("form:has([name=paymentMethodId]) button[type=submit]")
    browser.wait(lambda: api.get(path).json["installments"][0]["status"] == "paid")
    assert browser.errors() == []
