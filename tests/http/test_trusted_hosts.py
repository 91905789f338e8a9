"""With TRUSTED_HOSTS, a request for another host is refused."""

import pytest

from app import errors
from app.http import trusted_hosts

from ..support.assertions import assert_api_error

PUBLIC = "/api/public"
LOCAL = ("localhost", "127.0.0.1", "[::1]")


@pytest.fixture
def client(make_app):
    """Return a client of an app that trusts the hosts of this machine."""
    return make_app(trusted_hosts=LOCAL).test_client()


@pytest.fixture
def warnings(monkeypatch):
    """Return the list of the warnings that are logged."""
    messages = []
    monkeypatch.setattr(trusted_hosts.log, "warning", lambda text, *a: messages.append(text % a))
    return messages


@pytest.mark.parametrize("host", [*LOCAL, "LOCALHOST"])
@pytest.mark.parametrize("port", ["", ":8000", ":1"])
def test_a_trusted_host_is_served_at_any_port(client, host, port):
    assert client.get(PUBLIC, headers={"Host": host + port}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example",
        "rebound.example:8000",
        "localhost.rebound.example",
        "127.0.0.1.rebound.example",
        "127.0.0.2",
        "[::2]",
        "[::1].rebound.example",
        "[::1]rebound",
        "rebound[::1]",
        "::1",
        "192.168.1.1",
        "",
        "localhost:port",
        "two words",
    ],
)
@pytest.mark.undocumented  # every path answers so, also those without a route
@pytest.mark.parametrize("path", [PUBLIC, "/api/nothing", "/dashboard", "/api/health/"])
def test_another_host_is_refused_on_every_path_and_logged(client, warnings, host, path):
    response = client.get(path, headers={"Host": host})
    assert_api_error(response, errors.ValidationFailed)
    (warning,) = warnings
    assert f"{host.lower()!r}: TRUSTED_HOSTS does not name it" in warning


@pytest.mark.parametrize("path", ["/api/health", "/api/health/ready"])
def test_a_platform_can_probe_an_instance_by_its_address(client, warnings, path):
    assert client.get(path, headers={"Host": "10.1.2.3:8000"}).status_code == 200
    assert warnings == []


def test_without_the_setting_every_host_is_served(make_app):
    client = make_app().test_client()
    assert client.get(PUBLIC, headers={"Host": "any.example"}).status_code == 200
