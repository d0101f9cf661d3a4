"""Metrics for Prometheus, of all processes of an installation together at one address (docs/decisions/0017).

Imported only where they are wanted: the library decides when it is imported where its numbers stand, in this process
or in a folder that several share. Labels are bounded: roles, codes, commands and jobs, never what a client chose.
"""

from collections import Counter as Count

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from api.observability.record import Record

REQUEST_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60)
COMMAND_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5)
NONE = "none"
"""The label of what is not known, such as the role of nobody."""


class Metrics:
    """What is counted and measured, and where it is told."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._requests = Counter("crm_requests", "Requests answered.", ("kind", "role", "outcome"), registry=registry)
        self._seconds = Histogram(
            "crm_request_duration_seconds",
            "Time from a request to its answer.",
            ("kind", "role"),
            buckets=REQUEST_SECONDS,
            registry=registry,
        )
        self._refusals = Counter(
            "crm_refusals", "Errors and user errors told; a batch has one a row.", ("code",), registry=registry
        )
        self._commands = Histogram(
            "crm_database_command_duration_seconds",
            "Time of a database command, failed ones included.",
            ("command",),
            buckets=COMMAND_SECONDS,
            registry=registry,
        )
        self._failed = Counter("crm_database_commands_failed", "Failed ones.", ("command",), registry=registry)
        self._retries = Counter("crm_transactions_retried", "Transactions tried again.", registry=registry)
        self.subscribers = Gauge(
            "crm_subscribers", "Subscriptions open now.", registry=registry, multiprocess_mode="livesum"
        )
        self._job_runs = Counter("crm_worker_job_runs", "Batches of a job.", ("job", "outcome"), registry=registry)
        self._job_done = Counter("crm_worker_job_done", "Things a job did.", ("job",), registry=registry)
        self._caught_up = Gauge(
            "crm_worker_job_caught_up_timestamp_seconds",
            "When a job last found nothing left to do; its lag is the time since.",
            ("job",),
            registry=registry,
            multiprocess_mode="max",
        )

    def request(self, record: Record) -> None:
        """Count a request that ended."""
        kind, role = record.kind or NONE, record.caller.role.value if record.caller else NONE
        self._requests.labels(kind, role, record.outcome).inc()
        self._seconds.labels(kind, role).observe(record.seconds)
        for code, count in Count(record.codes).items():
            self._refusals.labels(code).inc(count)

    def command(self, name: str, seconds: float, good: bool) -> None:
        """Count a database command that ended."""
        self._commands.labels(name).observe(seconds)
        if not good:
            self._failed.labels(name).inc()

    def retry(self) -> None:
        """Count a transaction that is tried again."""
        self._retries.inc()

    def job(self, name: str, did: int, outcome: str) -> None:
        """Count a batch of a worker's job.

        Args:
            did: how many things it did.
            outcome: `done`, `idle` where nothing was left to do, or `failed`.
        """
        self._job_runs.labels(name, outcome).inc()
        self._job_done.labels(name).inc(did)
        if outcome == "idle":
            self._caught_up.labels(name).set_to_current_time()
