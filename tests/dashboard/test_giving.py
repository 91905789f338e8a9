"""Giving in a real browser: as a guest and signed in, the receipt, and each way it can fail."""

import pytest
from selenium.webdriver.support.ui import Select

from app.waqf.models import Donation

from ..support.accessibility import find_faults
from ..support.assertions import read_json
from ..support.pdf import pdf_text
from ..support.waqf import DONATIONS, get_intent_id

MARIAM = {"donor__name": "Mariam al-Ijliya", "donor__email": "mariam@example.org"}
DECLINED = "pm_card_visa_chargeDeclined"
AT_THE_BANK = "pm_card_authenticationRequired"
FINAL = {"en": "Thank you", "ar": "جزاك الله خيرًا"}
LIMITS = dict.fromkeys(("RATELIMIT_DONATIONS", "RATELIMIT_GUEST_DONATIONS"), "1000000 per hour")
# The first response of a gift is lost on the way, after the service has acted.
LOSE_RESPONSE = """
const send = window.fetch;
window.fetch = async (address, init) => {
  const response = await send(address, init);
  if (init?.method !== "POST" || window.isLost) return response;
  window.isLost = true;
  throw new TypeError("Failed to fetch");
};
"""
# What the page uses of Stripe's library; the first confirmation is declined.
STRIPE = """
window.Stripe = (key, options) => {
  window.stripe = {key, ...options, attempts: 0};
  const form = () => Object.assign(document.createElement("p"), {textContent: "Stripe's form"});
  return {
    elements: ({clientSecret}) => ({
      create: (kind) => ({
        mount(box) {
          box.append(form());
          window.stripe.form = [kind, clientSecret];
        },
      }),
    }),
    retrievePaymentIntent: async () => ({paymentIntent: {status: "requires_payment_method"}}),
    confirmPayment: async () =>
      ++window.stripe.attempts === 1
        ? {error: {type: "card_error", message: "Your card was declined."}}
        : {paymentIntent: {status: "succeeded", next_action: null}},
  };
};
"""


def environment_of(stripe_settings, **environment):
    """Return a server's environment: it uses the stand-in for Stripe, and has no low limits."""
    return {
        **{name.upper(): value for name, value in stripe_settings.items()},
        **LIMITS,
        **environment,
    }


@pytest.fixture(scope="module")
def plain_server(make_server, stripe_settings):
    """Return a server without a publishable key: its pages pay with test cards."""
    return make_server(**environment_of(stripe_settings))


@pytest.fixture(scope="module")
def window(plain_server):
    """Return a browser on that server, shared by the module."""
    from ..support.browser import Browser

    browser = Browser(f"http://127.0.0.1:{plain_server.port}")
    yield browser
    browser.quit()


@pytest.fixture
def project(make_project, stripe_server):
    """Return the id of a project, while the stand-in for Stripe has no objects."""
    return make_project(funding_goal="5000")


@pytest.fixture
def give(browser, project):
    """Return a function that opens the page, fills it in, and sends it unless ``send`` is false."""

    def fill_in(language="en", card="pm_card_visa", send=True, **values):
        browser.open(f"/dashboard/projects/{project}/give", language)
        browser.fill(amount="25.50", **values)
        choose(browser, card)
        if send:
            browser.click("form button[type=submit]")

    return fill_in


@pytest.fixture
def happen(browser, project, stripe_server, deliver_all):
    """Return a function that lets an act of the stand-in happen to the gift that is on the page."""

    def act(name, *arguments):
        donation = browser.script(
            "return JSON.parse(sessionStorage.give)[arguments[0]].donation", project
        )
        deliver_all(*getattr(stripe_server, name)(get_intent_id(donation), *arguments))

    return act


def choose(browser, card):
    Select(browser.driver.find_element("name", "paymentMethodId")).select_by_value(card)


def value_of(browser, name):
    return browser.driver.find_element("name", name).get_attribute("value")


def receipt_of(browser, client):
    """Return the response to the link of the receipt."""
    browser.wait(lambda: browser.script("return !!document.querySelector('main a[download]')"))
    link = browser.script("return document.querySelector('main a[download]').href")
    return client.get(link.removeprefix(browser.address))


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_guest_gives_and_downloads_the_receipt(browser, project, client, language):
    browser.open("/dashboard", language)
    browser.click(f"a.give[href$='{project}/give']")
    browser.wait(lambda: browser.script("return !!document.querySelector('.chips')"))
    browser.wait_until_loaded()
    browser.click(".chips button")
    assert value_of(browser, "amount") == "10"
    browser.fill(message="For my parents", **MARIAM)
    Select(browser.driver.find_element("name", "dedication.kind")).select_by_value("in_memory")
    browser.wait(lambda: browser.driver.find_elements("name", "dedication.name"))
    browser.fill(dedication__name="Zaynab")
    browser.click("form button[type=submit]")
    browser.wait_for_text(FINAL[language], "h1")
    browser.assert_nothing_blocked_or_foreign()
    assert browser.errors() == []
    receipt = receipt_of(browser, client)
    assert (receipt.status_code, receipt.mimetype) == (200, "application/pdf")
    assert language in receipt.headers["Content-Language"]
    (gift,) = read_json(client.get(f"/api/waqf/projects/{project}/donations"))["data"]
    assert (gift["amount"], gift["donorName"]) == (10, "Mariam al-Ijliya")
    assert (gift["dedication"], gift["message"]) == (
        {"kind": "in_memory", "name": "Zaynab"},
        "For my parents",
    )


def test_a_donor_gives_signed_in_and_downloads_the_receipt(browser, give, sign_in, make_user):
    donor = make_user("user", name="Aisha")
    browser.sign_in(donor)
    give(send=False)
    assert "You give as Aisha" in browser.text()
    browser.click("[name=isAnonymous]")
    browser.click("form button[type=submit]")
    browser.wait_for_text("Your gift of $25.50 to A well has arrived.")
    own = sign_in(user=donor)
    assert "Aisha" in pdf_text(receipt_of(browser, own))
    (donation,) = read_json(own.get(DONATIONS))["data"]
    assert (donation["isAnonymous"], donation["receiptNumber"]) == (True, browser_receipt(browser))


def browser_receipt(browser):
    return browser.text("main a[download]").split()[-1]


def test_a_declined_card_is_replaced_by_another_and_nothing_typed_is_lost(browser, give, count):
    give(card=DECLINED, message="For my parents", **MARIAM)
    browser.wait_for_text("declined", ".summary")
    assert "Nothing was charged." in browser.text()
    assert value_of(browser, "amount") == "25.50"
    assert value_of(browser, "message") == "For my parents"
    choose(browser, "pm_card_visa_chargeDeclinedInsufficientFunds")
    browser.click("form button[type=submit]")
    browser.wait_for_text("nsufficient", ".summary")
    choose(browser, "pm_card_visa")
    browser.click("form button[type=submit]")
    browser.wait_for_text("Thank you", "h1")
    assert count(Donation) == 3  # two have failed


def test_errors_stand_beside_their_fields(browser, give):
    give(donor__name="Mariam", donor__email="mariam")
    browser.wait(lambda: browser.text(".summary"))
    beside = "return document.querySelector(`[name='${arguments[0]}']`).closest('.field').innerText"
    assert "Must be an e-mail address." in browser.script(beside, "donor.email")
    browser.fill(amount="1.234", donor__email="mariam@example.org")
    browser.click("form button[type=submit]")
    browser.wait(lambda: "decimal" in browser.script(beside, "amount"))


@pytest.mark.parametrize("is_guest", [True, False])
def test_a_payment_that_waits_is_followed_until_it_arrives(
    browser, give, happen, make_user, is_guest
):
    if not is_guest:
        browser.sign_in(make_user("user"))
    give(card=AT_THE_BANK, **(MARIAM if is_guest else {}))
    browser.wait_for_text("Waiting for the payment", "h1")
    assert "Your bank asks you to confirm" in browser.text()
    browser.driver.refresh()
    browser.wait_for_text("Waiting for the payment", "h1")
    happen("succeed")
    browser.wait_for_text("Thank you", "h1")
    browser.driver.refresh()
    browser.wait_for_text("Thank you", "h1")
    assert browser.text("main a[download]").startswith("Receipt (PDF)")


def test_a_voucher_says_how_to_pay_and_the_gift_can_be_cancelled(browser, give, happen, make_user):
    browser.sign_in(make_user("user"))
    give(card=AT_THE_BANK)
    browser.wait_for_text("Waiting for the payment", "h1")
    happen("require_action", "boleto")
    browser.wait_for_text("Pay as Stripe’s instructions say.")
    browser.click(".giving button.secondary")
    browser.click("dialog[open] footer button:last-child")
    browser.wait_for_text("The gift is cancelled", "h1")
    browser.click(".giving button")
    browser.wait(lambda: value_of(browser, "amount") == "25.50")


def test_a_voucher_that_expires_says_so(browser, give, happen, make_user):
    browser.sign_in(make_user("user"))
    give(card=AT_THE_BANK)
    browser.wait_for_text("Waiting for the payment", "h1")
    happen("require_action", "boleto")
    happen("expire")
    browser.wait_for_text("The payment failed", "h1")
    assert "Nothing was charged." in browser.text()


def test_a_guest_starts_again_without_a_second_use_of_the_key(browser, give, count):
    give(card=AT_THE_BANK, **MARIAM)
    browser.wait_for_text("Waiting for the payment", "h1")
    browser.click(".giving button.secondary")
    browser.click("dialog[open] footer button:last-child")
    browser.wait(lambda: browser.script("return !!document.querySelector('.chips')"))
    choose(browser, "pm_card_visa")
    browser.click("form button[type=submit]")
    browser.wait_for_text("Thank you", "h1")
    assert count(Donation) == 2


def test_a_goal_that_is_met_meanwhile_leads_to_other_projects(browser, give, project, sign_in):
    give(send=False, **MARIAM)
    gift = {"projectId": project, "amount": 5000, "paymentMethodId": "pm_card_visa"}
    assert sign_in().post(DONATIONS, json=gift).status_code == 201
    browser.click("form button[type=submit]")
    browser.wait_for_text("goal already met", ".summary")
    assert "Choose another project" in browser.text("form")
    assert value_of(browser, "donor.name") == "Mariam al-Ijliya"
    browser.command("Network.clearBrowserCache")
    browser.driver.refresh()
    browser.wait_for_text("This project has met its goal")


def test_a_project_that_is_closed_takes_no_gifts(browser, give, project, sign_in):
    give(send=False, **MARIAM)
    closing = sign_in("officer").patch(f"/api/waqf/projects/{project}", json={"active": False})
    assert closing.status_code == 200
    browser.click("form button[type=submit]")
    browser.wait_for_text("not accepting donations", ".summary")
    browser.command("Network.clearBrowserCache")
    browser.driver.refresh()
    browser.wait_for_text("This project takes no gifts")
    assert browser.script("return document.querySelector('form')") is None


def test_a_gift_whose_answer_was_lost_is_sent_again_and_made_once(browser, give, count):
    give(send=False, **MARIAM)
    browser.script(LOSE_RESPONSE)
    browser.click("form button[type=submit]")
    browser.wait_for_text("cannot be reached", ".summary")
    assert "made only once" in browser.text("form")
    browser.click("form button[type=submit]")
    browser.wait_for_text("Thank you", "h1")
    assert count(Donation) == 1


def test_a_page_that_is_loaded_again_midway_sends_the_same_gift(browser, give, count):
    give(send=False, **MARIAM)
    browser.script(LOSE_RESPONSE)
    browser.click("form button[type=submit]")
    browser.wait_for_text("cannot be reached", ".summary")
    browser.driver.refresh()
    browser.wait_for_text("made only once", "form")
    assert value_of(browser, "donor.email") == "mariam@example.org"
    browser.click("form button[type=submit]")
    browser.wait_for_text("Thank you", "h1")
    assert count(Donation) == 1
    browser.click(".giving button.secondary")  # another one is another one
    browser.wait(lambda: browser.script("return !!document.querySelector('.chips')"))
    browser.click("form button[type=submit]")
    browser.wait_for_text("Thank you", "h1")
    assert count(Donation) == 2


def test_a_double_click_makes_one_gift(browser, give, count):
    give(send=False, **MARIAM)
    browser.script(
        "const button = document.querySelector('form button[type=submit]');"
        "button.click(); button.click()"
    )
    browser.wait_for_text("Thank you", "h1")
    assert count(Donation) == 1


def test_signing_out_leaves_nothing_of_a_gift(browser, give, make_user):
    browser.sign_in(make_user("user"))
    give(send=False)
    browser.click(".account button")
    browser.wait_for_text("Sign in", ".account")
    assert browser.script("return sessionStorage.give ?? null") is None


def test_the_pages_of_giving_have_no_accessibility_violations(browser, project):
    def finish(_):
        browser.fill(amount="10", **MARIAM)
        browser.click("form button[type=submit]")
        browser.wait(lambda: browser.script("return !!document.querySelector('main a[download]')"))

    def wait_for_bank(_):
        browser.fill(amount="10", **MARIAM)
        choose(browser, AT_THE_BANK)
        browser.click("form button[type=submit]")
        browser.wait(lambda: browser.script("return !!document.querySelector('dialog')"))

    page = f"/dashboard/projects/{project}/give"
    for prepare in (lambda _: None, finish, wait_for_bank):
        assert find_faults(browser, [page], prepare) == {}


# With a publishable key


@pytest.fixture
def stripe_page(browser, project, make_server, stripe_settings):
    """Return a function that opens the page at a server with a publishable key."""
    server = make_server(**environment_of(stripe_settings, STRIPE_PUBLISHABLE_KEY="pk_test_suite"))
    plain, browser.address = browser.address, f"http://127.0.0.1:{server.port}"
    yield lambda: browser.open(f"/dashboard/projects/{project}/give")
    browser.address = plain
    server.stop()


def test_with_a_publishable_key_the_gift_is_paid_by_stripes_form(
    browser, project, stripe_page, happen, client
):
    added = browser.command("Page.addScriptToEvaluateOnNewDocument", source=STRIPE)
    stripe_page()
    assert "Stripe’s form" in browser.text("form")
    assert browser.script("return document.querySelector('[name=paymentMethodId]')") is None
    browser.fill(amount="25", **MARIAM)
    browser.click("form button[type=submit]")
    browser.wait_for_text("Stripe's form", ".giving form")
    kind, secret = browser.script("return window.stripe.form")
    assert (kind, "_secret_" in secret) == ("payment", True)
    browser.click(".giving form button[type=submit]")
    browser.wait_for_text("Your card was declined.", ".summary")
    browser.click(".giving form button[type=submit]")
    browser.wait_for_text("Waiting for the payment", "h1")
    happen("succeed")
    browser.wait_for_text("Thank you", "h1")
    assert "Mariam" in pdf_text(receipt_of(browser, client))
    browser.assert_nothing_blocked_or_foreign()
    browser.command("Page.removeScriptToEvaluateOnNewDocument", **added)


def test_stripes_library_is_loaded_for_a_payment_only(browser, stripe_page):
    stripe_page()
    browser.assert_nothing_blocked_or_foreign()
    browser.command("Network.enable")
    browser.command("Network.setBlockedURLs", urls=["*://js.stripe.com/*"])
    browser.fill(amount="25", **MARIAM)
    browser.click("form button[type=submit]")
    browser.wait_for_text("cannot be reached", ".summary")
    assert "Try again" in browser.text(".summary")
    assert browser.script("return window.violations") == []  # the policy lets it pass
    browser.command("Network.setBlockedURLs", urls=[])
