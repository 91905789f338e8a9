"""The declarative base, how connections are opened, and statements that are prepared once."""
