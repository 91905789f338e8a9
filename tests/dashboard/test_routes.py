"""The page and the files of the web client: caching, its policy, and what is vendored."""

import gzip
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from app.dashboard.static_files import (
    FOLDER,
    entry_folder,
    is_bundle_current,
    read_static_files,
    static_digest,
)
from app.messages import LOCALES

from ..support.assertions import assert_error

ADDRESSES = [
    "/dashboard",
    "/dashboard/",
    "/dashboard/zakat",
    "/dashboard/a/b",
    "/reset-password",
    "/confirm-email",
]
MAX_COMPRESSED = 60_000  # bytes
BASE = f"/dashboard/static/{static_digest()}"


class Page(HTMLParser):
    """The links, scripts, and inline scripts, styles and handlers of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.inline = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("href", "src", "action")]
        self.inline += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in dict(attrs)):
            self.inline.append(tag)


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_address_shows_the_client_under_a_strict_policy(client, address):
    response = client.get(address)
    assert (response.status_code, response.content_type) == (200, "text/html; charset=utf-8")
    policy = response.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(policy)
    assert {"base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert "unsafe" not in " ".join(policy)
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Cache-Control"] == "no-cache"
    assert Page(response.text).inline == []
    assert response.text.startswith("<!doctype html>")


def read_policy(client):
    """Return the sources of each directive of the page's policy."""
    policy = client.get("/dashboard").headers["Content-Security-Policy"]
    return {name: set(sources) for name, *sources in map(str.split, policy.split("; "))}


def test_the_policy_has_no_other_host_without_a_publishable_key(client):
    policy = read_policy(client)
    assert "frame-src" not in policy
    assert not any("://" in source for sources in policy.values() for source in sources)


def test_the_policy_opens_for_stripe_alone_with_a_publishable_key(client, make_app):
    app = make_app(stripe_publishable_key="pk_test_suite")
    policy, strict = read_policy(app.test_client()), read_policy(client)
    hosts = {
        "script-src": {"https://js.stripe.com", "https://*.js.stripe.com"},
        "frame-src": {
            "https://js.stripe.com",
            "https://*.js.stripe.com",
            "https://hooks.stripe.com",
        },
        "connect-src": {"https://api.stripe.com"},
    }
    added = {name: policy[name] - strict.get(name, set()) for name in policy}
    assert {name: sources for name, sources in added.items() if sources} == hosts
    assert {name: policy[name] & strict[name] for name in strict} == strict


def test_every_link_of_the_page_works(client):
    links = Page(client.get("/dashboard").text).links
    assert {
        "/api/docs",
        "/api/openapi.json",
        "/api/health",
        f"{BASE}/{entry_folder()}app.js",
    } <= set(links)
    for link in links:
        with client.get(link) as response:
            assert response.status_code == 200, link


def test_the_page_does_not_reveal_software_versions(client):
    response = client.get("/dashboard")
    text = response.text + str(response.headers)
    assert not re.search(r"\d+\.\d+\.\d+|werkzeug|flask|gunicorn|python", text, re.IGNORECASE)


def test_a_file_is_cached_for_good_under_the_digest_of_the_content(client):
    response = client.get(f"{BASE}/app.js")
    assert (response.status_code, response.mimetype) == (200, "text/javascript")
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.data == (FOLDER / "app.js").read_bytes()


def test_a_file_is_compressed_for_clients_that_accept_it(client):
    response = client.get(f"{BASE}/app.js", headers={"Accept-Encoding": "gzip, br"})
    assert (response.headers["Content-Encoding"], response.vary.to_header()) == (
        "gzip",
        "Accept-Encoding",
    )
    assert gzip.decompress(response.data) == (FOLDER / "app.js").read_bytes()


@pytest.mark.parametrize(
    "path",
    [f"{BASE}/nothing.js", f"{BASE}/../routes.py", "/dashboard/static/0123456789abcdef/app.js"],
)
def test_another_file_is_not_found(client, path):
    assert_error(client.get(path), 404, "NOT_FOUND")


def test_the_vendored_files_are_those_that_were_built():
    folder = FOLDER / "vendor"
    hashes = json.loads((folder / "hashes.json").read_text())
    assert set(hashes) == {path.name for path in folder.iterdir()} - {"hashes.json"}
    for name, expected in hashes.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == expected, name


def test_the_bundle_is_made_of_the_modules_as_they_are():
    assert is_bundle_current(), "run: make bundle"


@pytest.mark.parametrize("group", ["public", "account", "staff", "admin"])
@pytest.mark.parametrize("language", LOCALES)
def test_what_a_browser_loads_for_a_group_of_pages_is_small(group, language):
    files = read_static_files()
    texts = {f"locales/{language}/{name}.ftl" for name in ("public", group)}
    entries = [f"bundle/{name}" for name in ("app.js", "app.css", f"{group}.js")]
    loaded = {"start.js", *texts, *with_imports(entries, files)}
    assert sum(len(files[path].compressed) for path in loaded) <= MAX_COMPRESSED


def with_imports(paths, files):
    """Return the modules at ``paths`` and those that they import at once."""
    found, waiting = set(), list(paths)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            names = re.findall(rb'(?:from|import)"\./([\w-]+\.js)"', files[path].content)
            waiting += [f"bundle/{name.decode()}" for name in names]
    return found
