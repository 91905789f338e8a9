"""The service as ``make run`` serves it, from a copy of the checkout."""

import base64
import contextlib
import json
import shutil
import signal
import subprocess
import sys
from http.client import HTTPConnection
from urllib.parse import urlencode

from app.dev.demo import PASSWORD
from app.dev.local import STRIPE_KEY

from .concurrency import TIMEOUT, wait_until
from .gunicorn_server import send_request
from .processes import ROOT, environment_without_settings, free_port

DEPLOYED_FILES = ("app", "migrations", "config.py", "gunicorn.conf.py", "wsgi.py")
COMMAND = [sys.executable, "-m", "app.dev.local"]
START_TIMEOUT = 120  # seconds; ``make run`` starts PostgreSQL, migrates and adds sample data
CARD = {"type": "card", "card[number]": "4242424242424242", "card[cvc]": "123"}
CARD |= {"card[exp_month]": "12", "card[exp_year]": "2030"}


def copy_checkout(folder):
    """Copy the files that ``make run`` needs to ``folder``."""
    for name in DEPLOYED_FILES:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)


class Checkout:
    """The service as ``make run`` serves it from a new folder, with its local Stripe."""

    def __init__(self, folder, **environment):
        copy_checkout(folder)
        (folder / ".venv").symlink_to(sys.prefix)
        self.instance, self.port = folder / "instance", free_port()
        self.subprocess_options = {
            "cwd": folder,
            "env": {**environment_without_settings(), "PORT": str(self.port), **environment},
            "text": True,
        }
        self.log = folder / "log"
        with self.log.open("w") as output:
            self.process = subprocess.Popen(COMMAND, **self.subprocess_options, stdout=output)
        wait_until(lambda: "Ctrl-C" in self.log.read_text(), timeout=START_TIMEOUT)

    def run_again(self, **environment):
        """Run ``make run`` once more in the same folder, which must end by itself."""
        options = {**self.subprocess_options, "capture_output": True, "timeout": TIMEOUT}
        options["env"] = {**options["env"], **environment}
        return subprocess.run(COMMAND, **options, check=False)

    def interrupt(self):
        """Send Ctrl-C and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(TIMEOUT)

    def run_flask(self, *command):
        """Run a ``flask`` command and return its output."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *command]
        return subprocess.check_output(command, **self.subprocess_options).strip()

    def request(self, method, path, body=None, token=None):
        """Send a request to the API and return the JSON of the response."""
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port)) as connection:
            return send_request(connection, method, f"/api/{path}", body, token=token).json

    def sign_in(self, name):
        """Sign in as a user of the sample data and return the access token."""
        credentials = {"email": f"{name}@example.org", "password": PASSWORD}
        return self.request("POST", "auth/login", credentials)["accessToken"]

    def pay(self, donation):
        """Pay as the donor's browser would, with requests to Stripe."""
        intent = donation["payment"]["clientSecret"].partition("_secret")[0]
        card = self.post_to_stripe("payment_methods", CARD)["id"]
        self.post_to_stripe(f"payment_intents/{intent}", {"payment_method": card})
        self.post_to_stripe(f"payment_intents/{intent}/confirm", {})

    def post_to_stripe(self, path, form):
        """Post ``form`` to the local Stripe and return the JSON of the response."""
        key = base64.b64encode(f"{STRIPE_KEY}:".encode()).decode()
        headers = {"Authorization": f"Basic {key}"}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        address = (self.instance / "stripe").read_text().removeprefix("http://")
        with contextlib.closing(HTTPConnection(address)) as connection:
            connection.request("POST", f"/v1/{path}", urlencode(form), headers)
            with connection.getresponse() as response:
                assert response.status == 200
                return json.load(response)
