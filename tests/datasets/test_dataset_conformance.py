"""What every data set must do: one suite over all of them. A new data set is a line in `DATASETS`."""

import dataclasses
from tempfile import mkdtemp

import numpy as np
import pytest

from binn_cli.config.schema import (
    AdvectionConfig,
    BlendedNetConfig,
    EquationConfig,
    Heat3dConfig,
    HeatConfig,
    HelmholtzConfig,
    PoissonConfig,
    PoissonNdConfig,
    SimulatorConfig,
    SineConfig,
    SnapshotsConfig,
    TableConfig,
)
from binn_cli.datasets.advection import Advection
from binn_cli.datasets.blendednet.dataset import BlendedNet
from binn_cli.datasets.dataset import Dataset, identity_of
from binn_cli.datasets.equation.dataset import Equation
from binn_cli.datasets.heat import Heat
from binn_cli.datasets.heat3d import Heat3d
from binn_cli.datasets.helmholtz import Helmholtz
from binn_cli.datasets.poisson import Poisson
from binn_cli.datasets.poisson_nd import PoissonNd
from binn_cli.datasets.product import ProductData
from binn_cli.datasets.simulator.dataset import Simulator
from binn_cli.datasets.sine import Sine
from binn_cli.datasets.snapshots.dataset import Snapshots
from binn_cli.datasets.table import Table
from binn_cli.errors import ConfigError
from tests.datasets.snapshots.folders import a_folder
from tests.datasets.table_files import a_table
from tests.marks import thorough_for

HEAT = HeatConfig(
    source_centers=[[0.4, 0.6]],
    source_radius=0.3,
    grid=5,
    times=3,
    cells=4,
    substeps=3,
    candidates=[3, 4],
    train_cases=5,
    test_cases=4,
    offgrid_times=3,
    offgrid_points=4,
    offgrid_cases=2,
    cache="",
)
SIMULATOR = SimulatorConfig(
    parameters={"k": [1, 4], "P": [100, 200]},
    callable="tests.datasets.simulator.functions:decay",
    outputs=["u", "v"],
    candidates={"k": 5, "P": 4},
    store=mkdtemp(),
    train_cases=6,
    initial_cases=4,
    test_cases=3,
)
DATASETS = {
    "sine": (Sine, SineConfig(n_train=30)),
    "poisson": (Poisson, PoissonConfig(grid=5, candidates=20, train_cases=6, test_cases=4, offgrid_points=50)),
    "heat": (Heat, HEAT),
    "blendednet": (BlendedNet, BlendedNetConfig(train_cases=6, stride=20, interpolation_cases=["case_139"], cache="")),
    "snapshots": (Snapshots, SnapshotsConfig(path=a_folder(), outputs=["u"], train_cases=5, cache="")),
    "table": (Table, TableConfig(path=a_table(), outputs=["u"], n_train=12)),
    "simulator": (Simulator, SIMULATOR),
    "poisson_nd": (PoissonNd, PoissonNdConfig(n_train=30, n_test=20)),
    "heat3d": (Heat3d, Heat3dConfig(n_train=30, n_test=20)),
    "helmholtz": (Helmholtz, HelmholtzConfig(n_train=30, n_test=20)),
    "advection": (Advection, AdvectionConfig(n_train=30, n_test=20)),
    "equation": (Equation, EquationConfig(n_train=30, n_test=20)),
}


@pytest.fixture(params=thorough_for(["heat3d", "helmholtz"], DATASETS))
def build(request):
    cls, config = DATASETS[request.param]
    return lambda seed=0, **changes: cls(dataclasses.replace(config, **changes), seed)


def same(a: ProductData, b: ProductData) -> bool:
    return np.array_equal(a.values, b.values) and all(
        np.array_equal(m.points, o.points) for m, o in zip(a.axes, b.axes, strict=True)
    )


def test_protocol(build):
    dataset = build()
    assert isinstance(dataset, Dataset)
    assert hasattr(dataset.config, dataset.size_parameter)
    assert isinstance(dataset.note, str)
    assert dataset.name == dataset.config.name and dataset.initial_cases == dataset.config.initial_cases


def test_what_the_data_are_known_by_is_the_same_again(build):
    known = identity_of(build())
    assert known == identity_of(build())
    assert all(isinstance(text, str) for pair in known.items() for text in pair)


def test_held_out_and_order_part_the_candidates(build):
    dataset = build()
    assert isinstance(dataset.order, np.ndarray) and not dataset.order.flags.writeable
    assert sorted([*dataset.held_out, *dataset.order.tolist()]) == list(range(dataset.candidates.size))


def test_same_seed_same_data(build):
    first, second = build(3), build(3)
    assert same(first.training(), second.training())
    assert first.held_out == second.held_out and np.array_equal(first.order, second.order)
    for name, data in first.evaluation().items():
        assert same(data, second.evaluation()[name])


def test_another_seed_other_data(build):
    first, second = build(3), build(4)
    assert not same(first.training(), second.training())
    assert not np.array_equal(first.order, second.order)


def test_asking_again_changes_nothing(build):
    dataset = build()
    before = dataset.training()
    dataset.evaluation()
    dataset.label(dataset.order[:2])
    assert same(before, dataset.training())


def test_training_grows_with_the_size_parameter_and_the_test_stays(build):
    dataset = build()
    size = getattr(dataset.config, dataset.size_parameter)
    smaller = build(**{dataset.size_parameter: size - 2})
    large, small = dataset.training(), smaller.training()
    assert large.axes[-1].size == size and small.axes[-1].size == size - 2
    np.testing.assert_array_equal(large.axes[-1].points[: size - 2], small.axes[-1].points)
    for name, data in dataset.evaluation().items():
        assert same(data, smaller.evaluation()[name])


def test_labels_append_to_training_data(build):
    dataset = build()
    rows = dataset.order[:3]
    together = dataset.label(rows)
    grown = dataset.label(rows[:2]).appended(dataset.label([int(rows[2])]))
    assert same(together, grown)
    np.testing.assert_array_equal(together.axes[-1].points, dataset.candidates.points[rows])


def test_every_split_has_the_same_inputs_and_outputs(build):
    dataset = build()
    training = dataset.training()
    splits = dataset.evaluation()
    assert "test" in splits
    for data in splits.values():
        assert data.inputs == training.inputs and data.outputs == training.outputs
        assert not np.may_share_memory(data.values, training.values)


def test_test_cases_are_never_training_cases(build):
    dataset = build()
    training = {tuple(point) for point in dataset.training().axes[-1].points}
    assert not training & {tuple(point) for point in dataset.evaluation()["test"].axes[-1].points}


def test_a_negative_seed_is_refused(build):
    with pytest.raises(ConfigError, match="seed"):
        build(-1).training()
