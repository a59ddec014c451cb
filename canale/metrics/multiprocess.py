# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""One set of metrics for all processes of a machine.

Each process writes its own to mapped files of a folder; the one that is scraped adds them up
(prometheus_client's multiprocess mode). A file belongs to a slot, not to a process id: a process
takes the first free slot by a lock that the kernel releases however the process ends, and continues
counting where the last holder stopped. So a worker that crashes every ten seconds leaves no trail
of files, and of a slot without a holder only the counters still count (docs/decisions/0022).
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from prometheus_client import CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from canale.runtime.file_locks import lock

logger = logging.getLogger(__name__)

FOLDER = "metrics"
MAX_SLOTS = 1_000
# All metrics of a slot fit: labels are few. Allocated at once, because writing to a mapped page
# without disk space behind it raises SIGBUS (mmap(2)).
FILE_BYTES = 256 * 1024
KINDS = ("counter", "histogram", "gauge_livesum")

_held: FileIO | None = None


def share_metrics(data: Path, *, reset: bool = False) -> bool:
    """Share this process's metrics with the others, once. Call it before metrics are declared.

    ``reset`` forgets what was counted, if no other process holds a slot. False: there is no
    room, and this process counts for itself alone.
    """
    global _held
    if _held is not None:
        return True
    if "canale.metrics.definitions" in sys.modules:
        raise RuntimeError("share_metrics() comes before the import of canale.metrics.definitions")
    folder = data / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if reset:
            _forget(folder)
        slot, _held = _take_slot(folder)
    except OSError as error:
        logger.warning("Metrics sharing disabled: cannot use %s (%s)", folder, error)
        return False
    # prometheus_client reads the folder from here.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    values.ValueClass = values.MultiProcessValue(lambda: slot)  # type: ignore[no-untyped-call]
    return True


def registry(own: CollectorRegistry) -> CollectorRegistry:
    """Return the metrics of all processes; those of this one alone if they are not shared."""
    if _held is None:
        return own
    folder = Path(_held.name).parent
    for slot in _free_slots(folder):
        mark_process_dead(slot, str(folder))  # type: ignore[no-untyped-call]
    shared = CollectorRegistry()
    MultiProcessCollector(shared, str(folder))  # type: ignore[no-untyped-call]
    return shared


def _take_slot(folder: Path) -> tuple[int, FileIO]:
    """Return the first free slot and its lock, with its files allocated. Raises OSError."""
    for slot in range(MAX_SLOTS):
        held = lock(folder / f"slot-{slot}")
        if held is not None:
            break
    else:
        raise OSError(f"{MAX_SLOTS} processes are counted already")
    for kind in KINDS:
        path = folder / f"{kind}_{slot}.db"
        if kind.startswith("gauge"):
            # Gauges of the last holder are invalid.
            path.unlink(missing_ok=True)
        with path.open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, FILE_BYTES)
    return slot, held


def _forget(folder: Path) -> None:
    """Delete all counts, or none if a slot is held.

    Prometheus takes a smaller sum for a restart at 0, and would count the rest a second time.
    """
    free = list(_free_slots(folder))
    if len(free) == len(list(folder.glob("slot-*"))):
        for slot in free:
            for kind in KINDS:
                (folder / f"{kind}_{slot}.db").unlink(missing_ok=True)


def _free_slots(folder: Path) -> Iterator[int]:
    """Yield free slots; each is locked while the caller handles it."""
    for path in folder.glob("slot-*"):
        held = None if _held is not None and path == Path(_held.name) else lock(path)
        if held is not None:
            with held:
                yield int(path.name.removeprefix("slot-"))
