"""The pages of a signed-in user in a real browser."""

import re

import pyotp
import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.support.ui import Select

from app import clock

from ..support.accessibility import find_faults
from ..support.browser import ISOLATES, Browser
from ..support.files import make_png
from ..support.murabaha import APPLICATIONS, CAR, TERMS, VENDORS, ApplicationFlow
from ..support.settings import PASSWORD
from ..support.waqf import WaqfFlow

ACCOUNT = "/dashboard/account"
PAGES = [
    ACCOUNT,
    *(f"{ACCOUNT}/{name}" for name in ("gifts", "zakat", "obligations")),
    *(f"{ACCOUNT}/{name}" for name in ("financing", "financing/new", "documents", "settings")),
]
DECLINED = "pm_card_visa_chargeDeclined"


@pytest.fixture(scope="module")
def window(make_server, stripe_settings, tmp_path_factory):
    """Return a browser on gunicorn, which uses the local Stripe, with a folder of downloads."""
    server = make_server(**{name.upper(): value for name, value in stripe_settings.items()})
    browser = Browser(f"http://127.0.0.1:{server.port}")
    browser.downloads = tmp_path_factory.mktemp("downloads")
    path = str(browser.downloads)
    browser.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=path)
    yield browser
    browser.quit()


@pytest.fixture
def user(make_user):
    return make_user("user")


@pytest.fixture
def officer(sign_in):
    return sign_in("officer")


@pytest.fixture
def vendor(officer):
    """Return the id of a seller."""
    return officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]


@pytest.fixture
def financing(sign_in, user, officer, vendor):
    """Return the flow of the user's application."""
    return ApplicationFlow(sign_in(user=user), officer, vendor)


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return WaqfFlow(sign_in, stripe_server, deliver)


@pytest.fixture
def full_account(financing, waqf, sql):
    """Fill the account: two years of zakat, gifts that are paid and not, a sale and an offer."""
    client, project = financing.owner, waqf.create_project()
    for _ in range(2):
        body = {"wealth": 20000, "nisab": 500, "notes": "A note"}
        assert client.post("/api/zakat/calculations", json=body).status_code == 201
    age_calculation(sql)
    waqf.create_paid_donation(client, project, message="In gratitude", amount=40)
    waqf.create_donation(client, project)
    financing.approve().acquire(str(clock.now().date())).accept()
    vendor = financing.application["vendorId"]
    offer = ApplicationFlow(client, financing.officer, vendor).approve()
    offer.acquire(str(clock.now().date()), invoice="INV-2")
    pending = ApplicationFlow(client, financing.officer, vendor)
    return [f"{ACCOUNT}/financing/{flow.application['id']}" for flow in (financing, offer, pending)]


def age_calculation(sql):
    """Date the oldest calculation back by a year."""
    sql(
        "UPDATE zakat_calculations SET calculated_at = calculated_at - interval '1 year'"
        " WHERE id = (SELECT id FROM zakat_calculations ORDER BY id LIMIT 1)"
    )


def choose(browser, name, value):
    """Choose ``value`` in the field ``name``."""
    Select(browser.driver.find_element("name", name)).select_by_value(value)


def click_text(browser, text, selector="main button, main a"):
    """Click the first visible button or link with ``text``."""

    def click():
        for element in browser.driver.find_elements("css selector", selector):
            try:
                if element.is_displayed() and text in element.text.translate(ISOLATES):
                    element.click()
                    return True
            except StaleElementReferenceException:
                return False
        return False

    browser.wait(click)


def confirm(browser):
    """Confirm what the open dialog asks, and wait until it has closed."""
    browser.click("dialog[open] footer button:last-child")
    browser.wait(lambda: not browser.driver.find_elements("css selector", "dialog[open]"))


def error_beside(browser, name):
    """Return the error that describes the field ``name``."""
    script = (
        'const field = document.querySelector(`[name="${arguments[0]}"]`);'
        "return field.getAttribute('aria-invalid') === 'true'"
        " && document.getElementById(`${field.id}-error`).innerText"
    )
    return browser.script(script, name)


def wait_for_download(browser, pattern):
    """Wait for a finished download with a name like ``pattern`` and return its content."""
    [path] = browser.wait(
        lambda: [path for path in browser.downloads.iterdir() if re.fullmatch(pattern, path.name)]
    )
    return path.read_bytes()


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_pages_load_under_their_policy_and_from_this_server_alone(
    browser, user, full_account, language
):
    browser.sign_in(user)
    for page in [*PAGES, *full_account]:
        browser.open(page, language)
        browser.assert_nothing_blocked_or_foreign()
        assert "account-" not in browser.text("main"), page
    assert browser.errors() == []


def test_the_pages_have_no_accessibility_violations(browser, user, full_account):
    browser.sign_in(user)
    assert find_faults(browser, [*PAGES, *full_account]) == {}


def test_empty_pages_say_what_to_do(browser, user):
    browser.sign_in(user)
    for page, text in [
        ("", "Nothing is waiting for you"), ("/gifts", "No gifts yet"),
        ("/zakat", "No calculations saved"), ("/financing", "No financings yet"),
        ("/financing/new", "No sellers yet"), ("/documents", "No files yet"),
    ]:  # fmt: skip
        browser.open(ACCOUNT + page)
        browser.wait_for_text(text)


def test_the_overview_has_the_figures_and_what_to_do_next(browser, user, full_account):
    browser.sign_in(user)
    browser.open(ACCOUNT)
    figures = browser.text(".figures").replace("\n", " ")
    assert "Zakat calculated $500.00" in figures
    assert "Given $40.00" in figures
    assert "Owed $23,000.00" in figures
    steps = browser.text(".lines")
    assert "pay the down payment" in steps
    assert "Accept the price" in steps
    assert "The gift of $25.00 to A well is not paid." in steps
    click_text(browser, "Accept the price")
    browser.wait_for_text("Buy for $23,000.00")


def test_a_client_applies_accepts_and_pays(browser, user, officer, vendor, stripe_server):
    browser.sign_in(user)
    browser.open(f"{ACCOUNT}/financing/new")
    click_text(browser, "Send the application")
    browser.wait(lambda: error_beside(browser, "itemDescription"))
    assert error_beside(browser, "requestedAmount")
    choose(browser, "vendorId", vendor)
    browser.fill(itemDescription=CAR["itemDescription"], requestedAmount="20,000")
    browser.fill(downPayment="2000")
    click_text(browser, "Send the application")
    browser.wait_for_text(CAR["itemDescription"], "h1")
    browser.wait_for_text("Until it decides")
    path = f"{APPLICATIONS}/{browser.driver.current_url.rpartition('/')[2]}"

    assert officer.post(f"{path}/approve", json=TERMS).status_code == 200
    body = {"acquiredOn": str(clock.now().date()), "invoice": "INV-1"}
    assert officer.post(f"{path}/acquire", json=body).status_code == 200
    browser.driver.refresh()
    browser.wait_for_text("$1,750.00", "table")  # the first instalment
    set_day(browser, "firstDueOn", "2020-01-01")
    browser.wait(lambda: error_beside(browser, "firstDueOn"))
    set_day(browser, "firstDueOn", "")
    browser.wait(lambda: not error_beside(browser, "firstDueOn"))
    click_text(browser, "Buy for $23,000.00")
    assert "This is the sale" in browser.text("dialog[open]")
    confirm(browser)
    browser.wait_for_text("The sale is made.")

    click_text(browser, "Pay $2,000.00")
    browser.wait(lambda: "Pay the down payment" not in browser.text("main"))
    choose(browser, "paymentMethodId", DECLINED)
    click_text(browser, "Pay $1,750.00")
    browser.wait_for_text("declined", ".summary")
    choose(browser, "paymentMethodId", "pm_card_visa")
    click_text(browser, "Pay $1,750.00")
    browser.wait_for_text("Pay instalment 2")
    assert "Paid" in browser.text("tbody tr:first-child")
    assert "A payment was received" in browser.text("main")
    application = officer.get(path).json
    assert application["status"] == "active"
    assert application["contract"]["downPaymentPaid"] == 2000
    assert [i["paidAmount"] for i in application["installments"][:2]] == [1750, 0]


def test_a_payment_that_is_processing_shows_when_it_has_arrived(
    browser, financing, stripe_server, deliver_all
):
    financing.approve(downPayment=0).acquire(str(clock.now().date())).accept()
    body = {"paymentMethodId": "pm_processing"}
    assert financing.post(financing.owner, "installments/1/pay", body).status_code == 201
    browser.sign_in(financing.owner.user)
    browser.open(f"{ACCOUNT}/financing/{financing.application['id']}")
    browser.wait_for_text("The payment is processing")
    [intent] = stripe_server.intents
    deliver_all(*stripe_server.succeed(intent))
    browser.wait_for_text("Pay instalment 2")


def test_a_pending_application_is_changed_and_withdrawn(browser, user, financing):
    browser.sign_in(user)
    browser.open(f"{ACCOUNT}/financing/{financing.application['id']}")
    click_text(browser, "Change", "summary")
    browser.fill(itemDescription="A", requestedAmount="18000")
    click_text(browser, "Save")
    browser.wait(lambda: error_beside(browser, "itemDescription"))
    browser.fill(itemDescription="A smaller car")
    click_text(browser, "Save")
    browser.wait_for_text("A smaller car", "h1")
    click_text(browser, "Withdraw the application")
    confirm(browser)
    browser.wait_for_text("You have withdrawn the application.")
    application = financing.owner.get(financing.path).json
    assert (application["status"], application["requestedAmount"]) == ("cancelled", 18000)


def test_an_application_names_its_uploaded_papers(browser, user, vendor, tmp_path):
    paper = tmp_path / "income.png"
    paper.write_bytes(make_png())
    browser.sign_in(user)
    browser.open(f"{ACCOUNT}/financing/new")
    browser.driver.find_element("name", "file").send_keys(str(paper))
    browser.wait_for_text("Leave out")
    choose(browser, "vendorId", vendor)
    browser.fill(itemDescription="A car", requestedAmount="20000")
    click_text(browser, "Send the application")
    browser.wait_for_text("A car", "h1")
    browser.wait_for_text("Papers")
    browser.open(f"{ACCOUNT}/documents")
    browser.wait_for_text("In use")


def test_a_file_is_uploaded_and_deleted(browser, user, tmp_path):
    wrong, paper = tmp_path / "wrong.pdf", tmp_path / "offer.png"
    wrong.write_text("no PDF")
    paper.write_bytes(make_png())
    browser.sign_in(user)
    browser.open(f"{ACCOUNT}/documents")
    browser.driver.find_element("name", "file").send_keys(str(wrong))
    browser.wait(lambda: "Invalid file type" in (error_beside(browser, "file") or ""))
    browser.driver.find_element("name", "file").send_keys(str(paper))
    click_text(browser, "Delete")
    confirm(browser)
    browser.wait_for_text("No files yet")


def test_the_statement_is_downloaded_or_says_what_is_wrong(browser, user):
    browser.sign_in(user)
    browser.open(f"{ACCOUNT}/documents")
    for name, day in {"from": "2026-02-01", "to": "2026-01-01"}.items():
        set_day(browser, name, day)
    click_text(browser, "Download as PDF")
    browser.wait(lambda: error_beside(browser, "to") or error_beside(browser, "from"))
    set_day(browser, "to", "2026-12-31")
    click_text(browser, "Download as PDF")
    assert wait_for_download(browser, r".*statement.*\.pdf").startswith(b"%PDF")


def set_day(browser, name, day):
    """Set a date field, whose keys depend on the browser's language."""
    browser.script(
        'const field = document.querySelector(`[name="${arguments[0]}"]`);'
        "field.value = arguments[1]; field.dispatchEvent(new Event('change', {bubbles: true}))",
        name,
        day,
    )


def test_the_data_export_is_requested(browser, user):
    browser.sign_in(user)
    browser.open(f"{ACCOUNT}/documents")
    click_text(browser, "Request my data")
    browser.wait_for_text("It is being prepared.")


def test_gifts_have_receipts_and_can_be_changed_or_withdrawn(browser, user, sign_in, waqf):
    donor, project = sign_in(user=user), waqf.create_project()
    paid = waqf.create_paid_donation(donor, project)
    browser.sign_in(user)
    browser.open(f"{ACCOUNT}/gifts")
    receipt = browser.script("return document.querySelector('.lines a[download]').href")
    fetch = "const done = arguments[1]; fetch(arguments[0]).then((r) => done(r.status))"
    assert browser.driver.execute_async_script(fetch, receipt) == 200

    click_text(browser, "Change")
    browser.click("input[name=isAnonymous]")
    choose(browser, "dedication.kind", "in_memory")
    click_text(browser, "Save")
    browser.wait(lambda: error_beside(browser, "dedication.name"))
    browser.fill(dedication__name="Maryam", message="Peace")
    click_text(browser, "Save")
    browser.wait_for_text("In memory of: Maryam")
    gift = donor.get(f"/api/waqf/donations/{paid['id']}").json
    assert (gift["isAnonymous"], gift["message"]) == (True, "Peace")

    unpaid = waqf.create_donation(donor, project)
    browser.driver.refresh()
    click_text(browser, "Withdraw the gift")
    confirm(browser)
    browser.wait_for_text("Withdrawn", ".lines")
    assert donor.get(f"/api/waqf/donations/{unpaid['id']}").json["status"] == "cancelled"
    assert "Change" not in browser.text(".lines li:first-child")


def test_the_receipt_of_a_year_without_gifts_says_so(browser, user, sign_in, waqf):
    browser.sign_in(user)
    browser.open(f"{ACCOUNT}/gifts")
    click_text(browser, "Download as PDF")
    browser.wait_for_text("Receipt not found", ".summary")
    waqf.create_paid_donation(sign_in(user=user), waqf.create_project())
    click_text(browser, "Download as PDF")
    assert wait_for_download(browser, r".*\d{4}.*\.pdf").startswith(b"%PDF")


def test_calculations_show_their_years_and_are_deleted(browser, user, sign_in, sql):
    client = sign_in(user=user)
    for wealth in (20000, 40000):
        body = {"wealth": wealth, "nisab": 500}
        assert client.post("/api/zakat/calculations", json=body).status_code == 201
    age_calculation(sql)
    browser.sign_in(user)
    browser.open(f"{ACCOUNT}/zakat")
    browser.wait_for_text("Zakat by year, in USD")
    label = browser.script("return document.querySelector('.chart svg').ariaLabel")
    year = clock.now().year
    assert f"{year - 1} $500.00, {year} $1,000.00" in label
    click_text(browser, "Delete")
    assert "This cannot be undone." in browser.text("dialog[open]")
    confirm(browser)
    browser.wait(lambda: "Zakat by year" not in browser.text("main"))
    assert len(client.get("/api/zakat/calculations").json["data"]) == 1


def test_settings_are_changed(browser, user, sign_in):
    browser.sign_in(user)
    browser.open(f"{ACCOUNT}/settings")
    browser.fill(name=" ")
    click_text(browser, "Save")
    browser.wait(lambda: error_beside(browser, "name"))
    browser.fill(name="Aisha")
    choose(browser, "locale", "ar")
    choose(browser, "timeZone", "Asia/Jakarta")
    click_text(browser, "Save")
    browser.wait_for_text("Aisha", ".account")
    browser.click("input[name=installmentDue]")
    browser.click("article:has([name=installmentDue]) [type=submit]")
    client = sign_in(user=user)
    browser.wait(lambda: not client.get("/api/auth/me").json["notifications"]["installmentDue"])
    profile = client.get("/api/auth/me").json
    assert (profile["locale"], profile["timeZone"]) == ("ar", "Asia/Jakarta")
    assert profile["notifications"]["receipt"] is True


def test_the_password_and_the_email_are_changed_with_the_current_password(browser, user):
    browser.sign_in(user)
    browser.open(f"{ACCOUNT}/settings")
    form = "article:has([name=newPassword])"
    browser.driver.find_element("css selector", f"{form} [name=currentPassword]").send_keys("no")
    browser.fill(newPassword="a longer pass phrase")
    browser.click(f"{form} [type=submit]")
    browser.wait_for_text("Invalid credentials", form)
    field = browser.driver.find_element("css selector", f"{form} [name=currentPassword]")
    field.clear()
    field.send_keys(PASSWORD)
    browser.click(f"{form} [type=submit]")
    browser.wait_for_text("The password is changed.", ".toasts")
    form = "article:has([name=email])"
    browser.fill(email="aisha@example.org")
    browser.driver.find_element("css selector", f"{form} [name=currentPassword]").send_keys(
        "a longer pass phrase"
    )
    browser.click(f"{form} [type=submit]")
    browser.wait_for_text("A link was mailed to aisha@example.org.", form)


def test_sessions_are_ended(browser, user, sign_in):
    other = sign_in(user=user)
    browser.sign_in(user)
    browser.open(f"{ACCOUNT}/settings")
    click_text(browser, "End", "button.plain")
    confirm(browser)
    browser.wait(lambda: other.get("/api/auth/me").status_code == 401)
    browser.wait(lambda: not browser.driver.find_elements("css selector", ".lines button"))
    click_text(browser, "End all sessions")
    confirm(browser)
    browser.wait_for_text("Sign in", "h1")


def test_staff_enrol_a_second_factor(browser, make_user):
    browser.sign_in(make_user("officer"))
    browser.open(f"{ACCOUNT}/settings")
    field = browser.driver.find_elements("name", "currentPassword")[-1]
    field.send_keys(PASSWORD)
    click_text(browser, "Set it up")
    secret = browser.wait(lambda: browser.text(".secret"))
    browser.fill(code=pyotp.TOTP(secret).now())
    click_text(browser, "Turn it on")
    browser.wait_for_text("Recovery codes left: 10.")
    assert len(browser.driver.find_elements("css selector", ".codes li")) == 10


def test_the_back_button_returns_to_the_page_before(browser, user, financing):
    browser.sign_in(user)
    browser.open(f"{ACCOUNT}/financing")
    click_text(browser, CAR["itemDescription"])
    browser.wait_for_text("Until it decides")
    browser.wait_for_text("You applied")
    browser.driver.back()
    browser.wait_for_text("Financings", "h1")
    assert browser.driver.current_url.endswith("/financing")


def test_a_financing_of_another_user_is_not_shown(browser, make_user, financing):
    browser.sign_in(make_user("user"))
    browser.open(f"{ACCOUNT}/financing/{financing.application['id']}")
    browser.wait_for_text("not found", ".summary")


def test_staff_see_only_their_own_financings(browser, make_user, financing):
    browser.sign_in(make_user("officer"))
    browser.open(f"{ACCOUNT}/financing")
    browser.wait_for_text("No financings yet")
