"""What development needs and production never imports: `make run` and the sample data."""
