"""Request and response schemas of zakat."""
