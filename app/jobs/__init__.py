"""Work outside of requests: a queue in PostgreSQL, its workers, and the scheduled jobs."""
