"""Settings are read from the environment, typed and validated; an error names the setting."""

import os
import re
import stat
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import pytest

import config
from config import SettingError, Settings, count_usable_cores, from_environment, sqlalchemy_url

from .support.files import JPEG, make_png

SECRET = "x" * 32
VALID = {"JWT_SECRET_KEY": SECRET}
PRODUCTION = {
    "APP_ENV": "production",
    "DATABASE_URL": "postgres://ose:p@db/ose",
    "JWT_SECRET_KEY": "Dm4sSxuRzYnQpZyb2pRGKe0Rk8sYPNmvVnE6mCYbYwI",
}
RANDOM = "9f1c6e0ba7d34852b6f0c3a97d1e5048"
EXAMPLE = Path(__file__).parent.parent / ".env.example"


def startup_error(environment) -> str:
    """Return the message with which ``environment`` stops the start."""
    with pytest.raises(SettingError) as error:
        from_environment(environment)
    assert isinstance(error.value, SystemExit)
    assert isinstance(error.value.code, str)  # the interpreter prints it and exits with code 1
    return error.value.code


# Valid settings


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("APP_ENV", "testing", "testing"),
        ("PORT", "5000", 5000),
        ("PORT", " 5000 ", 5000),
        ("PORT", "", 8000),
        ("PORT", "  ", 8000),
        ("WEB_CONCURRENCY", "3", 3),
        ("WEB_THREADS", "16", 16),
        ("TRUSTED_PROXIES", "2", 2),
        ("JWT_ACCESS_TOKEN_EXPIRES", "900", 900),
        ("NISAB_MAX_AGE_DAYS", "7", 7),
        ("UPLOAD_QUOTA", "1048576", 1048576),
        ("RATELIMIT_LOGIN_SERVICE", "5 per second", "5 per second"),
        ("PROFIT_RATE_MAX", "0.125", Decimal("0.125")),
        ("FOUR_EYES_ABOVE", "0", Decimal(0)),
        ("FOUR_EYES_ABOVE", "", Decimal("Infinity")),
        ("RATELIMIT_ENABLED", "true", True),
        ("RATELIMIT_ENABLED", "True", True),
        ("RATELIMIT_ENABLED", "1", True),
        ("RATELIMIT_ENABLED", "false", False),
        ("RATELIMIT_ENABLED", "FALSE", False),
        ("RATELIMIT_ENABLED", "0", False),
        ("RATELIMIT_DEFAULT", "5 per second", "5 per second"),
        ("RATELIMIT_DEFAULT", "5 per 10 seconds", "5 per 10 seconds"),
        ("RATELIMIT_DEFAULT", "5/year", "5/year"),
        ("TRUSTED_HOSTS", "Api.example.org,localhost", ("Api.example.org", "localhost")),
        ("TRUSTED_HOSTS", ".example.org", (".example.org",)),
        ("TRUSTED_HOSTS", "127.0.0.1, [::1]", ("127.0.0.1", "[::1]")),
        ("CORS_ORIGINS", "", ()),
        ("CORS_ORIGINS", "https://a.example", ("https://a.example",)),
        (
            "CORS_ORIGINS",
            " https://a.example , ,http://localhost:3000,",
            ("https://a.example", "http://localhost:3000"),
        ),
        ("DEFAULT_CURRENCY", "KWD", "KWD"),
        ("NISAB_BASIS", "silver", "silver"),
        ("NISAB_STANDARD", "tola", "tola"),
        ("HIJRI_ADJUSTMENT", "-2", -2),
        ("HIJRI_ADJUSTMENT", "2", 2),
        ("UPLOAD_DIR", "/var/uploads", "/var/uploads"),
        ("LOG_LEVEL", "debug", "debug"),
    ],
)
def test_a_setting_is_read_as_its_type(name, text, value):
    setting = getattr(from_environment({**VALID, name: text}), name.lower())
    assert (setting, type(setting)) == (value, type(value))


def test_unset_settings_have_their_defaults():
    assert from_environment(VALID) == Settings(jwt_secret_key=SECRET)


def test_other_variables_are_ignored():
    assert from_environment({**VALID, "PATH": "/bin", "port": "1"}) == from_environment(VALID)


@pytest.mark.parametrize(
    "url",
    [
        "postgres://u:p@h:5432/d?sslmode=require",
        "postgresql://u:p@h:5432/d?sslmode=require",
        "postgresql+psycopg://u:p@h:5432/d?sslmode=require",
    ],
)
def test_a_database_url_of_every_form_uses_psycopg(url):
    settings = from_environment({**VALID, "DATABASE_URL": url})
    expected = "postgresql+psycopg://u:p@h:5432/d?sslmode=require"
    assert sqlalchemy_url(settings.database_url) == expected


def test_a_database_password_that_looks_like_a_url_is_unchanged():
    url = "postgres://u:postgres%3A%2F%2F@h/postgres"
    settings = from_environment({**VALID, "DATABASE_URL": url})
    expected = "postgresql+psycopg" + url.removeprefix("postgres")
    assert sqlalchemy_url(settings.database_url) == expected


# Invalid settings


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("APP_ENV", "prod"),
        ("APP_ENV", "Production"),
        ("PORT", "http"),
        ("PORT", "80.5"),
        ("WEB_CONCURRENCY", "0"),
        ("WEB_CONCURRENCY", "-1"),
        ("WEB_THREADS", "0"),
        ("WEB_THREADS", "four"),
        ("TRUSTED_PROXIES", "-1"),
        ("TRUSTED_PROXIES", "yes"),
        ("FOUR_EYES_ABOVE", "-0.01"),
        ("FOUR_EYES_ABOVE", "Infinity"),
        ("FOUR_EYES_ABOVE", "off"),
        ("RATELIMIT_ENABLED", "maybe"),
        ("RATELIMIT_ENABLED", "off"),
        ("JWT_ACCESS_TOKEN_EXPIRES", "7 days"),
        ("JWT_REFRESH_TOKEN_EXPIRES", "1e6"),
        ("NISAB_MAX_AGE_DAYS", "a month"),
        ("UPLOAD_QUOTA", "100 MiB"),
        ("NISAB_BASIS", "copper"),
        ("NISAB_STANDARD", "87.48"),
        ("HIJRI_ADJUSTMENT", "one"),
        ("PROFIT_RATE_MAX", "30%"),
        ("LOG_LEVEL", "loud"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://a.example,*"),
        ("JWT_SECRET_KEY", "too short"),
        ("JWT_SECRET_KEY", "x" * 31),
        ("JWT_SECRET_KEY_PREVIOUS", "x" * 31),
    ],
)
def test_an_invalid_setting_stops_the_start_and_is_named(name, text):
    message = startup_error({**VALID, name: text})
    assert message.startswith(name)
    assert "SECRET" not in name or text not in message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("JWT_ACCESS_TOKEN_EXPIRES", "0"),
        ("JWT_REFRESH_TOKEN_EXPIRES", "-1"),
        ("RATELIMIT_DEFAULT", "a hundred a minute"),
        ("DEFAULT_CURRENCY", "XXX"),
        ("NISAB_MAX_AGE_DAYS", "-1"),
        ("HIJRI_ADJUSTMENT", "-3"),
        ("HIJRI_ADJUSTMENT", "3"),
        ("UPLOAD_QUOTA", "-1"),
        ("RATELIMIT_ADDRESS", "a thousand a minute"),
        ("RATELIMIT_REGISTER", "0 per hour"),
        ("RATELIMIT_DEFAULT", "100/minute;3/hour"),
        ("RATELIMIT_DEFAULT", "100 per minute, 3 per hour"),
        ("RATELIMIT_DEFAULT", "100/minute|3/hour"),
        ("RATELIMIT_DEFAULT", "1 per 0 seconds"),
        ("RATELIMIT_DEFAULT", "1/0 seconds"),
        ("RATELIMIT_DEFAULT", "1 PER 00 minutes"),
        ("RATELIMIT_DEFAULT", "1 per 2 years"),
        ("PROFIT_RATE_MAX", "NaN"),
        ("PROFIT_RATE_MAX", "-0.1"),
        ("DATABASE_URL", "mysql://u:p@h/d"),
        ("CORS_ORIGINS", "https://*.example"),
        ("TRUSTED_HOSTS", "*"),
        ("TRUSTED_HOSTS", "*.example.org"),
        ("TRUSTED_HOSTS", "https://api.example.org"),
        ("TRUSTED_HOSTS", "api.example.org/"),
        ("TRUSTED_HOSTS", "localhost,api.example.org:443"),
        ("TRUSTED_HOSTS", "::1"),
        ("TRUSTED_HOSTS", "[::1]:80"),
        ("TRUSTED_HOSTS", "[127.0.0.1]"),
        ("TRUSTED_HOSTS", "256.1.1.1"),
        ("TRUSTED_HOSTS", "api..example.org"),
        ("TRUSTED_HOSTS", "two words"),
        ("CORS_ORIGINS", "app.example.org"),
    ],
)
def test_a_setting_out_of_range_stops_the_start_and_is_named(name, text):
    assert startup_error({**VALID, name: text}).startswith(name)


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://:p%40ss@h:6379/0",
        "rediss://u:p@h:6380/1?ssl_cert_reqs=none&health_check_interval=30",
        "unix:///run/redis.sock?db=1",
        "unix://u:p@/run/redis.sock",
    ],
)
def test_a_redis_url_of_every_form_is_accepted(url):
    assert from_environment({**VALID, "REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize(
    "url",
    [
        "redis://u:hunter2@h/0?sslmode=require",
        "redis://u:hunter2@h/0?ssl_cert_reqs=none",
        "redis://u:hunter2@h/0?retry=3",
        "redis://u:hunter2@h/0?retry_on_error=x",
        "redis://u:hunter2@h/0?socket_timeout=-1",
        "redis://u:hunter2@h/0?protocol=9",
        "redis://u:hunter2@h/0?max_connections=many",
        "rediss://u:hunter2@h/0?ssl_cert_reqs=perhaps",
        "redis://u:hunter2@h/name",
        "redis://u:hunter2@h:99999/0",
        "redis://:hunter2#secret@h/0",
        "redis://:123#hunter2@h/0",
        "redis://u:p@hunter2/secret@h/0",
        "redis://u:hunter2?secret@h/0",
        "redis://u:hunter2@[h/0",
        "http://u:hunter2@h",
    ],
)
def test_an_invalid_redis_url_stops_the_start_without_its_secrets(url):
    message = startup_error({**VALID, "REDIS_URL": url})
    assert message.startswith("REDIS_URL ")
    assert message.endswith(".")
    assert not {"hunter2", "secret"} & set(re.findall(r"\w+", message))


def test_an_error_of_a_url_has_no_cause_that_repeats_it():
    with pytest.raises(SettingError) as error:
        from_environment({**VALID, "REDIS_URL": "redis://:hunter2#secret@h/0"})
    assert (error.value.__cause__, error.value.__context__) == (None, None)


def test_the_length_of_a_secret_is_counted_in_bytes():
    assert from_environment({"JWT_SECRET_KEY": "ﷺ" * 11}).jwt_secret_key == "ﷺ" * 11


# Production


def test_production_starts_with_a_database_and_a_secret():
    settings = from_environment(PRODUCTION)
    assert settings.production
    assert settings.jwt_secret_key == PRODUCTION["JWT_SECRET_KEY"]


@pytest.mark.parametrize(
    ("without", "overrides", "name"),
    [
        ("DATABASE_URL", {}, "DATABASE_URL"),
        ("JWT_SECRET_KEY", {}, "JWT_SECRET_KEY"),
        ("", {"DATABASE_URL": "  "}, "DATABASE_URL"),
        ("", {"JWT_SECRET_KEY": "  "}, "JWT_SECRET_KEY"),
        ("", {"JWT_SECRET_KEY": "short"}, "JWT_SECRET_KEY"),
        ("", {"JWT_SECRET_KEY_PREVIOUS": "short"}, "JWT_SECRET_KEY_PREVIOUS"),
        ("", {"RATELIMIT_ENABLED": "false"}, "RATELIMIT_ENABLED"),
        ("", {"CORS_ORIGINS": "*"}, "CORS_ORIGINS"),
        ("", {"STRIPE_SECRET_KEY": "sk_live_x"}, "STRIPE_WEBHOOK_SECRET"),
    ],
)
def test_production_does_not_start_with_a_missing_or_weak_setting(
    monkeypatch, tmp_path, without, overrides, name
):
    monkeypatch.setattr(config, "INSTANCE", tmp_path)
    environment = {key: text for key, text in PRODUCTION.items() if key != without}
    message = startup_error({**environment, **overrides})
    assert name in message
    assert message.endswith(".")
    assert "sk_live_x" not in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ({"JWT_SECRET_KEY": "a" * 64}, "JWT_SECRET_KEY"),
        ({"JWT_SECRET_KEY": "changeme" * 4}, "JWT_SECRET_KEY"),
        ({"JWT_SECRET_KEY": "0123456789" * 4}, "JWT_SECRET_KEY"),
        ({"JWT_SECRET_KEY": "your-super-secret-jwt-key-in-production"}, "JWT_SECRET_KEY"),
        ({"JWT_SECRET_KEY_PREVIOUS": "secret" * 8}, "JWT_SECRET_KEY_PREVIOUS"),
        ({"STRIPE_SECRET_KEY": "sk_test_local"}, "STRIPE_SECRET_KEY"),
        ({"STRIPE_WEBHOOK_SECRET": "whsec_local"}, "STRIPE_WEBHOOK_SECRET"),
        ({"STRIPE_WEBHOOK_SECRET": f"whsec_{RANDOM},whsec_test"}, "STRIPE_WEBHOOK_SECRET"),
        ({"STRIPE_WEBHOOK_SECRET": f"whsec_{RANDOM}, whsec_test ,"}, "STRIPE_WEBHOOK_SECRET"),
        ({"STRIPE_WEBHOOK_SECRET": " , ,"}, "STRIPE_WEBHOOK_SECRET"),
        ({"STRIPE_API_BASE": "http://stripe.example"}, "STRIPE_API_BASE"),
        ({"CORS_ORIGINS": "http://app.example.org"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": "https://app.example.org,HTTP://b.example"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": "http://localhost.example.org"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": "http://127.0.0.1.example.org"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": "http://[::2]"}, "CORS_ORIGINS"),
    ],
)
def test_production_does_not_start_with_a_guessable_or_unencrypted_setting(overrides, name):
    stripe = {"STRIPE_SECRET_KEY": "sk_test_x", "STRIPE_WEBHOOK_SECRET": f"whsec_{RANDOM}"}
    message = startup_error({**PRODUCTION, **stripe, **overrides})
    assert message.startswith(name)
    assert message.endswith(".")
    assert "SECRET" not in name or overrides[name] not in message


@pytest.mark.parametrize("key", ["sk_live_x", "rk_live_x", "sk_test_x", "rk_test_x"])
def test_production_starts_with_stripes_keys_of_either_mode(key):
    stripe = {"STRIPE_SECRET_KEY": key, "STRIPE_WEBHOOK_SECRET": f"whsec_{RANDOM}"}
    assert from_environment({**PRODUCTION, **stripe}).stripe_secret_key == key


def test_production_starts_with_several_webhook_secrets():
    first, second = f"whsec_{RANDOM}", f"whsec_{RANDOM[::-1]}"
    stripe = {"STRIPE_SECRET_KEY": "sk_live_x", "STRIPE_WEBHOOK_SECRET": f" {first} ,, {second}, "}
    settings = from_environment({**PRODUCTION, **stripe})
    assert settings.stripe_webhook_secrets == (first, second)


@pytest.mark.parametrize("account", ["1Abc", "acct_", "acct_1 2", "acct_1,acct_2", "acct_é"])
def test_an_account_must_have_the_form_of_stripes_ids(account):
    assert startup_error({**VALID, "STRIPE_ACCOUNT": account}).startswith("STRIPE_ACCOUNT")
    assert from_environment({**VALID, "STRIPE_ACCOUNT": "acct_1Abc"}).stripe_account == "acct_1Abc"


LOCAL_ORIGINS = "http://localhost:3000,http://a.localhost,http://127.0.0.1:3000,http://[::1]:3000"
APP_ORIGINS = (
    "capacitor://localhost,ionic://localhost,tauri://localhost,com.example.app://localhost"
)


@pytest.mark.parametrize("origins", [LOCAL_ORIGINS, APP_ORIGINS, "https://app.example.org:8443"])
@pytest.mark.parametrize("environment", [VALID, PRODUCTION], ids=["development", "production"])
def test_origins_of_this_machine_and_of_apps_are_accepted(environment, origins):
    settings = from_environment({**environment, "CORS_ORIGINS": origins})
    assert settings.cors_origins == tuple(origins.split(","))


@pytest.mark.parametrize("scheme", ["file", "ws", "wss", "ftp", "javascript", "data", "blob", ""])
def test_an_origin_of_a_scheme_that_no_app_has_is_rejected(scheme):
    message = startup_error({**VALID, "CORS_ORIGINS": f"{scheme}://localhost"})
    assert message.startswith("CORS_ORIGINS")


# The logo of documents


@pytest.mark.parametrize("content", [make_png(2000, 2000), JPEG], ids=["PNG", "JPEG"])
def test_a_logo_is_a_png_or_jpeg_file(tmp_path, content):
    file = tmp_path / "logo"
    file.write_bytes(content)
    settings = from_environment({**VALID, "ORGANIZATION_LOGO": str(file)})
    assert settings.organization_logo == str(file)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "must be a PNG or JPEG file"),
        (b"%PDF-1.7", "must be a PNG or JPEG file"),
        (b"<svg/>", "must be a PNG or JPEG file"),
        (make_png() + bytes(2**20), "must have at most 1 MB"),
        (make_png(2000, 2001), "must have at most 4 million pixels"),
    ],
    ids=["missing", "empty", "PDF", "SVG", "large", "too many pixels"],
)
def test_a_file_that_cannot_be_the_logo_stops_the_start(tmp_path, content, reason):
    file = tmp_path / "logo"
    if content is not None:
        file.write_bytes(content)
    message = startup_error({**VALID, "ORGANIZATION_LOGO": str(file)})
    assert message == f"ORGANIZATION_LOGO {reason}."


def test_a_folder_cannot_be_the_logo(tmp_path):
    message = startup_error({**VALID, "ORGANIZATION_LOGO": str(tmp_path)})
    assert message == "ORGANIZATION_LOGO cannot be read: Is a directory."


# Development


@pytest.mark.parametrize("app_env", ["development", "testing"])
@pytest.mark.parametrize("key", ["sk_live_x", "rk_live_x"])
def test_a_live_key_stops_the_start_outside_production(app_env, key):
    message = startup_error({**VALID, "APP_ENV": app_env, "STRIPE_SECRET_KEY": key})
    assert message.startswith("STRIPE_SECRET_KEY is a live key")
    assert key not in message
    assert "APP_ENV=production" in message


@pytest.fixture
def instance(monkeypatch, tmp_path):
    """Return the instance folder of a new checkout, which does not exist yet."""
    monkeypatch.setattr(config, "INSTANCE", tmp_path / "instance")
    return tmp_path / "instance"


def test_development_creates_a_secret_that_only_its_user_can_read(instance):
    secret = from_environment({}).jwt_secret_key
    assert len(secret.encode()) >= 32
    assert from_environment({}).jwt_secret_key == secret
    (file,) = instance.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == secret


def test_a_secret_that_others_could_read_becomes_private(instance):
    instance.mkdir()
    instance.chmod(0o755)
    (instance / "jwt-secret-key").write_text(SECRET)
    (instance / "jwt-secret-key").chmod(0o644)
    assert from_environment({}).jwt_secret_key == SECRET
    assert stat.S_IMODE((instance / "jwt-secret-key").stat().st_mode) == 0o600


def test_the_folder_of_the_secret_is_private(instance):
    before = os.umask(0)
    try:
        from_environment({})
    finally:
        os.umask(before)
    assert stat.S_IMODE(instance.stat().st_mode) == 0o700


def test_two_checkouts_have_two_secrets(instance, monkeypatch, tmp_path):
    secret = from_environment({}).jwt_secret_key
    monkeypatch.setattr(config, "INSTANCE", tmp_path / "another")
    assert from_environment({}).jwt_secret_key != secret


def test_a_configured_secret_is_not_written_to_disk(instance):
    from_environment(VALID)
    assert not instance.exists()


def test_an_empty_secret_file_is_replaced(instance):
    instance.mkdir()
    (instance / "jwt-secret-key").write_text("")
    assert len(from_environment({}).jwt_secret_key.encode()) >= 32


# .env.example


def read_example() -> dict[str, str]:
    """Return the settings in .env.example."""
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and line[0] != "#"]
    assert all("=" in line for line in lines)
    pairs = [line.split("=", 1) for line in lines]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_the_example_lists_exactly_the_settings():
    assert set(read_example()) == {field.name.upper() for field in fields(Settings)}


def test_the_example_gives_the_defaults():
    assert from_environment({**read_example(), **VALID}) == Settings(jwt_secret_key=SECRET)


def test_settings_empty_in_the_example_have_no_fixed_default():
    empty = {name.lower() for name, text in read_example().items() if not text}
    machine_dependent = {"web_concurrency", "instance_name", "upload_dir", "dev_clock_file"}
    assert empty == machine_dependent | {
        field.name for field in fields(Settings) if field.default in ("", (), Decimal("Infinity"))
    }


# Mail

MAIL = {"MAIL_URL": "smtp://u:p%40ss@mail.example.org:587", "MAIL_FROM": "no-reply@example.org"}


@pytest.mark.parametrize(
    "url",
    [
        "smtp://mail.example.org",
        "smtp://localhost:1025",
        "smtps://user%40example.org:p%2Fw@mail.example.org:465",
        "smtp://u:p@[::1]:2525",
        "smtp://10.0.0.2:25/",
    ],
)
def test_a_mail_url_names_a_server(url):
    assert from_environment({**VALID, **MAIL, "MAIL_URL": url}).mail_url == url


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org:587",
        "http://u:s3cr3t@mail.example.org",
        "smtp://",
        "smtp://u:s3cr3t@:587",
        "smtp://u:s3cr3t@mail.example.org:0",
        "smtp://u:s3cr3t@mail.example.org:99999",
        "smtp://u:s3cr3t@mail.example.org:port",
        "smtp://u:s3cr3t/x@mail.example.org",
        "smtp://u:s3cr3t#x@mail.example.org",
        "smtp://u:s3cr3t?x@mail.example.org",
        "smtp://u@x.org:s3cr3t@mail.example.org",
        "smtp://u:s3cr3t%zz@mail.example.org",
        "smtp://s3cr3t@mail.example.org",
        "smtp://u:s3cr3t@mail.example.org/path",
        "smtp://u:s3cr3t@mail.example.org?tls=1",
        "smtp://u:s3cr3t@mail example.org",
    ],
)
def test_an_invalid_mail_url_stops_the_start_without_its_secrets(url):
    message = startup_error({**VALID, **MAIL, "MAIL_URL": url})
    assert message.startswith("MAIL_URL ")
    assert "s3cr3t" not in message


@pytest.mark.parametrize(
    "sender", ["Al-Amanah", "a@b@c.org", "<>", "a@b.org, c@d.org", "a@b.org\nBcc: c@d.org", "@x"]
)
def test_an_invalid_sender_stops_the_start(sender):
    assert startup_error({**VALID, "MAIL_FROM": sender}).startswith("MAIL_FROM must")


def test_a_mail_server_needs_a_sender_and_in_production_an_address_for_links():
    assert "MAIL_FROM is required" in startup_error({**VALID, "MAIL_URL": MAIL["MAIL_URL"]})
    assert "PUBLIC_URL is required" in startup_error({**PRODUCTION, **MAIL})
    public = {"PUBLIC_URL": "https://api.example.org"}
    assert from_environment({**PRODUCTION, **MAIL, **public}).mail_from == MAIL["MAIL_FROM"]
    named = {"MAIL_FROM": "الأمانة <no-reply@example.org>"}
    assert from_environment({**VALID, **MAIL, **named}).mail_from == named["MAIL_FROM"]


# Cores


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "6400000 100000"}, 64),
        ({"cpu.max": "max 100000"}, 64),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
        ({}, 64),
    ],
)
def test_the_quota_of_a_container_limits_the_cores(monkeypatch, tmp_path, files, count):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    assert count_usable_cores(tmp_path) == count
