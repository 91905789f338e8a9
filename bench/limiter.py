"""Measure what rate limits cost a request, in process.

``python -m bench.limiter [redis://…]`` calls four Flask apps in turns, each with one empty route,
and prints the microseconds that each takes above the one without limits.
"""

import sys
import timeit
from collections.abc import Callable

from flask import Flask, Response, g
from flask_limiter import Limiter
from limits import parse
from werkzeug.test import EnvironBuilder

from app.http.rate_limit_storage import Hit, ProcessStorage, storage_uri

LIMIT = "1000000 per minute"
ROUNDS, REQUESTS = 7, 2000


def without_limits(_: str) -> Flask:
    app = Flask("without_limits")
    app.add_url_rule("/", view_func=lambda: "ok", endpoint="index")
    return app


def with_our_check(redis_url: str) -> Flask:
    """Count as app.http.rate_limits does: one step counts the user and the address."""
    app = without_limits(redis_url)
    app.config["RATELIMIT_STORAGE_URI"] = storage_uri(redis_url)
    limiter, item = Limiter(lambda: "user"), parse(LIMIT)
    limiter.request_filter(lambda: True)
    limiter.init_app(app)

    @app.before_request
    def check_request() -> None:
        storage = limiter.storage
        assert isinstance(storage, ProcessStorage)  # noqa: S101
        hits = [
            Hit(item.key_for(client), item.get_expiry(), 1, item.amount)
            for client in ("user", "address")
        ]
        g.hits, g.reset_at = storage.hit(hits)[0]

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.extend(
            {
                "X-RateLimit-Limit": str(item.amount),
                "X-RateLimit-Remaining": str(item.amount - g.hits),
                "X-RateLimit-Reset": str(int(g.reset_at)),
            }
        )
        return response

    return app


def with_defaults(storage: Callable[[str], str]) -> Callable[[str], Flask]:
    """Let flask-limiter check its default limit and add its headers, on the given storage."""

    def create(redis_url: str) -> Flask:
        app = without_limits(redis_url)
        app.config["RATELIMIT_STORAGE_URI"] = storage(redis_url)
        Limiter(lambda: "user", default_limits=[LIMIT], headers_enabled=True).init_app(app)
        return app

    return create


def main() -> None:
    redis_url = sys.argv[1] if len(sys.argv) > 1 else ""
    creators = {
        "no limits": without_limits,
        "our check on the Limiter's storage": with_our_check,
        "flask-limiter's own check, our storage": with_defaults(storage_uri),
        "flask-limiter's own check and storage": with_defaults(lambda url: url or "memory://"),
    }
    apps = {name: create(redis_url) for name, create in creators.items()}
    environ = EnvironBuilder(path="/").get_environ()
    best = dict.fromkeys(apps, float("inf"))
    for _ in range(ROUNDS):
        for name, app in apps.items():

            def request(app: Flask = app) -> None:
                list(app.wsgi_app(dict(environ), lambda *args: None))

            seconds = timeit.timeit(request, number=REQUESTS) / REQUESTS
            best[name] = min(best[name], seconds * 1e6)
    for name, microseconds in best.items():
        print(f"{name:40} {microseconds - best['no limits']:6.1f} µs")


if __name__ == "__main__":
    main()
