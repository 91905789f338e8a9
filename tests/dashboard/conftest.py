import pytest

from ..support.browser import Browser


@pytest.fixture(scope="module")
def window(make_server):
    """Return a browser on gunicorn, shared by the module."""
    server = make_server()
    browser = Browser(f"http://127.0.0.1:{server.port}")
    yield browser
    browser.quit()


@pytest.fixture
def browser(window):
    """Return the browser, wide, light, without cookies and without public reads of other tests."""
    window.command("Network.clearBrowserCache")
    window.resize(1280)
    window.driver.delete_all_cookies()
    window.errors()
    return window
