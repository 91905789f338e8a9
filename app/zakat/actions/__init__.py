"""The steps of zakat, shared by routes, commands and jobs."""
