"""An integration suite: a financing of a year, from the application to the last instalment.

Run it with pytest against a service of your own; ``API_URL`` is its address.
"""

import os
from datetime import datetime, timedelta

import requests

API = os.environ.get("API_URL", "http://127.0.0.1:8000") + "/api"


class Client:
    """A user of the service, who signs in again when the clock has ended the session."""

    def __init__(self, email, password):
        self.credentials, self.http = {"email": email, "password": password}, requests.Session()

    def sign_in(self):
        tokens = call(self.http, "POST", "/auth/login", self.credentials)
        self.http.headers["Authorization"] = f"Bearer {tokens['accessToken']}"

    def get(self, path):
        return call(self.http, "GET", path)

    def post(self, path, **body):
        return call(self.http, "POST", path, body)


def call(http, method, path, body=None):
    response = http.request(method, API + path, json=body, timeout=30)
    assert response.ok, response.text
    return response.json()


def reset():
    """Bring the service back to the demo data; return its accounts by role."""
    accounts = call(requests, "POST", "/dev/reset")["accounts"]
    return {each["role"]: Client(each["email"], each["password"]) for each in accounts}


def move_clock(day):
    """Move the service's clock to noon of a day."""
    call(requests, "POST", "/dev/clock", {"now": f"{day}T12:00:00Z"})


def let_payment(payment, act):
    """Let the bank ``succeed``, ``decline``, ``dispute``, ``refund`` or ``expire`` a payment."""
    return call(requests, "POST", f"/dev/payments/{payment['id']}/{act}")


def test_a_financing_lives_through_its_year():
    accounts = reset()
    buyer, officer = accounts["user"], accounts["officer"]
    buyer.sign_in()
    officer.sign_in()
    vendor = buyer.get("/murabaha/vendors")["data"][0]
    wish = {"vendorId": vendor["id"], "itemDescription": "A sewing machine"}
    path = buyer.post("/murabaha/applications", **wish, requestedAmount=1200, termMonths=12)["id"]
    path = f"/murabaha/applications/{path}"
    officer.post(f"{path}/approve", cost=1200, profitRate=0.05, termMonths=12)
    today = call(requests, "POST", "/dev/clock", {"advanceSeconds": 0})["now"][:10]
    officer.post(f"{path}/acquire", acquiredOn=today, invoice="INV-1")
    financing = buyer.post(f"{path}/accept")
    assert [each["status"] for each in financing["installments"]] == ["pending"] * 12

    for installment in financing["installments"]:
        number, due = installment["number"], installment["dueDate"]
        move_clock(due)
        buyer.sign_in()
        if number == 3:
            payment = buyer.post(f"{path}/installments/3/pay")
            assert let_payment(payment, "decline")["status"] == "failed"
        if number == 4:
            move_clock((datetime.fromisoformat(due) + timedelta(days=20)).date())
            buyer.sign_in()
            assert buyer.get(path)["installments"][3]["status"] == "overdue"
        payment = buyer.post(f"{path}/installments/{number}/pay")
        assert let_payment(payment, "succeed")["status"] == "succeeded"
    assert buyer.get(path)["status"] == "completed"
