"""The worker process: it takes jobs from the queue until a signal stops it."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from typing import Any

import procrastinate
import psycopg
import psycopg_pool
from flask import Flask
from procrastinate.exceptions import ConnectorException

from config import sqlalchemy_url

from ..database.urls import connect_arguments
from ..errors import describe_database_error
from . import actions
from .queue import queue

log = logging.getLogger(__name__)

POLL_INTERVAL = 1  # seconds; a pooler in transaction mode does not pass on what LISTEN would hear
HEARTBEAT_INTERVAL = 5  # seconds
RETRY_INTERVAL = 5  # seconds until the database is tried again, or stalled jobs looked for
GRACE = 10  # seconds from SIGTERM until ``stop_if_requested`` stops; a PaaS kills after 30
CONCURRENCY = 2  # jobs at once: a long one, such as reconciliation, does not delay a mail


def work(app: Flask, *, wait: bool = True) -> None:
    """Run jobs until SIGTERM or SIGINT; without ``wait``, until no job is due."""
    arguments = connect_arguments(
        sqlalchemy_url(app.config["DATABASE_URL"]),
        app.config["DATABASE_POOLER"],
        app.config["SESSION_NAME"],
    )
    url = arguments.url.set(drivername="postgresql")
    connector = procrastinate.PsycopgConnector(
        conninfo=url.render_as_string(hide_password=False),
        kwargs={**arguments.parameters, "prepare_threshold": None},
        min_size=1,
        max_size=CONCURRENCY + 2,
        timeout=5,
    )
    with queue.replace_connector(connector):
        asyncio.run(_work_until_stopped(app, wait=wait))


async def _work_until_stopped(app: Flask, *, wait: bool) -> None:
    """Run a worker, and another one whenever it has ended because the database was away.

    The pool is opened outside of the task that is cancelled: cancelled itself, it would never end.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    while not stop.is_set():
        try:
            async with queue.open_async():
                await _run_worker_until(stop, app, wait=wait)
        except (ConnectorException, psycopg.Error, psycopg_pool.PoolTimeout) as error:
            log.warning("worker: %s", describe_database_error(error))
        if not wait:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), RETRY_INTERVAL)


async def _run_worker_until(stop: asyncio.Event, app: Flask, *, wait: bool) -> None:
    """Run a worker until it ends or ``stop`` is set; it waits for its running jobs then."""
    worker = asyncio.create_task(_run_worker(app, wait=wait))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({worker, stopped}, return_when=asyncio.FIRST_COMPLETED)
    worker.cancel()
    stopped.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await worker


async def _run_worker(app: Flask, *, wait: bool) -> None:
    def in_app_context(call_next: Callable[[], Any], _context: Any, _worker: Any) -> Any:
        with app.app_context():
            return call_next()

    rescue = asyncio.create_task(_retry_stalled_jobs(app))
    try:
        await queue.run_worker_async(
            wait=wait,
            concurrency=CONCURRENCY,
            listen_notify=False,
            fetch_job_polling_interval=POLL_INTERVAL,
            update_heartbeat_interval=HEARTBEAT_INTERVAL,
            stalled_worker_timeout=actions.STALLED_AFTER,
            shutdown_graceful_timeout=GRACE,
            install_signal_handlers=False,
            delete_jobs="successful",
            task_middleware=[in_app_context],
        )
    finally:
        rescue.cancel()


async def _retry_stalled_jobs(app: Flask) -> None:
    """Give back the jobs of workers that died, again and again."""

    def retry() -> None:
        with app.app_context():
            actions.retry_stalled_jobs()

    while True:
        with contextlib.suppress(Exception):  # the worker itself reports that the database is away
            await asyncio.to_thread(retry)
        await asyncio.sleep(RETRY_INTERVAL)
