"""The database layer: declarative base, connections and prepared statements."""
