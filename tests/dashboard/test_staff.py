"""The pages of officers in a real browser: decisions, receipts, projects, donations, exceptions."""

import base64
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ..support.accessibility import find_faults
from ..support.browser import ISOLATES
from ..support.murabaha import TERMS, VENDORS, ApplicationFlow
from ..support.waqf import PROJECTS

STAFF = "/dashboard/staff"
LISTS = ("applications", "projects", "vendors", "donations", "exceptions")
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)

FIND_BUTTON = r"""
const [label, scope, index] = arguments;
const textOf = (button) => button.innerText.replace(/[\u2066-\u2069]/g, "").trim();
const buttons = [...document.querySelectorAll(`${scope} button, ${scope} summary`)];
const shown = buttons.filter((button) => button.checkVisibility());
return shown.filter((button) => textOf(button).startsWith(label)).at(index);
"""
OPEN_ALL = """
for (const step of document.querySelectorAll("details")) {
  step.removeAttribute("name");
  step.open = true;
}
"""


@pytest.fixture
def officer(browser, make_user):
    """Return an officer who is signed in on the pages."""
    officer = make_user("officer", name="Omar Haddad")
    browser.sign_in(officer)
    return officer


@pytest.fixture
def client(sign_in):
    """Return another officer, for what the API does besides the pages."""
    return sign_in("officer")


@pytest.fixture
def apply(sign_in, client):
    """Return a maker of applications of one client, in the state in which they are made."""
    owner = sign_in()
    vendor = client.post(
        VENDORS, json={"name": "Bait al-Sayyarat", "email": "sales@vendor.example"}
    )
    return lambda **values: ApplicationFlow(owner, client, vendor.json["id"], **values)


def today():
    return datetime.now(UTC).date().isoformat()


def make_active(flow):
    return flow.approve().acquire(today()).record_down_payment().accept()


def open_application(browser, flow):
    browser.open(f"{STAFF}/applications/{flow.application['id']}")


def read(client, flow):
    return client.get(flow.path).json


def press(browser, label, scope="main", index=-1):
    """Click the last visible button or summary with this label, or the one at ``index``."""
    found = browser.script(FIND_BUTTON, label, scope, index)
    assert found, f"no {label!r} in: {browser.text()}"
    browser.script("arguments[0].scrollIntoView({block: 'center'})", found)
    found.click()


def type_into(browser, scope, **values):
    """Type into fields below the elements that ``scope`` finds."""
    for name, value in values.items():
        field = browser.driver.find_element("css selector", f"{scope} [name='{name}']")
        browser.script("arguments[0].value = ''", field)
        if field.get_attribute("type") == "date":
            set_value(browser, field, value)
        else:
            field.send_keys(value)


def set_value(browser, field, value):
    browser.script(
        "arguments[0].value = arguments[1];"
        "for (const name of ['input', 'change'])"
        " arguments[0].dispatchEvent(new Event(name, {bubbles: true}))",
        field,
        value,
    )


def choose(browser, name, value):
    set_value(browser, browser.driver.find_element("name", name), value)


def open_step(browser, label):
    """Open the step with this label and return the selector of its form."""
    press(browser, label)
    return "details[open]"


def confirm(browser):
    """Confirm the dialog that asks."""
    browser.wait(lambda: browser.script("return !!document.querySelector('dialog[open]')"))
    browser.click("dialog[open] footer button:last-child")


def test_an_officer_approves_with_the_price_in_view(browser, officer, client, apply):
    flow = apply()
    browser.open(STAFF)
    browser.click(f".todo a[href$='{flow.application['id']}']")
    browser.wait_for_text("Approve")
    assert "Fatima al-Fihri" in browser.text()
    browser.fill(profitRate="15")
    browser.wait_for_text("$23,000.00")
    assert "$1,750.00" in browser.text()  # of 12 instalments
    browser.fill(profitRate="10")
    browser.wait_for_text("$22,000.00")
    press(browser, "Approve", "details[open]")
    confirm(browser)
    browser.wait_for_text("Record the acquisition")
    application = read(client, flow)
    assert (application["status"], float(application["contract"]["profitRate"])) == (
        "approved", 0.1,
    )  # fmt: skip
    browser.assert_nothing_blocked_or_foreign()


def test_the_overview_has_what_expires_and_is_due_and_overdue(browser, officer, apply, set_clock):
    def at(days):
        """Set the clock of what the API does here; return its day."""
        moment = datetime.now(UTC) + timedelta(days=days)
        set_clock(moment.strftime("%Y-%m-%dT%H:%M:%S"))
        return moment.date().isoformat()

    sold_on = at(-75)
    late = apply().approve().acquire(sold_on).record_down_payment().accept()
    at(-27)
    expiring = apply().approve()
    at(0)
    due_on = (datetime.now(UTC) + timedelta(days=3)).date()
    due = apply().approve().acquire(today()).record_down_payment().accept(firstDueOn=str(due_on))
    browser.open(STAFF)
    cards = browser.script(
        "return [...document.querySelectorAll('.cards article')].map((card) => card.innerText)"
    )
    card = {text.partition("\n")[0]: text.translate(ISOLATES) for text in cards}
    number = {flow: flow.application["applicationNumber"] for flow in (late, expiring, due)}
    assert number[expiring] in card["Goods to acquire"]
    assert number[expiring] in card["Offers that expire within a week"]
    assert number[due] in card["Instalments due within a week"]
    assert number[late] not in card["Instalments due within a week"]
    first_due = datetime.fromisoformat(late.installments[0]["dueDate"]).date()
    days = (datetime.now(UTC).date() - first_due).days
    assert f"{days} days overdue" in card["Overdue"]
    assert number[due] not in card["Overdue"]


def test_errors_of_an_approval_stand_beside_their_fields(browser, officer, apply):
    open_application(browser, apply())
    browser.fill(profitRate="15", termMonths="90")
    browser.wait_for_text("Must be at most 60.")
    press(browser, "Approve", "details[open]")
    confirm(browser)
    browser.wait_for_text("Must be at most 60.", ".field .error")
    assert "Approve" in browser.text()


def test_goods_are_acquired_with_evidence(browser, officer, client, apply, tmp_path):
    flow = apply().approve()
    invoice = tmp_path / "invoice.png"
    invoice.write_bytes(PNG)
    open_application(browser, flow)
    browser.fill(invoice="INV-7")
    browser.driver.find_element("name", "evidence").send_keys(str(invoice))
    press(browser, "Record the acquisition", "details[open]")
    browser.wait_for_text("Goods acquired", ".tag")
    browser.wait(lambda: browser.script(
        "const image = document.querySelector('.documents img');"
        "image?.scrollIntoView(); return image?.complete && image.naturalWidth === 1"
    ))  # fmt: skip
    contract = read(client, flow)["contract"]
    assert contract["acquiredOn"] == today()
    browser.assert_nothing_blocked_or_foreign()


def test_a_receipt_is_recorded_in_two_taps_and_reversed(browser, officer, client, apply):
    flow = make_active(apply())
    open_application(browser, flow)
    press(browser, "Record a receipt for instalment 1")
    press(browser, "Record a receipt for instalment 1", "details[open] form")
    browser.wait_for_text("Record a receipt for instalment 2")
    receipt = client.get(f"{flow.path}/receipts").json["data"][0]
    number = flow.application["applicationNumber"]
    assert (receipt["amount"], receipt["method"]) == (1750, "bank_transfer")
    assert (receipt["reference"], receipt["receivedOn"]) == (f"{number}/2", today())
    press(browser, "Reverse", index=0)  # the newest
    type_into(browser, "article section", reason="The cheque bounced")
    press(browser, "Reverse", "article section form")
    confirm(browser)
    browser.wait_for_text("Record a receipt for instalment 1")
    browser.wait_for_text("The cheque bounced")
    assert read(client, flow)["installments"][0]["paidAmount"] == 0


def test_a_down_payment_is_recorded_and_a_sale_is_settled_early(browser, officer, client, apply):
    flow = apply().approve().acquire(today())
    open_application(browser, flow)
    press(browser, "Record the down payment")
    press(browser, "Record the down payment", "details[open] form")
    browser.wait(lambda: read(client, flow)["contract"]["downPaymentPaid"] == 2000)
    flow.accept()
    open_application(browser, flow)
    scope = open_step(browser, "Settle early")
    type_into(browser, scope, rebate="250")
    press(browser, "Settle early", "details[open] form")
    confirm(browser)
    browser.wait(lambda: read(client, flow)["contract"]["rebate"] == 250)


def test_a_conflict_keeps_what_was_typed(browser, officer, client, apply):
    flow = apply()
    open_application(browser, flow)
    browser.fill(profitRate="12")
    body = {"itemDescription": "Another car", "requestedAmount": 21000}
    assert flow.owner.patch(flow.path, json=body).status_code == 200
    browser.wait_for_text("$22,400.00")
    press(browser, "Approve", "details[open]")
    confirm(browser)
    browser.wait_for_text("It has changed meanwhile", ".summary")
    browser.wait_for_text("Another car")
    values = "return ['cost', 'profitRate'].map((n) => document.getElementsByName(n)[0].value)"
    assert browser.script(values) == ["20000", "12"]
    assert read(client, flow)["status"] == "pending"
    press(browser, "Approve", "details[open]")
    confirm(browser)
    browser.wait_for_text("Approved", ".tag")


def test_a_second_officer_confirms_the_request_of_the_first(
    browser, officer, client, apply, monkeypatch
):
    flow = apply()
    with monkeypatch.context() as patch:
        patch.setitem(client.application.config, "FOUR_EYES_ABOVE", Decimal(1000))
        assert flow.post(client, "approve", {**TERMS, "profitRate": 0.125}).status_code == 202
    browser.open(STAFF)
    browser.wait_for_text("Approve an application")
    browser.click(f"article:last-child a[href$='{flow.application['id']}']")
    browser.wait_for_text("Another officer has asked for this")
    browser.wait_for_text("$22,500.00")
    press(browser, "Approve", "details[open]")
    confirm(browser)
    browser.wait_for_text("Approved", ".tag")
    assert float(read(client, flow)["contract"]["profitRate"]) == 0.125


def test_an_officer_rejects_with_a_reason(browser, officer, client, apply):
    flow = apply()
    open_application(browser, flow)
    scope = open_step(browser, "Reject")
    type_into(browser, scope, reason="Papers are missing")
    press(browser, "Reject", "details[open] form")
    confirm(browser)
    browser.wait_for_text("Rejected", ".tag")
    browser.wait_for_text("Papers are missing")
    assert "Approve" not in browser.text()


def test_officers_do_not_decide_on_their_own_applications(browser, officer, sign_in, client, apply):
    flow = apply()
    own = ApplicationFlow(sign_in(user=officer), client, flow.application["vendorId"])
    open_application(browser, own)
    assert "another officer decides" in browser.text()
    assert browser.script("return document.querySelector('details')") is None


def test_filters_stay_after_a_reload_and_with_the_back_button(browser, officer, client, apply):
    pending, approved = apply().application, apply().approve().application
    browser.open(f"{STAFF}/applications")
    choose(browser, "status", "approved")
    browser.wait(lambda: pending["applicationNumber"] not in browser.text())
    assert browser.driver.current_url.endswith("/applications?status=approved")
    browser.driver.refresh()
    browser.wait_for_text(approved["applicationNumber"])
    browser.click(f"td a[href$='{approved['id']}']")
    browser.wait_for_text("Record the acquisition")
    browser.driver.back()
    browser.wait_for_text("1 of 1")
    assert browser.script("return document.querySelector('[name=status]').value") == "approved"
    browser.driver.back()
    browser.wait_for_text(pending["applicationNumber"])


def test_a_project_is_created_changed_and_closed(browser, officer, client):
    browser.open(f"{STAFF}/projects")
    scope = open_step(browser, "Create a project")
    press(browser, "Create a project", f"{scope} form")
    browser.wait(lambda: browser.text(".field .error"))
    type_into(browser, scope, name="A school", fundingGoal="5,000")
    choose(browser, "category", "education")
    press(browser, "Create a project", f"{scope} form")
    browser.wait_for_text("A school", "h1")
    path = f"{PROJECTS}/{browser.driver.current_url.rpartition('/')[2]}"
    scope = open_step(browser, "Edit")
    type_into(browser, scope, fundingGoal="6000")
    press(browser, "Edit", f"{scope} form")
    browser.wait_for_text("$6,000.00")
    open_step(browser, "Close the project")
    press(browser, "Close the project", "details[open] form")
    confirm(browser)
    browser.wait_for_text("Closed", ".tag")
    project = client.get(path).json
    assert (project["category"], project["fundingGoal"], project["active"]) == (
        "education", 6000, False,
    )  # fmt: skip


def test_an_offline_gift_is_recorded_paid_out_and_reversed(browser, officer, client, make_project):
    project = make_project()
    browser.open(f"{STAFF}/projects/{project}")
    scope = open_step(browser, "Record a gift received elsewhere")
    type_into(browser, scope, amount="400", reference="TRX-1", donorName="Aisha", message="For all")
    type_into(browser, scope, **{"dedication.name": "Maryam"})
    choose(browser, "dedication.kind", "in_memory")
    press(browser, "Record a gift", f"{scope} form")
    browser.wait_for_text("$400.00")
    scope = open_step(browser, "Record a payment from the fund")
    type_into(browser, scope, amount="500", recipient="Bait al-Hafr", purpose="Drilling")
    type_into(browser, scope, reference="PAY-1")
    press(browser, "Record a payment", f"{scope} form")
    browser.wait_for_text("The fund does not hold this amount", ".summary")
    type_into(browser, scope, amount="100")
    press(browser, "Record a payment", f"{scope} form")
    browser.wait_for_text("Bait al-Hafr")
    press(browser, "Reverse")
    browser.fill(reason="It came back")
    press(browser, "Reverse", "section form")
    confirm(browser)
    browser.wait_for_text("It came back")
    gift = client.get("/api/waqf/donations/all").json["data"][0]
    assert (gift["amount"], gift["donor"]["name"]) == (400, "Aisha")
    assert gift["dedication"] == {"kind": "in_memory", "name": "Maryam"}
    browser.open(f"{STAFF}/donations/{gift['id']}")
    open_step(browser, "Hide the message")
    press(browser, "Hide the message", "details[open] form")
    confirm(browser)
    browser.wait_for_text("Hidden message")
    scope = open_step(browser, "Reverse")
    type_into(browser, scope, reason="Recorded twice")
    press(browser, "Reverse", f"{scope} form")
    confirm(browser)
    browser.wait_for_text("Refunded", ".tag")
    assert "Recorded twice" in browser.text()


def test_donations_are_exported_as_they_are_filtered(browser, officer, client, make_project):
    project = make_project()
    gift = {"amount": 40, "method": "cash", "reference": "C-1", "receivedOn": today()}
    client.post(f"{PROJECTS}/{project}/offline-donations", json=gift)
    browser.open(f"{STAFF}/donations?channel=offline")
    browser.wait_for_text("$40.00")
    link = browser.script("return document.querySelector('.links a').href")
    assert link.endswith("/api/waqf/donations/all/export?channel=offline&format=csv")
    fetch = "const done = arguments[1]; fetch(arguments[0]).then((r) => r.text()).then(done)"
    assert "C-1" in browser.driver.execute_async_script(fetch, link)
    choose(browser, "channel", "stripe")
    browser.wait_for_text("Nothing here yet")


def test_vendors_are_created_and_changed(browser, officer, client):
    browser.open(f"{STAFF}/vendors")
    scope = open_step(browser, "Create a vendor")
    type_into(browser, scope, name="Bait al-Sayyarat", phone="+973 1700 0000")
    press(browser, "Create a vendor", f"{scope} form")
    browser.wait_for_text("1 of 1")
    press(browser, "Edit", "table")
    browser.click("section [name=active]")
    press(browser, "Edit", "section form")
    browser.wait_for_text("No", "tbody")
    vendor = client.get(VENDORS).json["data"][0]
    assert (vendor["name"], vendor["phone"], vendor["active"]) == (
        "Bait al-Sayyarat", "+973 1700 0000", False,
    )  # fmt: skip


@pytest.fixture
def exception(sql, client):
    """Return the id of an open exception about a payment of Stripe."""
    query = (
        "INSERT INTO payment_exceptions (id, kind, key, message, facts, created_at)"
        " VALUES (gen_random_uuid(), 'other', 'a', 'It has to be looked at', '{}', now())"
        " RETURNING id"
    )
    return str(sql(query)[0][0])


def test_an_exception_is_resolved_with_a_note(browser, officer, client, exception):
    browser.open(f"{STAFF}/exceptions?status=open")
    browser.click(f"td a[href$='{exception}']")
    browser.wait_for_text("Mark as handled")
    browser.fill(note="Answered in the dashboard")
    press(browser, "Mark as handled", "details[open] form")
    browser.wait_for_text("Handled", ".tag")
    assert client.get(f"/api/payments/exceptions/{exception}").json["note"] == (
        "Answered in the dashboard"
    )


@pytest.fixture
def pages(client, apply, make_project, exception):
    """Return the addresses of all pages, each with something to show."""
    flows, project = [apply(), apply().approve(), make_active(apply())], make_project()
    gift = {"amount": 40, "method": "cash", "reference": "C-1", "receivedOn": today()}
    gift = client.post(f"{PROJECTS}/{project}/offline-donations", json=gift).json["id"]
    return [
        STAFF, *(f"{STAFF}/{name}" for name in LISTS), f"{STAFF}/projects/{project}",
        f"{STAFF}/donations/{gift}", f"{STAFF}/exceptions/{exception}",
        *(f"{STAFF}/applications/{flow.application['id']}" for flow in flows),
    ]  # fmt: skip


def test_the_pages_of_staff_have_no_faults(browser, officer, pages):
    def check(page):
        """Open all steps, on a page that has loaded under its policy, with all its texts."""
        browser.assert_nothing_blocked_or_foreign()
        assert re.search(r"\bstaff-[a-z]", browser.text("body")) is None, page
        browser.script(OPEN_ALL)

    assert find_faults(browser, pages, check) == {}


def test_an_offer_is_withdrawn_with_a_reason(browser, officer, client, apply):
    flow = apply().approve()
    open_application(browser, flow)
    press(browser, "Withdraw the offer")
    browser.fill(reason="2 percent was meant")
    press(browser, "Withdraw the offer", "details[open] form")
    confirm(browser)
    browser.wait(lambda: read(client, flow)["status"] == "pending")
    browser.wait_for_text("2 percent was meant")


def test_goods_are_acquired_at_the_amount_of_the_invoice(browser, officer, client, apply):
    flow = apply().approve()
    open_application(browser, flow)
    browser.fill(invoice="INV-8", invoiceAmount="19000")
    press(browser, "Record the acquisition", "details[open]")
    browser.wait_for_text("Goods acquired", ".tag")
    contract = read(client, flow)["contract"]
    assert (contract["cost"], contract["sellingPrice"]) == (19000, 21850)


def test_due_dates_are_put_off_and_a_promise_is_recorded(browser, officer, client, apply):
    flow = make_active(apply())
    before = [row["dueDate"] for row in read(client, flow)["installments"]]
    open_application(browser, flow)
    scope = open_step(browser, "Put off due dates")
    type_into(browser, scope, months="2", reason="The client has lost their job")
    press(browser, "Put off due dates", "details[open] form")
    confirm(browser)
    browser.wait_for_text("The client has lost their job")
    after = [row["dueDate"] for row in read(client, flow)["installments"]]
    assert [day[:7] for day in after[:-2]] == [day[:7] for day in before[2:]]
    scope = open_step(browser, "Record a promise to pay")
    type_into(browser, scope, promisedOn=after[0], note="By telephone")
    press(browser, "Record a promise to pay", "details[open] form")
    browser.wait(lambda: client.get(f"{flow.path}/promises").json["data"])


def test_a_settlement_is_taken_back_and_an_instalment_waived(browser, officer, client, apply):
    flow = make_active(apply())
    before = read(client, flow)["installments"]
    assert client.post(f"{flow.path}/settle", json={}).status_code == 200
    open_application(browser, flow)
    scope = open_step(browser, "Take the settlement back")
    type_into(browser, scope, reason="A slip")
    press(browser, "Take the settlement back", "details[open] form")
    confirm(browser)
    browser.wait(lambda: read(client, flow)["installments"] == before)
    browser.wait_for_text("Settlement taken back")
    scope = open_step(browser, "Waive instalment 1 as charity")
    type_into(browser, scope, reason="Hardship")
    press(browser, "Waive instalment 1 as charity", "details[open] form")
    confirm(browser)
    browser.wait(lambda: read(client, flow)["installments"][0]["status"] == "waived")
