"""What happens to donations, applications and payments is mailed once, in its own transaction."""

import io

import pytest
from pypdf import PdfReader

from app.jobs import queue
from app.murabaha.jobs import remind_clients
from app.zakat.jobs import remind_of_hawls

from ..support.murabaha import APPLICATIONS, CAR, VENDORS, ApplicationFlow, cash
from ..support.payments import create_exception
from ..support.waqf import DONATIONS, PROJECTS, WaqfFlow

CALCULATIONS = "/api/zakat/calculations"
CHEQUE = {"amount": 250, "method": "cheque", "reference": "C-1", "receivedOn": "2026-01-20"}


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return WaqfFlow(sign_in, stripe_server, deliver)


@pytest.fixture
def make_application(sign_in):
    """Return a function that creates an application; its owner and officer are its attributes."""
    officer = sign_in("officer")
    vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
    return lambda **values: ApplicationFlow(sign_in(), officer, vendor, **values)


@pytest.fixture
def mails_of(outbox, sql):
    """Return a function that lists the kinds of a user's mails with one of their facts."""
    query = "SELECT kind, facts FROM mails WHERE user_id = %s ORDER BY id"
    return lambda client: [(kind, facts) for kind, facts in sql(query, client.user.id)]


@pytest.fixture
def run(app):
    """Return a function that runs a job."""

    def run_job(job):
        with app.app_context():
            queue.run("a job", job)

    return run_job


@pytest.fixture
def prices(publish_prices):
    publish_prices()


def kinds(mails):
    return [kind for kind, _ in mails]


def pdf_text(message):
    (attachment,) = message.iter_attachments()
    assert attachment.get_content_type() == "application/pdf"
    pages = PdfReader(io.BytesIO(attachment.get_content())).pages
    return "\n".join(page.extract_text() for page in pages)


# Donations


def test_a_donation_is_mailed_with_its_receipt_once_it_is_paid(outbox, waqf, sign_in, mails_of):
    donor, project = sign_in(), waqf.create_project()
    donation = waqf.create_donation(donor, project)
    assert mails_of(donor) == []
    intent = donation["payment"]["clientSecret"].partition("_secret_")[0]
    events = waqf.stripe.succeed(intent)
    for _ in range(2):
        waqf.deliver_events(events)
    assert kinds(mails_of(donor)) == ["receipt"]
    outbox.deliver()
    (message,) = outbox.server.messages
    number = donor.get(f"{DONATIONS}/{donation['id']}").json["receiptNumber"]
    assert message["Subject"] == f"Receipt {number}"
    assert number in pdf_text(message)
    assert "USD 25.00" in message.get_body(("plain",)).get_content()


def test_the_receipt_is_that_of_its_day_and_says_what_has_happened_since(
    outbox, waqf, sign_in, mails_of
):
    donor, project = sign_in(), waqf.create_project(name="A well in Tarim")
    donation = waqf.create_paid_donation(donor, project)
    waqf.officer.patch(f"{PROJECTS}/{project['id']}", json={"name": "Another name"})
    sign_in("admin").post(f"{DONATIONS}/{donation['id']}/refund", json={"amount": 10})
    outbox.deliver()
    text = pdf_text(outbox.server.messages[0])
    assert "A well in Tarim" in text
    assert "Another name" not in text
    assert "Refunded" in text


def test_a_card_that_is_charged_at_once_is_mailed_too(waqf, sign_in, mails_of):
    donor, project = sign_in(), waqf.create_project()
    response = waqf.post_donation(donor, project, paymentMethodId="pm_card_visa")
    assert response.json["status"] == "succeeded"
    assert kinds(mails_of(donor)) == ["receipt"]


def test_a_pledge_sends_nothing_and_needs_no_more_statements(waqf, sign_in, statements, mails_of):
    donor, project = sign_in(), waqf.create_project()
    waqf.create_donation(donor, project)
    with statements() as sent:
        waqf.create_donation(donor, project)
    assert not [statement for statement in sent if "mails" in str(statement)]
    assert len(sent) == 2
    assert mails_of(donor) == []


def test_each_refund_is_mailed_once(outbox, waqf, sign_in, mails_of):
    donor, project = sign_in(), waqf.create_project()
    donation = waqf.create_paid_donation(donor, project)
    path = f"{DONATIONS}/{donation['id']}/refund"
    admin = sign_in("admin")
    for amount in (10, 5):
        assert admin.post(path, json={"amount": amount}).status_code == 200
    waqf.deliver_events(waqf.stripe.refund(donation["intent"], 300))
    refunds = [facts["amount"] for kind, facts in mails_of(donor) if kind == "refund"]
    assert refunds == [10, 5, 3]
    outbox.deliver()
    assert [message["Subject"] for message in outbox.server.messages] == [
        "Receipt R-2026-000001", "Refund of USD 10.00", "Refund of USD 5.00", "Refund of USD 3.00",
    ]  # fmt: skip


def test_an_offline_donor_without_an_account_gets_the_receipt(outbox, waqf):
    project = waqf.create_project()
    path = f"{PROJECTS}/{project['id']}/offline-donations"
    donor = {"donorName": "Maryam", "donorEmail": "maryam@example.org"}
    assert waqf.officer.post(path, json={**CHEQUE, **donor}).status_code == 201
    body = {**CHEQUE, "reference": "C-2"}
    assert waqf.officer.post(path, json=body).status_code == 201  # without an address
    outbox.deliver()
    assert outbox.server.recipients == [["maryam@example.org"]]
    assert "Maryam" in pdf_text(outbox.server.messages[0])


# Applications


def test_an_application_is_confirmed_and_staff_get_a_mail(make_application, sign_in, mails_of):
    other, admin = sign_in("officer"), sign_in("admin")
    case = make_application()
    assert kinds(mails_of(case.owner)) == ["application_received"]
    for person in (case.officer, other, admin):
        assert kinds(mails_of(person)) == ["new_application"]


def test_staff_get_no_mail_about_their_own_application(make_application, mails_of, sign_in):
    case = make_application()
    vendor = case.application["vendorId"]
    applicant = sign_in("officer")
    response = applicant.post(APPLICATIONS, json={"vendorId": vendor, **CAR})
    assert response.status_code == 201
    assert kinds(mails_of(applicant)) == ["application_received"]


def test_a_refused_application_sends_nothing(make_application, mails_of, sign_in):
    person = sign_in()
    response = person.post(
        "/api/murabaha/applications", json={"vendorId": str(person.user.id), **CAR}
    )
    assert response.status_code == 404
    assert mails_of(person) == []


def test_an_approval_is_mailed_with_price_and_end(outbox, make_application, mails_of):
    case = make_application().approve()
    (_, facts) = mails_of(case.owner)[-1]
    assert (facts["outcome"], facts["amount"]) == ("approved", 23000)
    outbox.deliver()
    plain = outbox.server.messages[-1].get_body(("plain",)).get_content()
    assert "USD 23,000.00" in plain
    assert "25 February 2026, 09:30 (UTC)" in plain


def test_a_rejection_is_mailed_with_its_reason(outbox, make_application, mails_of):
    case = make_application()
    case.perform(case.officer, "reject", {"reason": "The vendor does not sell cars."})
    assert kinds(mails_of(case.owner)) == ["application_received", "decision"]
    outbox.deliver()
    plain = outbox.server.messages[-1].get_body(("plain",)).get_content()
    assert "The vendor does not sell cars." in plain


# Staff


@pytest.mark.parametrize("role", ["officer", "admin"])
def test_a_dispute_is_mailed_to_each_of_staff_once(waqf, sign_in, mails_of, role):
    person, donor = sign_in(role), sign_in()
    donation = waqf.create_paid_donation(donor, waqf.create_project())
    events = waqf.stripe.dispute(donation["intent"])
    for _ in range(2):
        waqf.deliver_events(events)
    assert kinds(mails_of(person)) == kinds(mails_of(waqf.officer)) == ["dispute"]
    assert kinds(mails_of(donor)) == ["receipt"]


def test_another_exception_is_mailed_to_staff(app, sign_in, mails_of):
    officer = sign_in("officer")
    create_exception(app, "The refund of USD 5.00 is failed.", kind="refund_failed")
    ((kind, facts),) = mails_of(officer)
    assert (kind, facts["message"]) == ("payment_exception", "The refund of USD 5.00 is failed.")


# Reminders


def test_an_offer_that_ends_soon_is_mailed_once_for_each_offer(
    make_application, mails_of, run, later
):
    case = make_application().approve()
    for days, reminders in ((26, 0), (1, 1), (1, 1), (1, 1), (3, 1)):
        later(24 * days + (1 if days == 26 else 0))
        run(remind_clients)
        assert kinds(mails_of(case.owner)).count("offer_expiring") == reminders, days


def test_instalments_are_mailed_before_they_are_due_and_once_they_are_overdue(
    make_application, mails_of, run, later
):
    case = make_application().approve(downPayment=0).acquire()
    case.accept(firstDueOn="2026-02-26")

    def reminders():
        return [
            (kind, facts["number"], facts["due_on"])
            for kind, facts in mails_of(case.owner)
            if kind.startswith("installment")
        ]

    later(24 * 23)  # the 18th of February: 8 days before
    run(remind_clients)
    assert reminders() == []
    for _ in range(2):
        later(24)
        run(remind_clients)
        assert reminders() == [("installment_due", 1, "2026-02-26")]
    later(24 * 13)  # the 5th of March: the last day of grace
    run(remind_clients)
    assert len(reminders()) == 1
    for _ in range(2):
        later(24)
        run(remind_clients)
        assert reminders()[1:] == [("installment_overdue", 1, "2026-02-26")]


def test_a_paid_instalment_is_not_mailed_and_a_part_is_what_is_left(
    make_application, mails_of, run, later
):
    case = make_application().approve(downPayment=0).acquire()
    case.accept(firstDueOn="2026-02-26")
    case.perform(case.officer, "installments/1/record", cash("1916.67"))
    case.perform(case.officer, "installments/2/record", cash(1000))
    later(24 * 28)
    run(remind_clients)
    assert "installment_due" not in kinds(mails_of(case.owner))
    later(24 * 28)
    run(remind_clients)
    facts = mails_of(case.owner)[-1][1]
    assert (facts["number"], str(facts["amount"])) == (2, "916.67")


def test_what_an_early_settlement_makes_due_is_one_mail(make_application, mails_of, run):
    case = make_application().approve(downPayment=0).acquire()
    case.accept(firstDueOn="2026-02-26")
    case.perform(case.officer, "settle", {})
    run(remind_clients)
    due = [facts for kind, facts in mails_of(case.owner) if kind == "installment_due"]
    assert [(facts["number"], facts["amount"]) for facts in due] == [("1–12", 23000)]


@pytest.mark.usefixtures("prices")
def test_a_completed_hawl_is_mailed_once_for_its_day(sign_in, mails_of, run, set_clock, later):
    person, late = sign_in(), sign_in()
    body = {"assets": [{"category": "cash", "amount": 20000}], "hawlStartedOn": "2025-03-01"}

    def calculate(client):
        response = client.post(CALCULATIONS, json=body)
        assert response.status_code == 201, response.json
        assert response.json["hawlCompletesOn"] == "2026-02-18"

    calculate(person)
    calculate(person)
    set_clock("2026-02-17T12:00:00")
    run(remind_of_hawls)
    assert mails_of(person) == []
    later(24)
    calculate(late)  # it says itself that the hawl is completed
    for _ in range(2):
        run(remind_of_hawls)
        later(24)
    assert mails_of(person) == [("hawl_completed", {"completed_on": "2026-02-18"})]
    assert mails_of(late) == []


def test_an_old_hawl_is_not_reported_when_the_job_runs_for_the_first_time(
    sign_in, mails_of, run, set_clock, prices
):
    person = sign_in()
    body = {"assets": [{"category": "cash", "amount": 20000}], "hawlStartedOn": "2025-03-01"}
    assert person.post(CALCULATIONS, json=body).status_code == 201
    set_clock("2026-06-01T12:00:00")
    run(remind_of_hawls)
    assert mails_of(person) == []
