"""Jobs on a Ray cluster that runs already, whose nodes see the directories of this one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from binn_cli.errors import BinnError, MissingExtraError


class RayCluster(Launcher):
    """A launcher of Hydra's that gives each job to a cluster, and waits for all of them."""

    def __init__(self, address: str, num_cpus: float, num_gpus: float) -> None:
        """The values of conf/hydra/launcher/ray_cluster.yaml."""
        self.address, self.num_cpus, self.num_gpus = address, num_cpus, num_gpus

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra has for a launcher."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        """Run the jobs; one that the cluster lost is no reason not to wait for the others.

        Raises:
            MissingExtraError: if Ray is not installed.
            BinnError: if there is no cluster at the address.
        """
        ray = self._joined()
        remote = ray.remote(num_cpus=self.num_cpus, num_gpus=self.num_gpus, max_retries=0)(_run)
        state, here = Singleton.get_state(), str(Path.cwd())
        waiting = []
        for number, overrides in enumerate(job_overrides, initial_job_idx):
            job = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))  # type: ignore[union-attr]
            with open_dict(job):
                job.hydra.job.id = f"job_id_for_{number}"
                job.hydra.job.num = number
            waiting.append(remote.remote(job, self.hydra_context, self.task_function, state, here))
        return [_result(ray, reference) for reference in waiting]

    def _joined(self) -> Any:
        try:
            import ray
        except ModuleNotFoundError as error:
            raise MissingExtraError("ray", "hydra/launcher=ray_cluster") from error
        if not ray.is_initialized():
            try:
                ray.init(address=self.address, log_to_driver=False, configure_logging=False)
            except (ConnectionError, RuntimeError, ValueError) as error:
                said = str(error).strip().splitlines()[0]
                raise BinnError(
                    f'hydra.launcher.address: there is no Ray cluster at "{self.address}" ({said})'
                ) from error
        return ray


def _result(ray: Any, reference: Any) -> JobReturn:
    try:
        found = ray.get(reference)
    except ray.exceptions.RayError as error:
        found = JobReturn()
        found.status, found.return_value = JobStatus.FAILED, error
    assert isinstance(found, JobReturn)
    return found


def _run(
    config: DictConfig, hydra_context: HydraContext, task_function: TaskFunction, state: dict[Any, Any], here: str
) -> JobReturn:
    """One job, on whatever node."""
    os.chdir(here)
    setup_globals()
    Singleton.set_state(state)
    return run_job(
        hydra_context=hydra_context,
        task_function=task_function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
