"""What clients may know of the settings."""

from typing import Any

from flask import current_app

from config import LIVE_KEYS

from ..http.openapi import VERSION
from ..integrations.logo import Logo
from ..messages import LOCALES
from ..money import MINOR_UNITS

NAME = "OSE Platform"  # without ORGANIZATION_NAME


def describe_service() -> dict[str, Any]:
    """Return what clients may know of the settings, as a ConfigSchema has it."""
    config = current_app.config
    return {
        "name": config["ORGANIZATION_NAME"] or NAME,
        "logo_url": f"{config['PUBLIC_URL']}/api/logo" if find_logo() else None,
        "default_currency": config["DEFAULT_CURRENCY"],
        "currencies": sorted(MINOR_UNITS),
        "time_zone": config["TIME_ZONE"],
        "languages": list(LOCALES),
        "nisab_basis": config["NISAB_BASIS"],
        "nisab_standard": config["NISAB_STANDARD"],
        "stripe_publishable_key": config["STRIPE_PUBLISHABLE_KEY"] or None,
        "test_mode": not config["STRIPE_SECRET_KEY"].startswith(LIVE_KEYS),
        "version": VERSION,
    }


def find_logo() -> Logo | None:
    """Return the institution's logo, if it has one."""
    logo: Logo | None = current_app.config["DOCUMENT_LOGO"]
    return logo
