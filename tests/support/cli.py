"""The ``flask`` command line, run inside the test process."""


def run_command(app, *command: str):
    """Run ``flask --app wsgi …`` over ``app`` and return its result: exit code and output."""
    return app.test_cli_runner().invoke(args=command)
