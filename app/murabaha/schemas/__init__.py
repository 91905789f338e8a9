"""Request and response schemas of murabaha."""
