"""What clients learn of the service at ``GET /api/config``."""

import pytest

from app.money import MINOR_UNITS
from config import SettingError, from_environment

from ..support.assertions import assert_error
from ..support.files import make_png
from ..support.settings import SECRET

CONFIG, LOGO = "/api/config", "/api/logo"


def test_a_service_with_default_settings_describes_itself(client):
    response = client.get(CONFIG)
    assert response.json == {
        "name": "OSE Platform",
        "logoUrl": None,
        "defaultCurrency": "USD",
        "currencies": sorted(MINOR_UNITS),
        "timeZone": "UTC",
        "languages": ["en", "ar", "id"],
        "nisabBasis": "gold",
        "nisabStandard": "standard",
        "stripePublishableKey": None,
        "testMode": True,
        "version": client.get("/api/health").json["version"],
    }
    assert response.headers["Cache-Control"] == "public, max-age=60"
    again = client.get(CONFIG, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert_error(client.get(LOGO), 404, "NOT_FOUND")


def test_the_settings_of_an_institution_are_described(make_app, tmp_path):
    logo = tmp_path / "logo.png"
    logo.write_bytes(make_png())
    client = make_app(
        organization_name="Al-Amanah",
        organization_logo=str(logo),
        public_url="https://api.example.org/",
        default_currency="KWD",
        time_zone="Asia/Kuwait",
        nisab_basis="silver",
        stripe_publishable_key="pk_test_1",
    ).test_client()
    config = client.get(CONFIG).json
    assert config["logoUrl"] == "https://api.example.org/api/logo"
    names = ("name", "defaultCurrency", "timeZone", "nisabBasis", "stripePublishableKey")
    expected = ["Al-Amanah", "KWD", "Asia/Kuwait", "silver", "pk_test_1"]
    assert [config[name] for name in names] == expected
    response = client.get(LOGO)
    assert (response.data, response.mimetype) == (make_png(), "image/png")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "public, max-age=60"
    tag = {"If-None-Match": response.headers["ETag"]}
    assert client.get(LOGO, headers=tag).status_code == 304


def test_a_live_key_ends_the_test_mode_and_stays_secret(make_app):
    client = make_app(
        app_env="production",
        jwt_secret_key=SECRET,
        stripe_secret_key="sk_live_1",
        stripe_publishable_key="pk_live_1",
    ).test_client()
    response = client.get(CONFIG)
    assert response.json["testMode"] is False
    assert response.json["stripePublishableKey"] == "pk_live_1"
    assert "sk_live" not in response.text


@pytest.mark.parametrize(
    ("publishable", "secret"),
    [("sk_test_1", ""), ("pk_live_1", "sk_test_1"), ("pk_test_ 1", "sk_test_1")],
)
def test_another_publishable_key_stops_the_start(publishable, secret):
    environment = {"STRIPE_PUBLISHABLE_KEY": publishable, "STRIPE_SECRET_KEY": secret}
    with pytest.raises(SettingError, match="STRIPE_PUBLISHABLE_KEY"):
        from_environment({"JWT_SECRET_KEY": SECRET, **environment})


def test_an_svg_which_could_run_scripts_is_no_logo(tmp_path):
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>")
    with pytest.raises(SettingError, match="PNG or JPEG"):
        from_environment({"JWT_SECRET_KEY": SECRET, "ORGANIZATION_LOGO": str(logo)})
