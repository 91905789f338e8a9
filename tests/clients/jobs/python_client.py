"""The whole job with openapi-python-client."""

import time
import uuid
from io import BytesIO

import httpx
from ose_client import AuthenticatedClient, Client
from ose_client.api.auth import refresh_tokens, register, show_me
from ose_client.api.uploads import upload_file
from ose_client.api.waqf import donate, list_projects, show_donation, show_receipt
from ose_client.api.zakat import create_calculation
from ose_client.models import (
    Gold,
    GoldCategory,
    ItemizedCalculation,
    NewDonation,
    Registration,
    UploadFileBody,
    ValuedAsset,
    ValuedAssetCategory,
)
from ose_client.types import File

API = "http://127.0.0.1:8000"
STRIPE = "http://127.0.0.1:12111"

# Register
client = Client(base_url=API)
email = f"mariam{uuid.uuid4()}@example.org"
new_user = Registration(name="Mariam al-Ijliya", email=email, password="correct horse battery")
registered = register.sync(client=client, body=new_user)
client = AuthenticatedClient(base_url=API, token=registered.access_token)

# Calculate
cash = ValuedAsset(category=ValuedAssetCategory.CASH, amount=50000)
gold = Gold(category=GoldCategory.GOLD, grams=100, karat=21, price_per_gram=130.25)
calculated = create_calculation.sync(client=client, body=ItemizedCalculation(assets=[cash, gold]))
assert calculated.zakat_amount == 1534.92
assert len(calculated.breakdown) == 2

# Donate
project = list_projects.sync(client=client).data[0]
new_donation = NewDonation(project_id=project.id, amount=25.5)
donated = donate.sync(client=client, body=new_donation, idempotency_key=str(uuid.uuid4()))

# Pay
intent = donated.payment.client_secret.partition("_secret")[0]
httpx.post(f"{STRIPE}/_test/payment_intents/{intent}/succeed").raise_for_status()
for _ in range(300):
    paid = show_donation.sync(donated.id, client=client)
    if paid.status == "succeeded":
        break
    time.sleep(0.1)
assert paid.received_amount == 25.5
receipt = show_receipt.sync_detailed(donated.id, client=client)
assert receipt.content.startswith(b"%PDF")

# Upload
invoice = File(BytesIO(b"%PDF-1.7\n%%EOF\n"), "invoice.pdf", "application/pdf")
uploaded = upload_file.sync(client=client, body=UploadFileBody(file=invoice))
assert uploaded.type_ == "application/pdf"

# Refresh
refreshed = refresh_tokens.sync(
    client=AuthenticatedClient(base_url=API, token=registered.refresh_token)
)
client = AuthenticatedClient(base_url=API, token=refreshed.access_token)
assert show_me.sync(client=client).id == registered.user.id

# An error has a code
failed = donate.sync(client=client, body=NewDonation(project_id=project.id, amount=-1))
assert failed.code == "VALIDATION_ERROR"
print("done")
