"""The HTTP layer between WSGI and the views: authentication, parsing, limits, responses."""
