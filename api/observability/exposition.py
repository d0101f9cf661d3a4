"""Where Prometheus asks: one port of its own, for the server, its workers and `crm worker` beside them.

Every process writes its numbers into a folder that they share; the first of them reads the folder when asked, in a
thread, so that a busy or a dead worker does not stand in the way. The port is never the one that serves clients.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Metric

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_PID = re.compile(r"_(\d+)\.db\Z")


@contextmanager
def exposed(host: str, port: int | None) -> Iterator[None]:
    """Tell metrics at http://host:port/metrics during the block; `port` None: nowhere, and nothing is counted.

    Processes that are started in the block are told of as well. Call it before anything has imported the metrics.

    Raises:
        OSError: the port is taken.
    """
    if port is None:
        yield
        return
    with TemporaryDirectory(prefix="crm-metrics-") as folder:
        os.environ[FOLDER] = folder
        try:
            with _serving(host, port, Path(folder)):
                yield
        finally:
            del os.environ[FOLDER]


@contextmanager
def _serving(host: str, port: int, folder: Path) -> Iterator[None]:
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    registry.register(_Processes(folder))
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]  # the library's
    server, thread = start_http_server(port, addr=host, registry=registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Processes:
    """Memory, processor time and files of each process that counts, and forgets the gauges of those that ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> "Iterable[Metric]":
        """Give them, labelled with the process's id."""
        from prometheus_client import CollectorRegistry, Metric, ProcessCollector
        from prometheus_client.multiprocess import mark_process_dead

        families: dict[str, Metric] = {}
        for pid in {os.getpid(), *self._pids()}:
            if not _runs(pid):
                mark_process_dead(pid, str(self._folder))  # type: ignore[no-untyped-call]  # the library's
                continue
            for metric in ProcessCollector(pid=partial(str, pid), registry=CollectorRegistry()).collect():
                family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    family.add_sample(sample.name, {"pid": str(pid)}, sample.value)
        return families.values()

    def _pids(self) -> Iterator[int]:
        for path in self._folder.iterdir():
            if found := _PID.search(path.name):
                yield int(found[1])


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
