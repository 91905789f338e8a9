"""The pages of admins in a real browser."""

from datetime import UTC, datetime

import pytest

from app import clock
from app.database.base import db
from app.jobs.models import JobRun

from ..support.accessibility import find_faults
from ..support.assertions import read_json
from ..support.waqf import PROJECTS

PAGES = [
    "/dashboard/admin", "/dashboard/admin/users", "/dashboard/admin/prices",
    "/dashboard/admin/payouts", "/dashboard/admin/audit", "/dashboard/admin/jobs",
]  # fmt: skip


@pytest.fixture
def admin(make_user):
    return make_user("admin", name="Maryam al-Admin")


@pytest.fixture
def gifts(sign_in, make_project):
    """Record a gift of today to each of two projects, which the report shows."""
    officer, today = sign_in("officer"), datetime.now(UTC).date().isoformat()
    for index in (1, 2):
        gift = {"amount": 40 * index, "method": "cheque", "receivedOn": today}
        path = f"{PROJECTS}/{make_project()}/offline-donations"
        assert officer.post(path, json={**gift, "reference": f"C-{index}"}).status_code == 201


def choose(browser, name, value, within="main"):
    """Choose ``value`` in a select."""
    browser.script(
        "const select = document.querySelector(`${arguments[2]} select[name='${arguments[0]}']`)"
        " || document.querySelector(`${arguments[2]} select`);"
        "select.value = arguments[1];"
        "select.dispatchEvent(new Event('change', {bubbles: true}))",
        name, value, within,
    )  # fmt: skip


def test_the_pages_have_no_faults(browser, admin, gifts, publish_prices):
    for silver in ("1.50", "1.55"):
        publish_prices(silver=silver, effective_at=datetime.now(UTC))
    browser.sign_in(admin)
    for page in PAGES:
        browser.open(page)
        browser.assert_nothing_blocked_or_foreign()
    assert browser.errors() == []
    assert find_faults(browser, PAGES) == {}


def test_only_admins_see_the_pages(browser, make_user):
    browser.sign_in(make_user("officer"))
    browser.open("/dashboard/admin")
    assert browser.text("h1") == "Page not found"
    browser.driver.delete_all_cookies()
    browser.driver.get(f"{browser.address}/dashboard/admin/users")
    browser.wait_for_text("Sign in", "h1")
    assert "next=%2Fdashboard%2Fadmin%2Fusers" in browser.driver.current_url


@pytest.mark.parametrize(
    ("language", "published"),
    [("en", "The prices are published."), ("ar", "تم نشر الأسعار.")],
)
def test_an_admin_publishes_a_price_and_reads_the_audit(  # noqa: PLR0917 (fixtures)
    browser, admin, publish_prices, client, language, published
):
    publish_prices(effective_at=datetime.now(UTC))
    browser.sign_in(admin)
    browser.open("/dashboard/admin/prices", language)
    browser.fill(goldPricePerGram="131.50", silverPricePerGram="1.6")
    browser.click("form button[type=submit]")
    browser.wait_for_text("130.25 USD → 131.50 USD", "dialog[open]")
    browser.confirm()
    browser.wait_for_text(published, ".toasts")
    nisab = read_json(client.get("/api/zakat/nisab?currency=USD"))
    assert str(nisab["gold"]["pricePerGram"]) == "131.5"
    browser.open("/dashboard/admin/audit", language)
    row = browser.text("tbody tr")
    assert "Maryam al-Admin" in row
    assert "131.5" in row


def test_a_price_that_was_a_slip_is_withdrawn(browser, admin, publish_prices, client):
    publish_prices(effective_at=datetime.now(UTC))
    publish_prices(gold="13025", effective_at=datetime.now(UTC))
    browser.sign_in(admin)
    browser.open("/dashboard/admin/prices")
    assert "In force" in browser.text("tbody tr:first-child")
    browser.click("tbody tr:first-child button")
    browser.confirm()
    browser.wait_for_text("Withdrawn", "tbody tr:first-child")
    assert "In force" in browser.text("tbody tr:nth-child(2)")
    nisab = read_json(client.get("/api/zakat/nisab?currency=USD"))
    assert str(nisab["gold"]["pricePerGram"]) == "130.25"


def test_a_wrong_price_is_shown_beside_its_field(browser, admin):
    browser.sign_in(admin)
    browser.open("/dashboard/admin/prices")
    browser.fill(goldPricePerGram="much", silverPricePerGram="1.6")
    browser.click("form button[type=submit]")
    browser.confirm()
    browser.wait(lambda: browser.text(".field .error"))
    assert (
        browser.script("return document.querySelector('[name=silverPricePerGram]').value") == "1.6"
    )


def test_an_admin_finds_a_user_changes_the_role_and_hands_over_a_link(
    browser, admin, make_user, sql
):
    make_user("user", name="Zaynab bint Jahsh")
    browser.sign_in(admin)
    browser.open("/dashboard/admin/users")
    browser.fill(search="zaynab\t")
    browser.wait(lambda: browser.text("tbody").count("@") == 1)
    choose(browser, "none", "officer", "tbody")
    browser.wait_for_text("Give Zaynab bint Jahsh the role “Officer”", "dialog[open]")
    browser.confirm()
    browser.wait_for_text("The account is changed.", ".toasts")
    assert ("officer", "Zaynab bint Jahsh") in sql("SELECT role, name FROM users")
    browser.wait_until_loaded()
    browser.click("tbody button")
    browser.confirm()
    link = "return document.querySelector('dialog[open] input')?.value || ''"
    browser.wait(lambda: "/reset-password#token=" in browser.script(link))


def test_the_overview_shows_what_was_raised(browser, admin, gifts):
    browser.sign_in(admin)
    browser.open("/dashboard/admin")
    assert "$120.00" in browser.text(".figures")
    assert browser.script("return document.querySelectorAll('svg.tall rect').length") == 2


def test_a_job_that_failed_says_why(browser, admin, app):
    with app.app_context():
        run = {"started_at": clock.now(), "duration": 1, "outcome": "failed"}
        JobRun.insert(name="prune", job_id=None, error="The file storage does not respond.", **run)
        db.session.commit()
    browser.sign_in(admin)
    browser.open("/dashboard/admin/jobs")
    assert "The file storage does not respond." in browser.text("table")
    assert "No worker is running" in browser.text(".banner.warning")
