"""The jobs that wait for a worker process, and all that are not finished yet."""

from __future__ import annotations

from collections import deque

from koa_worker.workers.messages import Job, WriteReport


class JobQueue:
    """A job is unfinished from `add` to `finish`: while it waits, while it is being done, and while it is postponed."""

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()
        self._postponed: deque[Job] = deque()
        self._unfinished: set[str] = set()

    def __len__(self) -> int:
        """The number of waiting jobs, without the postponed ones."""
        return len(self._waiting)

    @property
    def has_postponed(self) -> bool:
        return bool(self._postponed)

    @property
    def has_report(self) -> bool:
        """Whether a report waits to be written."""
        return any(isinstance(job, WriteReport) for job in self._waiting)

    def is_unfinished(self, job_id: str) -> bool:
        return job_id in self._unfinished

    def add(self, job: Job) -> None:
        self._waiting.append(job)
        self._unfinished.add(job.id)

    def take(self) -> Job:
        """The next job for a worker process."""
        return self._waiting.popleft()

    def take_report(self) -> Job | None:
        """The next report, which comes before all files; None if none waits."""
        report = next((job for job in self._waiting if isinstance(job, WriteReport)), None)
        if report is not None:
            self._waiting.remove(report)
        return report

    def finish(self, job: Job) -> None:
        self._unfinished.discard(job.id)

    def postpone(self, job: Job) -> None:
        """Sets the job aside, because disk or database are unavailable."""
        self._postponed.append(job)

    def put_back_postponed(self) -> None:
        """Puts the postponed jobs before the others, since they were begun earlier."""
        self._waiting.extendleft(self._postponed)
        self._postponed.clear()
