"""Shared by tests: cli."""


def run(app, *command: str):
    """``flask --app wsgi …`` over ``app``: its exit code and all that it said."""
    return app.test_cli_runner().invoke(args=command)
