"""Active learning step by step against Algorithm 1, with a data set and a surrogate that note what is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from binn_cli.config.schema import ActiveLearnConfig
from binn_cli.errors import ConfigError
from binn_cli.metrics import METRICS
from binn_cli.models.surrogate import Tree
from binn_cli.results.record import PHASES, RunRecord
from binn_cli.results.recorder import Recorder
from binn_cli.results.store import read
from binn_cli.tasks.active_learn import ActiveLearn
from tests.tasks.fakes import CASES, HELD_OUT, ORDER, FakeDataset, FakeSurrogate, Listener, new_recorder


def learn(directory: Path, dataset: FakeDataset | None = None, model: FakeSurrogate | None = None, **settings: Any):
    """A finished run: its data set, its model and its record as the file has it."""
    dataset, model = dataset or FakeDataset(), model or FakeSurrogate()
    recorder = new_recorder(directory, "active_learn")
    ActiveLearn(ActiveLearnConfig(**{"rounds": 4, **settings}), 1000).run(dataset, model, recorder)
    return dataset, model, read(recorder.path)


def rows(state: Any, name: str) -> list[int]:
    return np.atleast_1d(np.asarray(state[name])).tolist()


def test_starts_from_the_first_cases_of_the_order(tmp_path) -> None:
    dataset, model, record = learn(tmp_path)
    assert dataset.calls[0] == ORDER[:3].tolist()
    np.testing.assert_array_equal(model.fits[0]["data"].axes[-1].points, CASES[ORDER[:3]])
    assert [step.n_train for step in record.steps] == [15, 20, 25, 30, 35]
    assert [step.coordinates["round"] for step in record.steps] == [0, 1, 2, 3, 4]


def test_the_task_may_start_from_another_number(tmp_path) -> None:
    dataset, _, record = learn(tmp_path, initial=5, rounds=2)
    assert dataset.calls[0] == ORDER[:5].tolist()
    np.testing.assert_array_equal(record.state["initial"], CASES[ORDER[:5]])


def test_a_start_from_a_single_value_is_warned_about_once(tmp_path) -> None:
    # rows 7 and 2 differ in both k and P
    told = "the initial cases have a single value of {}: a length scale chosen from them is a guess; raise task.initial"
    for initial, expected in ((1, (told.format("k and of P"),)), (2, ())):
        _, _, record = learn(tmp_path / str(initial), initial=initial, rounds=2)
        found = [tuple(warning for warning in step.warnings if "initial cases" in warning) for step in record.steps]
        assert found == [expected, (), ()]


def test_only_the_first_fit_is_announced_to_compile(tmp_path) -> None:
    recorder, heard = new_recorder(tmp_path, "active_learn"), []
    listener = Listener()
    listener.on_announce = lambda message, done, total: heard.append(message)  # type: ignore[method-assign]
    recorder.subscribe(listener)
    ActiveLearn(ActiveLearnConfig(rounds=1), 1000).run(FakeDataset(), FakeSurrogate(), recorder)
    assert [message for message in heard if "fitting" in message] == [
        "fitting 15 points; the first fit also compiles",
        "fitting 20 points",
    ]


def test_takes_the_argmax_over_the_unlabelled_that_are_not_held_out(tmp_path) -> None:
    # the surest winners are held out (5) and labelled (7, 2); behind them come 6, 8, 1 and 10
    scores = {5: 90.0, 7: 80.0, 2: 70.0, 6: 60.0, 8: 50.0, 1: 40.0, 10: 30.0, 11: 95.0}
    spread = {tuple(CASES[row]): score for row, score in scores.items()}
    dataset, _, record = learn(tmp_path, model=FakeSurrogate(spread=spread))
    assert dataset.calls[1:] == [[6], [8], [1], [10]]
    assert rows(record.state, "acquired_rows") == [6, 8, 1, 10]
    assert [step.acquired for step in record.steps] == [
        None,
        *({"k": CASES[row, 0], "P": CASES[row, 1]} for row in (6, 8, 1, 10)),
    ]


def test_the_choice_is_made_by_the_fit_of_the_round_before(tmp_path) -> None:
    dataset, model, _ = learn(tmp_path)
    seen = ORDER[:3].tolist()
    for number, (chosen,) in enumerate(dataset.calls[1:]):
        free = [row for row in range(len(CASES)) if row not in seen and row not in HELD_OUT]
        scores = model.fitted[number].std(np.linspace(0, 1, 5), CASES).mean(axis=0)
        assert chosen == free[int(np.argmax(scores[free]))]
        seen.append(chosen)


@pytest.mark.parametrize("acquisition", ["mean_std", "max_std", "random", "maximin"])
def test_never_labels_twice_and_stops_when_the_pool_is_empty(tmp_path, acquisition: str) -> None:
    dataset, _, record = learn(tmp_path, rounds=1000, acquisition=acquisition)
    assert [len(call) for call in dataset.calls] == [3, *[1] * 7]
    labelled = [row for call in dataset.calls for row in call]
    assert sorted(labelled) == sorted(ORDER.tolist())
    assert len(record.steps) == 8
    assert record.steps[-1].n_train == 50
    assert rows(record.state, "chosen_rows") == []


def test_stops_after_the_rounds_asked_for_and_says_so_beforehand(tmp_path) -> None:
    recorder, listener = new_recorder(tmp_path, "active_learn"), Listener()
    recorder.subscribe(listener)
    ActiveLearn(ActiveLearnConfig(rounds=2), 1000).run(FakeDataset(), FakeSurrogate(), recorder)
    assert listener.planned == [3]
    assert len(recorder.record.steps) == 3


def test_a_pool_that_is_empty_from_the_start_is_one_fit(tmp_path) -> None:
    dataset, model, record = learn(tmp_path, initial=10, rounds=3)
    assert len(dataset.calls) == len(model.fits) == len(record.steps) == 1


def test_warm_start_capacity_and_domain(tmp_path) -> None:
    _, model, _ = learn(tmp_path)
    starts = [fit["warm_start"] for fit in model.fits]
    assert starts[0] is None
    assert all(start is before for start, before in zip(starts[1:], model.fitted, strict=False))
    assert [fit["capacity"] for fit in model.fits] == [7] * 5
    for fit in model.fits:
        np.testing.assert_array_equal(fit["domain"], [[0, 1], [1, 4], [100, 200]])


def test_training_split_is_predicted_with_one_shape_and_scored_without_padding(tmp_path) -> None:
    _, model, record = learn(tmp_path)
    assert {sizes for fitted in model.fitted for sizes in fitted.predicted} == {(5, 7), (5, 12), (5, 2), (2, 3)}
    data, fitted = model.fits[0]["data"], model.fitted[0]
    expected = np.sqrt(np.mean((data.values - fitted.memory) ** 2))
    np.testing.assert_allclose(record.steps[0].metrics["train"]["rmse"], [expected], rtol=1e-14)


def test_every_split_has_every_metric_and_every_phase_a_time(tmp_path) -> None:
    _, _, record = learn(tmp_path)
    assert record.splits == ("train", "test", "offgrid")
    for step in record.steps:
        assert {split: set(found) for split, found in step.metrics.items()} == {
            split: set(METRICS) for split in record.splits
        }
        assert tuple(sorted(step.timings)) == tuple(sorted(PHASES))
        assert all(value >= 0 for value in step.timings.values())
        assert (step.timings["fit"], step.timings["compile"]) == (0.5, 0.25)
        assert step.peak_rss_bytes > 0
        np.testing.assert_array_equal(step.diagnostics["residual"], [1.0, 0.5])
    assert record.steps[-1].timings["acquire"] == 0, "nothing is chosen in the last round"
    assert all(step.timings["acquire"] > 0 for step in record.steps[:-1])


def test_the_last_predictions_and_the_cases_are_kept(tmp_path) -> None:
    _, model, record = learn(tmp_path)
    assert record.predictions is not None and record.surrogate is not None and record.state is not None
    np.testing.assert_allclose(record.predictions.mean, model.fitted[-1].memory[0])
    np.testing.assert_array_equal(record.predictions.inputs[:2, 1:], CASES[list(HELD_OUT)])
    assert record.surrogate["generation"] == 4
    np.testing.assert_array_equal(record.state["held_out"], CASES[list(HELD_OUT)])
    assert record.state["case_coordinates"].tolist() == ["k", "P"]


@pytest.mark.parametrize("seed", [0, 1])
def test_random_choices_follow_the_seed_and_the_round(tmp_path, seed: int) -> None:
    dataset, _, _ = learn(tmp_path, acquisition="random", seed=seed)
    free = set(range(len(CASES))) - set(HELD_OUT) - set(ORDER[:3].tolist())
    for number, (chosen,) in enumerate(dataset.calls[1:]):
        scores = np.random.default_rng((seed, number)).random(len(CASES))
        assert chosen == max(free, key=lambda row: scores[row])
        free.remove(chosen)


@pytest.mark.parametrize(
    ("settings", "held", "key"), [({"initial": 11}, 3, "task.initial"), ({}, 11, "dataset.initial_cases")]
)
def test_more_initial_cases_than_the_pool_holds(tmp_path, settings: dict[str, int], held: int, key: str) -> None:
    dataset = FakeDataset(initial_cases=held)
    with pytest.raises(ConfigError) as caught:
        learn(tmp_path, dataset, **settings)
    expected = f"{key}: asks for 11 initial cases, but the pool holds 10 beside 2 held-out ones; ask for at most 10"
    assert str(caught.value) == expected
    assert dataset.calls == []


def assert_same_run(one: RunRecord, other: RunRecord) -> None:
    """All but times and memory."""
    assert len(one.steps) == len(other.steps)
    for mine, theirs in zip(one.steps, other.steps, strict=True):
        assert (mine.n_train, mine.coordinates, mine.acquired) == (theirs.n_train, theirs.coordinates, theirs.acquired)
        for split, named in mine.metrics.items():
            for name, values in named.items():
                np.testing.assert_array_equal(values, theirs.metrics[split][name], err_msg=f"{split} {name}")
    for tree, twin in ((one.state, other.state), (one.surrogate, other.surrogate)):
        assert tree is not None and twin is not None
        assert_same_tree(tree, twin)


def assert_same_tree(tree: Tree, twin: Tree) -> None:
    assert set(tree) == set(twin)
    for name, value in tree.items():
        if isinstance(value, Mapping):
            assert_same_tree(value, twin[name])
        else:
            np.testing.assert_array_equal(value, twin[name], err_msg=name)


@pytest.mark.parametrize("call", [0, 1, 2, 4], ids=lambda call: f"call{call}")
@pytest.mark.parametrize("acquisition", ["mean_std", "random"])
def test_an_interrupted_run_ends_like_one_that_was_not(tmp_path, call: int, acquisition: str) -> None:
    _, _, whole = learn(tmp_path / "whole", acquisition=acquisition)
    directory = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        learn(directory, FakeDataset(stop_at=call), acquisition=acquisition)
    stopped = read(directory / "results.h5")
    assert len(stopped.steps) == call
    dataset, model = FakeDataset(), FakeSurrogate()
    ActiveLearn(ActiveLearnConfig(rounds=4, acquisition=acquisition), 1000).run(
        dataset, model, Recorder.reopen(directory)
    )
    assert_same_run(whole, read(directory / "results.h5"))
    assert len(model.fits) == 5 - call
    assert {fit["capacity"] for fit in model.fits} == {7}
    labelled = [row for calls in dataset.calls for row in calls]
    assert len(set(labelled)) == len(labelled) == 7


def test_a_run_whose_last_step_was_kept_has_nothing_left_to_do(tmp_path) -> None:
    learn(tmp_path)
    dataset, model = FakeDataset(), FakeSurrogate()
    ActiveLearn(ActiveLearnConfig(rounds=4), 1000).run(dataset, model, Recorder.reopen(tmp_path))
    assert (dataset.calls, model.fits, len(read(tmp_path / "results.h5").steps)) == ([], [], 5)
