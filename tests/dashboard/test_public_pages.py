"""The public pages in a real browser: their texts, policy, errors and accessibility."""

import csv
import io
from datetime import UTC, datetime

import pytest

from ..support.accessibility import find_faults

PAGES = [
    "/dashboard", "/dashboard/zakat", "/dashboard/murabaha", "/dashboard/sign-in",
    "/dashboard/register", "/dashboard/forgot-password", "/reset-password", "/confirm-email",
    "/dashboard/nothing",
]  # fmt: skip


@pytest.fixture
def project(make_project):
    """Return the id of a project, which the pages show."""
    return make_project(funding_goal="5000")


@pytest.fixture
def prices(publish_prices):
    """Publish prices that are valid for the server, whose clock is the real one."""
    publish_prices(effective_at=datetime.now(UTC))


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_pages_load_under_their_policy_and_from_this_server_alone(
    browser, project, prices, language
):
    for page in [*PAGES, f"/dashboard/projects/{project}"]:
        browser.open(page, language)
        expected = [language, "rtl" if language == "ar" else "ltr"]
        root = "const root = document.documentElement; return [root.lang, root.dir]"
        assert browser.script(root) == expected, page
        browser.assert_nothing_blocked_or_foreign()
    assert browser.errors() == []


def test_the_pages_have_no_accessibility_violations(browser, project, prices):
    def work_out(page):
        if page == "/dashboard/zakat":
            browser.fill(cash__amount="20000")
            browser.wait_for_text("500.00")

    assert find_faults(browser, [*PAGES, f"/dashboard/projects/{project}"], work_out) == {}


def test_a_project_shows_its_progress_and_leads_to_its_ledger(browser, project):
    browser.open("/dashboard")
    assert "$0.00 of $5,000.00 (0%)" in browser.text()
    browser.click(f"h2 a[href$='{project}']")
    browser.wait_for_text("No entries in this period")
    browser.wait_until_loaded()
    assert browser.driver.title.startswith("Project")
    assert browser.script("return document.activeElement.tagName") == "H1"


def test_the_back_button_returns_to_the_page_before(browser, project):
    browser.open("/dashboard")
    browser.click("nav a[href='/dashboard/murabaha']")
    browser.wait_for_text("Murabaha quote", "h1")
    browser.driver.back()
    browser.wait_for_text("Waqf projects", "h1")
    browser.driver.forward()
    browser.wait_for_text("Murabaha quote", "h1")


def test_the_calculator_shows_the_figure_of_the_api(browser, prices, client):
    assets = [{"category": "cash", "amount": 12345.67}, {"category": "bank", "amount": 9000}]
    zakat = client.post("/api/zakat/calculate", json={"assets": assets}).json["zakatAmount"]
    browser.open("/dashboard/zakat")
    browser.fill(cash__amount="12,345.67", bank__amount="9000")
    browser.wait_for_text(f"${zakat:,.2f}", ".total")
    assert "Money counts in full." in browser.text(".lines")
    assert "AAOIFI" in browser.text(".lines")


def test_a_known_amount_is_compared_with_the_published_nisab(browser, prices):
    browser.open("/dashboard/zakat")
    browser.click("input[value='known']")
    published = "return document.querySelector('[name=nisab]')?.value"
    browser.wait(lambda: browser.script(published) == "11071.25")
    browser.fill(wealth="11071.24")
    browser.wait_for_text("below the nisab", ".sum")
    browser.fill(wealth="11071.25")
    browser.wait_for_text("$276.78", ".total")


def test_a_calculation_is_saved_and_offers_its_report(browser, prices, make_user):
    browser.sign_in(make_user("user"))
    browser.open("/dashboard/zakat")
    browser.fill(cash__amount="20000")
    browser.wait_for_text("$500.00", ".total")
    browser.click(".sum button")
    browser.wait_for_text("Download as PDF", ".sum")
    report = browser.script("return document.querySelector('.sum a[download]').href")
    fetch = "const done = arguments[1]; fetch(arguments[0]).then((r) => done(r.status))"
    assert browser.driver.execute_async_script(fetch, report) == 200


def test_errors_stand_beside_their_fields_and_in_a_summary(browser):
    browser.open("/dashboard/murabaha")
    browser.fill(cost="20000", termMonths="90")
    browser.click("form button")
    browser.wait_for_text("Must be at most 60.", ".summary")
    described = (
        "const field = document.querySelector('[name=termMonths]');"
        "const ids = field.getAttribute('aria-describedby').split(' ');"
        "return [field.getAttribute('aria-invalid'),"
        " ids.map((id) => document.getElementById(id).innerText).join(' ')]"
    )
    is_invalid, description = browser.script(described)
    assert (is_invalid, "Must be at most 60." in description) == ("true", True)
    assert browser.script("return document.activeElement.className") == "summary"
    browser.fill(termMonths="12")
    browser.click("form button")
    browser.wait_for_text("$23,000.00")
    assert browser.text(".summary") == ""


def test_errors_of_assets_stand_beside_their_fields(browser, prices):
    browser.open("/dashboard/zakat")
    browser.fill(bank__amount="12.345")
    browser.wait_for_text("decimal", ".field .error")
    beside = "return document.querySelector('.field .error').closest('.field').innerText"
    assert "Bank accounts" in browser.script(beside)


def test_a_user_signs_in_and_out(browser, make_user):
    user = make_user("user", name="Aisha")
    browser.open("/dashboard/sign-in")
    browser.fill(email=user.email, password="not the password")
    browser.click("form button")
    browser.wait_for_text("Invalid credentials", ".summary")
    browser.sign_in(user)
    assert browser.text(".account bdi") == user.name
    browser.click(".account button")
    browser.wait_for_text("Sign in", ".account")
    assert browser.driver.get_cookie("auth-token") is None


def test_a_mailed_link_sets_a_new_password_and_leaves_no_token_behind(browser, sign_in, make_user):
    user = make_user("user")
    url = sign_in("admin").post(f"/api/users/{user.id}/password-reset").json["resetUrl"]
    browser.open("/reset-password#" + url.partition("#")[2])
    assert browser.driver.current_url == f"{browser.address}/reset-password"
    browser.fill(newPassword="short")
    browser.click("form button")
    browser.wait_for_text("12", ".field .error")
    browser.fill(newPassword="a longer pass phrase")
    browser.click("form button")
    browser.wait_for_text("The new password is set", "h1")
    browser.sign_in(user, "a longer pass phrase")


def test_a_used_link_is_refused(browser):
    browser.open("/confirm-email#token=unknown")
    browser.click("form button")
    browser.wait(lambda: browser.text(".summary"))
    assert browser.text("h1") == "Confirm the e-mail"


def test_a_category_has_several_items_with_names(browser, prices):
    browser.open("/dashboard/zakat")
    browser.fill(bank__amount="20000")
    browser.wait_for_text("$500.00", ".total")
    browser.script(
        "document.querySelector('[name=\"bank.amount\"]').closest('details').open = true"
    )
    add = "[...document.querySelectorAll('.category button')].find((b) => /Bank/.test(b.innerText))"
    browser.script(f"{add}.click()")
    browser.wait(lambda: browser.driver.find_elements("name", "bank~2.amount"))
    browser.fill(bank__label="Savings")
    browser.driver.find_element("name", "bank~2.label").send_keys("Current account")
    browser.driver.find_element("name", "bank~2.amount").send_keys("1.234")
    beside = "return document.querySelector('[name=\"bank~2.amount\"]').closest('.field').innerText"
    browser.wait(lambda: "decimal" in browser.script(beside))
    browser.driver.find_element("name", "bank~2.amount").clear()
    browser.driver.find_element("name", "bank~2.amount").send_keys("4000")
    browser.wait_for_text("$600.00", ".total")
    assert "Savings" in browser.text(".lines")
    assert "Current account" in browser.text(".lines")
    browser.driver.refresh()
    browser.wait_for_text("$600.00", ".total")


def test_the_ledger_is_saved_as_csv(browser, project, sign_in, tmp_path):
    gift = {
        "method": "cash", "reference": "1", "receivedOn": "2026-01-26", "amount": 5,
        "donorName": '=HYPERLINK("x"); +1',
    }  # fmt: skip
    officer = sign_in("officer")
    for number in range(101):  # more than a page
        gift["reference"] = str(number)
        path = f"/api/waqf/projects/{project}/offline-donations"
        assert officer.post(path, json=gift).status_code == 201
    browser.command("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.open(f"/dashboard/projects/{project}")
    browser.script(
        "[...document.querySelectorAll('main button')].find((b) => /CSV/.test(b.innerText)).click()"
    )
    file = tmp_path / f"ledger-{project}.csv"
    browser.wait(file.exists)
    head, *rows = list(csv.reader(io.StringIO(file.read_text("utf-8-sig"))))
    assert head == ["date", "kind", "amount", "donorName", "recipient", "purpose", "currency"]
    cells = ["2026-01-26", "donation", "5", "'=HYPERLINK(\"x\");' +1", "", "", "USD"]
    assert rows == [cells] * 101
    browser.assert_nothing_blocked_or_foreign()


def test_what_is_printed_is_black_and_has_no_controls(browser, prices, project):
    browser.resize(1280, "dark")
    browser.open("/dashboard/zakat")
    browser.fill(cash__amount="20000")
    browser.wait_for_text("$500.00", ".total")
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    browser.command("Emulation.setEmulatedMedia", media="print", features=[dark])
    controls = "input, select, button, nav, body > footer"
    shown = (
        f"return [...document.querySelectorAll('{controls}')].filter((e) => e.checkVisibility())"
    )
    assert browser.script(shown + ".length") == 0
    colours = (
        "return [...document.querySelectorAll('main *')].filter((e) => e.checkVisibility())"
        ".map((e) => getComputedStyle(e).color)"
    )
    assert set(browser.script(colours)) == {"rgb(0, 0, 0)"}
    assert "Money counts in full." in browser.text(".lines")
    browser.command("Emulation.setEmulatedMedia", media="", features=[])


def test_at_400_percent_zoom_nothing_covers_the_page(browser, prices, project):
    """A window of 1280 by 1024 pixels has 320 by 256 then."""
    zoomed = {"width": 320, "height": 256, "deviceScaleFactor": 4, "mobile": False}
    covered = (
        "return [...document.querySelectorAll('body *')]"
        ".filter((e) => ['fixed', 'sticky'].includes(getComputedStyle(e).position))"
        ".map((e) => e.getBoundingClientRect().height).reduce((sum, height) => sum + height, 0)"
    )
    for page in [*PAGES, f"/dashboard/projects/{project}", f"/dashboard/projects/{project}/give"]:
        browser.command("Emulation.setDeviceMetricsOverride", **zoomed)
        browser.open(page)
        if page == "/dashboard/zakat":
            browser.fill(cash__amount="20000")
            browser.wait_for_text("500.00", ".total")
        excess = browser.script("return document.documentElement.scrollWidth - innerWidth")
        assert (excess, browser.script(covered) <= 64) == (0, True), page


def test_nothing_moves_for_those_who_prefer_so(browser, project):
    reduced = {"name": "prefers-reduced-motion", "value": "reduce"}
    browser.command("Emulation.setEmulatedMedia", features=[reduced])
    browser.open("/dashboard")
    moving = (
        "const skeleton = '<div class=\"skeleton\"><span></span></div>';"
        "document.body.insertAdjacentHTML('beforeend', skeleton);"
        "return document.getAnimations().filter((a) => a.effect.getTiming().duration > 1).length"
    )
    assert browser.script(moving) == 0


def test_what_was_typed_stays_when_the_page_is_loaded_again(browser, prices):
    browser.open("/dashboard/zakat")
    browser.fill(cash__amount="20000")
    browser.driver.refresh()
    browser.wait_for_text("$500.00", ".total")


def test_without_a_connection_the_page_says_so(browser):
    browser.open("/dashboard/murabaha")
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    browser.command("Network.enable")
    browser.command("Network.emulateNetworkConditions", **offline)
    browser.fill(cost="20000")
    browser.click("form button")
    browser.wait_for_text("cannot be reached", ".summary")
    assert "You are offline" in browser.text(".banner.warning")
    online = {**offline, "offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.command("Network.emulateNetworkConditions", **online)
    browser.click("form button")
    browser.wait_for_text("$23,000.00")
    assert browser.text(".banner.warning") == ""


def test_the_language_changes_in_place(browser):
    browser.open("/dashboard/zakat")
    browser.fill(cash__amount="7")
    browser.script(
        "const select = document.querySelector('footer select'); select.value = 'ar';"
        "select.dispatchEvent(new Event('change', {bubbles: true}))"
    )
    browser.wait_for_text("حاسبة الزكاة", "h1")
    assert browser.script("return document.querySelector('[name=\"cash.amount\"]').value") == "7"
    assert browser.script("return document.documentElement.dir") == "rtl"
