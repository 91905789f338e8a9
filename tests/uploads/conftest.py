"""Fixtures: the stored files, and apps that store them in a bucket."""

import secrets
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ..support.processes import free_port


@pytest.fixture
def rows(sql):
    """Return a function that reads the names in the table."""
    return lambda: {name for (name,) in sql("SELECT filename FROM uploads")}


@pytest.fixture
def files(app, upload_dir):
    """Return a function that lists the names added to the folder since the test began."""
    folder = Path(upload_dir)

    def list_names():
        return {file.name for file in folder.iterdir()} if folder.exists() else set()

    before = list_names()
    return lambda: list_names() - before


@pytest.fixture
def uploads(rows, files):
    """Return a function that asserts that table and folder agree and returns their names."""

    def list_uploads():
        assert rows() == files()
        return rows()

    return list_uploads


@pytest.fixture
def sign_in_to_new_app(make_app, sign_in):
    """Return a function that creates a client signed in to a separate app, which logs nothing."""

    def make(role="user", **settings):
        client = sign_in(role)
        person = make_app(log_level="critical", **settings).test_client()
        person.environ_base["HTTP_AUTHORIZATION"] = client.environ_base["HTTP_AUTHORIZATION"]
        person.user = client.user
        return person

    return make


@pytest.fixture(scope="module")
def s3_url():
    """Yield the URL of a local S3 server."""
    server = ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def credentials(monkeypatch):
    """Set AWS credentials, so that boto3 does not look for them on the network."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def bucket(s3_url, credentials):
    """Yield a new bucket: its name, its client and a function that lists its keys."""
    client = boto3.client("s3", endpoint_url=s3_url)
    name = f"bucket-{secrets.token_hex(4)}"
    client.create_bucket(Bucket=name)

    def list_keys():
        objects = client.list_objects_v2(Bucket=name).get("Contents", [])
        return {item["Key"] for item in objects}

    yield SimpleNamespace(name=name, client=client, list_keys=list_keys)
    client.close()


@pytest.fixture
def sign_in_with_bucket(sign_in_to_new_app, s3_url, credentials):
    """Return a function that creates a client signed in to an app that stores files in S3."""

    def make(bucket, role="user", url=s3_url):
        return sign_in_to_new_app(role, s3_bucket=bucket, s3_endpoint_url=url)

    return make
