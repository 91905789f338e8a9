"""Codes that verify documents: 80 random bits as 16 characters in groups of four.

The alphabet is Crockford's base 32, without letters that look like digits. What a reader may take
for one of its characters is accepted as that character.
"""

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_BYTES = 10
LENGTH = 16  # characters of five bits
GROUP = 4
VALUES = {character: value for value, character in enumerate(ALPHABET)} | {"O": 0, "I": 1, "L": 1}


def format_code(code: bytes) -> str:
    """Format ``code`` as it is printed: ``7Q2M-0KXD-94TN-HB5W``."""
    number = int.from_bytes(code)
    characters = [ALPHABET[number >> 5 * place & 31] for place in reversed(range(LENGTH))]
    text = "".join(characters)
    return "-".join(text[start : start + GROUP] for start in range(0, LENGTH, GROUP))


def parse_code(text: str) -> bytes | None:
    """Return the code that was read as ``text``, without regard to case, hyphens and blanks."""
    characters = text.upper().replace("-", "").replace(" ", "")
    if len(characters) != LENGTH or not {*characters} <= VALUES.keys():
        return None
    number = 0
    for character in characters:
        number = number << 5 | VALUES[character]
    return number.to_bytes(CODE_BYTES)
