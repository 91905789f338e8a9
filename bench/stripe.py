"""A minimal fake of Stripe that only creates PaymentIntents: ``python -m bench.stripe PORT``.

For the yardstick's W4. It stores nothing, ignores idempotency keys and sends no events.
"""

import asyncio
import itertools
import json
import sys
from urllib.parse import parse_qs

numbers = itertools.count(1)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Respond to a connection's requests, one after the other."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            body = create_intent(parse_qs((await reader.readexactly(length)).decode()))
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (len(body), body)
            )
    except asyncio.IncompleteReadError:
        writer.close()


def create_intent(params: dict[str, list[str]]) -> bytes:
    """Return the JSON of a new PaymentIntent."""
    id = f"pi_{next(numbers):024}"
    intent = {
        "id": id,
        "object": "payment_intent",
        "amount": int(params["amount"][0]),
        "currency": params["currency"][0],
        "status": "requires_payment_method",
        "client_secret": f"{id}_secret_x",
        "metadata": {"payment_id": params["metadata[payment_id]"][0]},
    }
    return json.dumps(intent).encode()


async def main() -> None:
    """Serve until the process is stopped."""
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
