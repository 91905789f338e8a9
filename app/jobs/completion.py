"""Record in the queue how a job has ended, where procrastinate would leave it running for ever."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import psycopg
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

PERSISTENCE = 15  # seconds; less than STALLED_AFTER, after which the job may be another worker's
INTERVAL = 1  # seconds


class CompletingJobManager(JobManager):
    """procrastinate's access to its tables, for which the end of a job may not be lost.

    A job that its own worker has not ended would keep its lock for as long as this worker lives.
    """

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """Finish the job, if need be when the database is back."""
        await _persist(partial(super().finish_job, job, status, delete_job))

    async def retry_job(self, job: Job, *arguments: Any, **keywords: Any) -> None:
        """Let the job wait again, or delete it if another one with its key waits already."""
        try:
            await _persist(partial(super().retry_job, job, *arguments, **keywords))
        except UniqueViolation:
            await self.finish_job(job, Status.FAILED, delete_job=True)


async def _persist(action: Callable[[], Awaitable[None]]) -> None:
    """Repeat ``action`` while the database is away, for PERSISTENCE seconds."""
    deadline = time.monotonic() + PERSISTENCE
    while True:
        try:
            await action()
        except ConnectorException as error:
            is_away = isinstance(error.__cause__, psycopg.OperationalError)
            if not is_away or time.monotonic() > deadline:
                raise
        else:
            return
        await asyncio.sleep(INTERVAL)
