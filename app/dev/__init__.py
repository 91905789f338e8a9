"""Tools for development: `make run` and the sample data."""
