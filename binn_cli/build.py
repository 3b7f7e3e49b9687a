"""The one place that turns settings into a dataset, a model and a task; each module is imported only when it is asked
for."""

from __future__ import annotations

from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from binn_cli.config.compose import Settings, of_run
from binn_cli.config.schema.kinds import kinds_of, text_choices
from binn_cli.errors import BinnError, MissingExtraError

if TYPE_CHECKING:
    from binn_cli.results.record import RunRecord

CLASSES: dict[str, dict[str, str]] = {
    "dataset": {
        "sine": "binn_cli.datasets.sine:Sine",
        "poisson": "binn_cli.datasets.poisson:Poisson",
        "heat": "binn_cli.datasets.heat:Heat",
        "blendednet": "binn_cli.datasets.blendednet.dataset:BlendedNet",
        "table": "binn_cli.datasets.table:Table",
        "snapshots": "binn_cli.datasets.snapshots.dataset:Snapshots",
        "simulator": "binn_cli.datasets.simulator.dataset:Simulator",
        "poisson_nd": "binn_cli.datasets.poisson_nd:PoissonNd",
        "heat3d": "binn_cli.datasets.heat3d:Heat3d",
        "helmholtz": "binn_cli.datasets.helmholtz:Helmholtz",
        "advection": "binn_cli.datasets.advection:Advection",
        "equation": "binn_cli.datasets.equation.dataset:Equation",
    },
    "model": {
        "binn": "binn_cli.models.binn.surrogate:Binn",
        "binn_paper": "binn_cli.models.binn.paper:BinnPaper",
        "bnn_nuts": "binn_cli.models.bnn.nuts:BnnNuts",
        "bnn_hmc": "binn_cli.models.bnn.hmc:BnnHmc",
        "bnn_vi": "binn_cli.models.bnn.vi:BnnVi",
        "bnn_map": "binn_cli.models.bnn.map:BnnMap",
        "bnn_ensemble": "binn_cli.models.bnn.ensemble:BnnEnsemble",
        "bnn_mh": "binn_cli.models.bnn.mh:BnnMh",
        "bnn_laplace": "binn_cli.models.bnn.laplace:BnnLaplace",
        "bnn_sgld": "binn_cli.models.bnn.sgld:BnnSgld",
        "bnn_swag": "binn_cli.models.bnn.swag:BnnSwag",
        "gp": "binn_cli.models.gp.exact:Gp",
        "gp_grid": "binn_cli.models.gp.grid:GpGrid",
        "gp_sparse": "binn_cli.models.gp.sparse:GpSparse",
        "gp_local": "binn_cli.models.gp.local:GpLocal",
        "gp_vecchia": "binn_cli.models.gp.vecchia:GpVecchia",
        "mlp": "binn_cli.models.networks.model:Mlp",
        "kan": "binn_cli.models.networks.model:Kan",
        "inn": "binn_cli.models.networks.model:Inn",
        "diffusion": "binn_cli.models.diffusion.model:Diffusion",
        "galerkin": "binn_cli.models.galerkin.model:Galerkin",
    },
    "task": {
        "regress": "binn_cli.tasks.regress:Regress",
        "active_learn": "binn_cli.tasks.active_learn:ActiveLearn",
        "scaling": "binn_cli.tasks.scaling:Scaling",
        "solve": "binn_cli.tasks.solve:Solve",
        "sensitivity": "binn_cli.tasks.questions.sensitivity.task:Sensitivity",
        "optimize": "binn_cli.tasks.questions.optimize.task:Optimize",
        "inverse": "binn_cli.tasks.questions.inverse.task:Inverse",
    },
}
"""The class of every option of every group, as `module:name`."""

EXTRAS = {"optax": "networks", "equinox": "networks", "blackjax": "blackjax", "gpboost": "vecchia"}
"""The extra of pyproject.toml that brings a Python module."""


def _class(group: str, name: str) -> Any:
    module, _, attribute = CLASSES[group][name].partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name in EXTRAS:
            raise MissingExtraError(EXTRAS[error.name], f"{group}={name}") from error
        raise BinnError(
            f"{group}={name}: cannot be used, because the Python module {error.name} is not installed"
        ) from error


def dataset(settings: Settings) -> Any:
    """The dataset that the settings describe, which draws everything random from the seed of the run."""
    return _class("dataset", settings.dataset.name)(settings.dataset, settings.seed)


def model(settings: Settings) -> Any:
    """The surrogate that the settings describe, before it has seen data."""
    given = getattr(settings.dataset, "kinds", None)
    kinds = kinds_of(given)
    chosen = _class("model", settings.model.name)(settings.model)
    if kinds:
        from binn_cli.models.encoded import encoded

        chosen = encoded(chosen, kinds)
    run = getattr(settings.dataset, "cheap", "")
    if not run:
        return chosen
    from binn_cli.cheap_run import cheap_of_run, cheap_of_tree
    from binn_cli.models.multifidelity import OnCheap

    read = cache(partial(cheap_of_run, run, _model_of))
    return OnCheap(chosen, read, partial(cheap_of_tree, model=_model_of), text_choices(given))


def _model_of(config: str) -> Any:
    """The model of a run with this configuration."""
    content = OmegaConf.create(config)
    assert isinstance(content, DictConfig)
    return model(of_run(content))


def data_identity(settings: Settings, data: Any) -> dict[str, str]:
    """What the values that a run learns from depend on beside its configuration.

    Args:
        settings: of the run.
        data: its dataset.

    Raises:
        BinnError: if a file or the run that `dataset.cheap` names cannot be read.
    """
    from binn_cli.datasets.dataset import identity_of

    known = identity_of(data)
    if settings.task.name == "solve" and settings.task.observations:
        from binn_cli.datasets.digest import file_digest

        known["task.observations"] = file_digest(Path(settings.task.observations))
    run = getattr(settings.dataset, "cheap", "")
    if not run:
        return known
    from binn_cli.cheap_run import identity

    return {**known, **identity(run)}


def task(settings: Settings) -> Any:
    """The task that the settings describe, told how many predictions to keep or, for scaling, what its processes shall
    build."""
    chosen = _class("task", settings.task.name)
    if settings.task.name == "scaling":
        return chosen(settings.task, dict(settings.resolved))
    return chosen(settings.task, settings.output.max_points)


def fitted(record: RunRecord) -> Any:
    """The surrogate that a run ended with, whatever its model; what `results.store.read` gives is the record.

    Raises:
        BinnError: if the run ended before its first fit.
    """
    return model_and_fitted(record)[1]


def model_and_fitted(record: RunRecord) -> tuple[Any, Any]:
    """The model of a run with its hyperparameters, and the surrogate that it ended with.

    Raises:
        BinnError: if the run ended before its first fit.
    """
    if record.surrogate is None:
        ended = "it ended before its first fit"
        asked = f"task={record.header.task} asked another run, which holds it"
        raise BinnError(f"the run holds no fitted surrogate: {asked if record.answers else ended}")
    from binn_cli.models.scope import own_state

    built = _model_of(record.header.config)
    return built, built.from_state(own_state(record.surrogate))
