"""Missed years, zakat al-fitr and obligations in a real browser."""

from datetime import UTC, datetime, timedelta

import pytest

from ..support.accessibility import find_faults

PAGES = ["/dashboard/zakat/missed-years", "/dashboard/zakat/fitr"]


@pytest.fixture
def year_ago(publish_prices):
    """Publish prices of more than a year ago, of which the nisab by gold is 8,500, and of now."""
    then = datetime.now(UTC) - timedelta(days=400)
    publish_prices(gold="100", effective_at=then)
    publish_prices(effective_at=datetime.now(UTC))
    return (then + timedelta(days=5)).date()


def set_day(browser, name, day):
    """Enter a day, which is typed differently in each language of the browser."""
    browser.script(
        "const field = document.querySelector(`[name='${arguments[0]}']`);"
        "field.value = arguments[1]; field.dispatchEvent(new Event('input', {bubbles: true}))",
        name, day.isoformat(),
    )  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ar"])
def test_missed_years_are_worked_out_at_the_prices_of_their_days(browser, year_ago, language):
    browser.open("/dashboard/zakat/missed-years", language)
    set_day(browser, "years.0.asOf", year_ago)
    browser.fill(years__0__wealth="9000")
    browser.click("form .buttons button.secondary")
    browser.wait(lambda: browser.script("return document.querySelectorAll('fieldset').length") == 2)
    set_day(browser, "years.1.asOf", datetime.now(UTC).date())
    browser.fill(years__1__wealth="9,000")
    browser.click("form button[type=submit]")
    browser.wait_for_text("225.00", ".total")
    rows = browser.text("tbody")
    assert ("8,500.00" in rows, "11,071.25" in rows) == (True, True)


def test_a_year_without_a_price_is_named_and_nothing_typed_is_lost(browser, year_ago):
    browser.open("/dashboard/zakat/missed-years")
    set_day(browser, "years.0.asOf", year_ago - timedelta(days=300))
    browser.fill(years__0__wealth="9000")
    browser.click("form button[type=submit]")
    browser.wait(lambda: browser.text(".summary"))
    browser.driver.refresh()
    browser.wait_until_loaded()
    typed = "return document.querySelector(\"[name='years.0.wealth']\").value"
    assert browser.script(typed) == "9000"


def test_the_calculator_takes_prices_and_nisab_of_a_day(browser, year_ago):
    browser.open("/dashboard/zakat")
    browser.fill(cash__amount="9000")
    browser.wait_for_text("below the nisab", ".sum")
    set_day(browser, "asOf", year_ago)
    browser.wait_for_text("$225.00", ".total")
    assert "$8,500.00" in browser.text(".sum")
    assert "What was assumed" in browser.text("main")
    browser.script(
        "const select = document.querySelector('[name=nisabStandard]'); select.value = 'tola';"
        "select.dispatchEvent(new Event('change', {bubbles: true}))"
    )
    browser.wait_for_text("$8,748.00", ".sum")


def test_zakat_al_fitr_is_worked_out_for_a_household(browser):
    browser.open("/dashboard/zakat/fitr")
    browser.fill(people="5", perPerson="12.50")
    browser.click("form button[type=submit]")
    browser.wait_for_text("$62.50", ".total")
    browser.fill(people="0")
    browser.click("form button[type=submit]")
    browser.wait(lambda: browser.text(".field .error"))


def test_a_calculation_is_recorded_as_owed_and_paid_in_parts(
    browser, publish_prices, make_user, sign_in
):
    publish_prices(effective_at=datetime.now(UTC))
    user = make_user("user")
    body = {"assets": [{"category": "cash", "amount": 20000}]}
    assert sign_in(user=user).post("/api/zakat/calculations", json=body).status_code == 201
    browser.sign_in(user)
    browser.open("/dashboard/account/zakat")
    browser.click(".lines button.plain")
    browser.confirm()
    browser.wait_for_text("Zakat of 14")
    browser.wait_until_loaded()
    browser.click("details summary")
    browser.fill(amount="200")
    browser.click("details form button[type=submit]")
    browser.wait_for_text("The payment is recorded.", ".toasts")
    browser.wait_for_text("$300.00", ".figures")
    assert find_faults(browser, ["/dashboard/account/obligations"]) == {}
    browser.resize(1280)
    browser.open("/dashboard/account/obligations")
    browser.click(".lines button.plain")
    browser.confirm()
    browser.wait_for_text("$0.00", ".figures")


def test_the_pages_have_no_faults(browser):
    for page in PAGES:
        browser.open(page)
        browser.assert_nothing_blocked_or_foreign()
    assert find_faults(browser, PAGES) == {}
