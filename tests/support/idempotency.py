"""Calculations that are created under an idempotency key."""

CALCULATIONS = "/api/zakat/calculations"
NEW = {"wealth": 10000, "nisab": 5000}


def post_with_key(client, key="key-1", body=NEW, path=CALCULATIONS, **headers):
    """Post ``body`` under ``key``; without arguments, create a calculation."""
    return client.post(path, json=body, headers={"Idempotency-Key": key, **headers})
