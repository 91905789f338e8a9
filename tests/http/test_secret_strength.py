"""Placeholders and patterns are guessable; keys made at random are not."""

import base64
import secrets
import uuid

import pytest

from app.http.secret_strength import is_guessable

GUESSABLE = [
    "",
    "a" * 64,
    "ab" * 20,
    "abc123" * 8,
    "changeme" * 8,
    "CHANGEME_CHANGEME_CHANGEME_CHANGEME",
    "changeme-changeme-changeme-changeme!",
    "change-me-to-a-long-random-string-of-32-bytes",
    "your-256-bit-secret-your-256-bit-secret",
    "your-super-secret-jwt-key-change-in-production",
    "replace-me-with-at-least-32-random-bytes",
    "please-change-this-secret-before-going-live",
    "supersecretsupersecretsupersecret1!",
    "a secret of the tests, 32 bytes or more",
    "django-insecure-abcdefghijklmnopqrstuvwxyz",
    "password123password123password123",
    "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "12345678901234567890123456789012",
    "0123456789abcdef" * 4,
    "fedcba9876543210fedcba9876543210",
    "00112233445566778899aabbccddeeff",
    "deadbeef" * 8,
    "qwertyuiopasdfghjklzxcvbnm1234567890",
    "Xk3!" * 9,
    "local",
]
GENERATORS = {
    "openssl rand -hex 16": lambda: secrets.token_hex(16),
    "openssl rand -hex 32": lambda: secrets.token_hex(32),
    "token_urlsafe(24)": lambda: secrets.token_urlsafe(24),
    "token_urlsafe(48)": lambda: secrets.token_urlsafe(48),
    "openssl rand -base64 24": lambda: base64.b64encode(secrets.token_bytes(24)).decode(),
    "openssl rand -base64 32": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
    "base32": lambda: base64.b32encode(secrets.token_bytes(20)).decode(),
    "UUID": lambda: str(uuid.uuid4()),
}


@pytest.mark.parametrize("secret", GUESSABLE)
def test_a_placeholder_or_pattern_is_guessable(secret):
    assert is_guessable(secret)


@pytest.mark.parametrize("generate", GENERATORS.values(), ids=GENERATORS)
def test_no_random_key_is_guessable(generate):
    assert [key for key in (generate() for _ in range(2000)) if is_guessable(key)] == []
