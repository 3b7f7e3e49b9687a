"""Several processes that fit together: who they are, from the environment, and how they find one another.

Slurm sets what is needed in every process that `srun` starts. Elsewhere BINN_COORDINATOR (host:port of the first
process), BINN_PROCESSES and BINN_PROCESS say it.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from binn_cli.errors import BinnError

START_SECONDS, HEARTBEAT_SECONDS = 60, 20
"""How long processes wait for one another at the start, and for a sign of life of one that has stopped."""

FIRST_PORT, PORTS = 20_000, 20_000


@dataclass(frozen=True)
class Place:
    """One of several processes.

    Attributes:
        coordinator: host:port of the first process.
        count: how many there are.
        index: which this one is.
    """

    coordinator: str
    count: int
    index: int


def place_in(environment: Mapping[str, str]) -> Place | None:
    """What the environment says, or None where this process is alone.

    Raises:
        BinnError: if it says half of it, or something that is not a number.
    """
    own = [environment.get(name) for name in ("BINN_COORDINATOR", "BINN_PROCESSES", "BINN_PROCESS")]
    try:
        if any(own):
            coordinator, count, index = own
            if coordinator is None or count is None or index is None:
                raise BinnError(
                    "BINN_COORDINATOR, BINN_PROCESSES and BINN_PROCESS belong together; set all three or none"
                )
            found = Place(coordinator, int(count), int(index))
        elif "SLURM_STEP_NODELIST" in environment and int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
            job = int(environment["SLURM_JOB_ID"])
            host = first_host(environment["SLURM_STEP_NODELIST"])
            tasks, own_index = int(environment["SLURM_STEP_NUM_TASKS"]), int(environment["SLURM_PROCID"])
            found = Place(f"{host}:{FIRST_PORT + job % PORTS}", tasks, own_index)
        else:
            return None
    except (ValueError, KeyError) as error:
        raise BinnError(f"the environment's description of this run's processes cannot be read: {error}") from error
    if not 0 <= found.index < found.count:
        raise BinnError(f"process {found.index} cannot be one of {found.count}; number them from 0")
    return found if found.count > 1 else None


def first_host(nodes: str) -> str:
    """The first host of a Slurm list such as node[003-007,9],other."""
    head, bracket, rest = nodes.partition("[")
    if not bracket or "," in head:
        return nodes.split(",")[0]
    return head + rest.split("]")[0].split(",")[0].split("-")[0]


def join(place: Place) -> None:
    """Meet the other processes; must come before anything is computed.

    Raises:
        BinnError: if they do not all come within `START_SECONDS`.
    """
    import jax

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        jax.distributed.initialize(
            place.coordinator,
            place.count,
            place.index,
            initialization_timeout=START_SECONDS,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
        )
    except RuntimeError as error:
        where = f"process {place.index} of {place.count} waited {START_SECONDS} s at {place.coordinator}"
        raise BinnError(f"{where}, but the others did not all come: {_first_line(error)}") from error


def join_if_asked() -> Place | None:
    """Meet the other processes if the environment names any."""
    place = place_in(os.environ)
    if place is not None:
        join(place)
        _joined.append(place)
    return place


_joined: list[Place] = []


def leave_without_waiting() -> None:
    """After a failure: let this process end without the others, if there are any; they then notice, instead of waiting
    for it."""
    if _joined:
        atexit.register(_leave)  # runs before JAX's own, which waits for every process


def _leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


@contextmanager
def together() -> Iterator[None]:
    """What fails here because another process is gone says so.

    Raises:
        BinnError: in place of the error of a collective operation.
    """
    import jax

    try:
        yield
    # What waits for a result raises the first, what sends off the computation the second.
    except (jax.errors.JaxRuntimeError, ValueError) as error:
        if jax.process_count() == 1:
            raise
        problem = (
            f"process {jax.process_index()} of {jax.process_count()} lost touch with another one, which has "
            f"stopped or died"
        )
        raise BinnError(f"{problem}; see its own log ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200]
