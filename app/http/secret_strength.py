"""An estimate of how hard a secret is to guess, to refuse placeholders and examples.

It does not prove that a secret is random. What tutorials and keyboards offer is worth nothing;
the entropy of the remaining characters is counted. A key of 16 random bytes passes in every usual
notation (``tests/http/test_secret_strength.py`` has thousands of them).
"""

import math
import re
from collections import Counter
from itertools import pairwise

MIN_BITS = 55

# Of placeholders such as "your-super-secret-jwt-key-change-in-production".
KNOWN = re.compile(  # the longest first
    r"application|development|environment|placeholder|characters|production|qwertyuiop|"
    r"asdfghjkl|character|generated|something|1qaz2wsx|anything|changeme|generate|insecure|"
    r"nextauth|password|platform|replaced|variable|default|example|express|fastapi|laravel|"
    r"letmein|minimum|refresh|replace|service|session|setting|signing|testing|webhook|welcome|"
    r"without|zxcvbnm|access|change|config|django|length|passwd|please|qwerty|random|sample|"
    r"secret|server|should|signed|spring|string|stripe|strong|unsafe|admin|bytes|chars|dolor|"
    r"dummy|fixme|flask|hello|hs256|ipsum|known|knows|least|local|lorem|rails|super|tests|"
    r"there|these|three|token|users|value|whsec|world|would|yours|2024|2025|2026|auth|bits|"
    r"byte|demo|from|here|hmac|into|keys|know|long|more|must|next|node|only|pass|safe|sign|"
    r"some|test|text|than|that|this|todo|used|user|very|with|your|128|256|512|and|any|api|app|"
    r"bar|baz|bit|env|foo|for|jwt|key|let|new|not|old|one|our|put|set|the|two|use|an|at|be|do|"
    r"in|is|it|me|my|of|or|to"
)
REPEATED = re.compile(r"(.{1,32}?)\1+", re.DOTALL)


def estimate_bits(secret: str) -> float:
    """Return the entropy of what remains of ``secret`` without words, repetitions and sequences."""
    rest = REPEATED.sub(r"\1", KNOWN.sub("", secret.lower()))
    rest = "".join(_without_sequences(rest))
    return sum(count * math.log2(len(rest) / count) for count in Counter(rest).values())


def is_guessable(secret: str) -> bool:
    """Return whether ``secret`` looks like a placeholder, an example or a pattern."""
    return estimate_bits(secret) < MIN_BITS


def _without_sequences(text: str) -> list[str]:
    """Return the characters of ``text`` that do not continue a sequence such as abc or 321."""
    steps = [ord(after) - ord(before) for before, after in pairwise(text)]
    continues = [False, False, *(a == b and abs(a) == 1 for a, b in pairwise(steps))]
    return [letter for letter, skip in zip(text, continues, strict=False) if not skip]
