"""The launchers of other packages: what is said when one is missing, and that none forgets jobs behind a lost one."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, TaskFunction
from hydra.utils import instantiate
from omegaconf import DictConfig

from binn_cli.errors import MissingExtraError
from binn_cli.execute import SAME_WISH_SECONDS
from binn_cli.whole_file import write_whole

EXTRAS = {"hydra_joblib_launcher": "joblib", "hydra_submitit_launcher": "submitit"}
"""The extra of pyproject.toml that brings a package of `hydra_plugins`."""
OURS = "binn_cli."


def require_launcher(config: DictConfig) -> None:
    """Raise unless the launcher that the configuration names can be used.

    Raises:
        MissingExtraError: if it is not installed.
    """
    target = str(config.hydra.launcher._target_)
    package = target.split(".")[1] if target.startswith("hydra_plugins.") else ""
    missing = EXTRAS.get(package) if target not in Plugins.instance().class_name_to_class else None
    if target.startswith(OURS) and find_spec("ray") is None:
        missing = "ray"
    if missing:
        raise MissingExtraError(missing, f"hydra/launcher={config.hydra.runtime.choices['hydra/launcher']}")


def launcher_of(hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> Any:
    """The launcher that the configuration names, whose values it takes as they are now."""
    if not str(config.hydra.launcher._target_).startswith(OURS):
        return Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
    # Hydra takes plugins from its own packages only.
    launcher = instantiate(config.hydra.launcher)
    launcher.setup(hydra_context=hydra_context, task_function=task_function, config=config)
    return launcher


@contextmanager
def every_job_waited_for(launcher: Any) -> Iterator[list[Exception]]:
    """With submitit, wait for every job, also behind one that the cluster has ended; gives what was said of those."""
    troubles: list[Exception] = []
    if "hydra_submitit_launcher" not in type(launcher).__module__:
        yield troubles
        return
    import submitit

    job_class: Any = submitit.Job
    original = job_class.results

    def results(job: Any) -> list[Any]:
        try:
            return list(original(job))
        except Exception as error:
            troubles.append(error)
            lost = JobReturn()
            lost.status = JobStatus.FAILED
            return [lost]

    job_class.results = results
    try:
        yield troubles
    finally:
        job_class.results = original


@contextmanager
def stopping_all(stop: Path) -> Iterator[list[int]]:
    """At the first Ctrl-C or SIGTERM tell all jobs to stop, wherever they run, and go on waiting; leave at the second.

    Args:
        stop: the file that the jobs look for.

    Yields:
        The signals that came.
    """
    came: list[int] = []
    since = [0.0]

    def heed(number: int, frame: FrameType | None) -> None:
        """Remember the signal; the second one, but for echoes of the first, ends everything."""
        if came and time.monotonic() - since[0] < SAME_WISH_SECONDS:
            return
        came.append(number)
        since[0] = time.monotonic()
        if len(came) > 1:
            raise KeyboardInterrupt
        with suppress(OSError):
            write_whole(stop, "the sweep was stopped")
        print("stopping the jobs that run; Ctrl-C again leaves them", file=sys.stderr)

    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, heed)
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
