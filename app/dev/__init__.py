"""For development: ``make run`` and the sample data."""
