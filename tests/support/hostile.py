"""Shared by tests: hostile."""

JSON = {"content_type": "application/json"}

SOUND = b'{"wealth": 10000, "nisab": 5000}'


HOSTILE = {
    "nothing at all": b"",
    "not JSON": b"wealth=10000",
    "cut short": SOUND[:-3],
    "more than one": SOUND + SOUND,
    "a trailing comma": b'{"wealth": 10000, "nisab": 5000,}',
    "single quotes": SOUND.replace(b'"', b"'"),
    "NaN": b'{"wealth": NaN, "nisab": 5000}',
    "Infinity": b'{"wealth": Infinity, "nisab": 5000}',
    "-Infinity": b'{"wealth": -Infinity, "nisab": 5000}',
    "beyond a double": b'{"wealth": 1e400, "nisab": 5000}',
    "400 digits": b'{"wealth": %s, "nisab": 5000}' % (b"9" * 400),
    "5000 digits": b'{"wealth": %s, "nisab": 5000}' % (b"9" * 5000),
    "5000 digits in a string": b'{"wealth": "%s", "nisab": 5000}' % (b"9" * 5000),
    "5000 decimals": b'{"wealth": 1.%s, "nisab": 5000}' % (b"9" * 5000),
    "a huge exponent": b'{"wealth": 1e999999999999999999, "nisab": 5000}',
    "an exponent that no Decimal has": b'{"wealth": 1e99999999999999999999, "nisab": 5000}',
    "a tiny exponent": b'{"wealth": 1e-999999999999999999, "nisab": 5000}',
    "a leading zero": b'{"wealth": 010000, "nisab": 5000}',
    "hexadecimal": b'{"wealth": 0x10, "nisab": 5000}',
    "NUL": b'{"wealth": 10000, "nisab": 5000, "notes": "a\\u0000b"}',
    "a raw NUL": b'{"wealth": 10000, "nisab": 5000, "notes": "a\0b"}',
    "NUL in a key": b'{"wealth": 10000, "nisab": 5000, "a\\u0000b": 1}',
    "a lone surrogate": b'{"wealth": 10000, "nisab": 5000, "notes": "\\ud800"}',
    "a surrogate pair backwards": b'{"wealth": 10000, "nisab": 5000, "notes": "\\udc00\\ud800"}',
    "a surrogate in UTF-8": b'{"wealth": 10000, "nisab": 5000, "notes": "\xed\xa0\x80"}',
    "invalid UTF-8": b'{"wealth": 10000, "nisab": 5000, "notes": "\xff\xfe"}',
    "UTF-16": SOUND.decode().encode("utf-16"),
    "a key twice": b'{"wealth": 10000, "wealth": 1, "nisab": 5000}',
    "a key twice within": b'{"assets": [{"category": "cash", "category": "bank", "amount": 1}]}',
    "100,000 arrays": b"[" * 100_000 + b"]" * 100_000,
    "100,000 arrays left open": b"[" * 100_000,
    "100,000 objects": b'{"":' * 100_000 + b"1" + b"}" * 100_000,
    "1,000 arrays where a text is due": b'{"wealth": 10000, "nisab": 5000, "notes": %s}'
    % (b"[" * 900 + b"]" * 900),
    "an array": b"[%s]" % SOUND,
    "a string": b'"wealth"',
    "a number": b"10000",
    "null": b"null",
    "true": b"true",
}
