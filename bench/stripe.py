"""The cheapest Stripe: every PaymentIntent is new, nothing is kept. ``python -m bench.stripe PORT``

For the yardstick's W4 only; it honours no key and sends no event.
"""

import asyncio
import itertools
import json
import sys
from urllib.parse import parse_qs

numbers = itertools.count(1)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one connection's requests, one after the other."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            body = answer(parse_qs((await reader.readexactly(length)).decode()))
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (len(body), body)
            )
    except asyncio.IncompleteReadError:
        writer.close()


def answer(asked: dict[str, list[str]]) -> bytes:
    id = f"pi_{next(numbers):024}"
    intent = {
        "id": id,
        "object": "payment_intent",
        "amount": int(asked["amount"][0]),
        "currency": asked["currency"][0],
        "status": "requires_payment_method",
        "client_secret": f"{id}_secret_x",
        "metadata": {"payment_id": asked["metadata[payment_id]"][0]},
    }
    return json.dumps(intent).encode()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
