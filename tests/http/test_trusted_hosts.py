"""With TRUSTED_HOSTS, a request for another host is refused."""

import pytest

from app import errors

from ..support.assertions import assert_api_error

LOCAL = ("localhost", "127.0.0.1", "[::1]")


@pytest.fixture
def client(make_app):
    """Return a client of an app that trusts the hosts of this machine."""
    return make_app(trusted_hosts=LOCAL, log_level="critical").test_client()


@pytest.mark.parametrize("host", [*LOCAL, "LOCALHOST"])
@pytest.mark.parametrize("port", ["", ":8000", ":1"])
def test_a_trusted_host_is_served_at_any_port(client, host, port):
    assert client.get("/api/health", headers={"Host": host + port}).status_code == 200


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
@pytest.mark.parametrize("path", ["/api/health", "/api/nothing", "/dashboard"])
def test_another_host_is_refused_on_every_path(client, host, path):
    response = client.get(path, headers={"Host": host})
    assert_api_error(response, errors.ValidationFailed)


def test_without_the_setting_every_host_is_served(make_app):
    client = make_app().test_client()
    assert client.get("/api/health", headers={"Host": "any.example"}).status_code == 200
