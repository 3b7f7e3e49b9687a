"""The sine data set: statistics of the noise, streams, size."""

import time

import numpy as np
import pytest
from scipy import stats

from binn_cli.config.schema import SineConfig
from binn_cli.datasets.sine import Sine, sine
from binn_cli.errors import ConfigError


def noise(data):
    return data.values[:, 0] - sine(data.axes[0].points[:, 0])


def test_noise_and_points_have_the_stated_distributions():
    data = Sine(SineConfig(n_train=200_000), 0).training()
    assert data.inputs == ("x",) and data.axes[0].name == "point" and data.outputs == ("y",)
    error = noise(data)
    assert abs(error.mean()) < 4 * np.sqrt(0.04 / error.size)
    assert abs(error.var() / 0.04 - 1) < 4 * np.sqrt(2 / error.size)
    assert stats.kstest(error / 0.2, "norm").pvalue > 1e-3
    assert stats.kstest((data.axes[0].points[:, 0] + 1) / 2, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(error, data.axes[0].points[:, 0])[0, 1]) < 4 / np.sqrt(error.size)


def test_function_is_the_papers():
    assert sine(np.array([0.5]))[0] == pytest.approx(np.sin(1.5) + 0.3 * np.cos(4.5))


def test_train_and_test_are_independent():
    dataset = Sine(SineConfig(n_train=50_000, n_test=50_000), 0)
    train, test = dataset.training(), dataset.evaluation()["test"]
    for a, b in ((train.axes[0].points[:, 0], test.axes[0].points[:, 0]), (noise(train), noise(test))):
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(50_000)


def test_test_noise_may_be_switched_off():
    loud, quiet = (Sine(SineConfig(test_noise=flag), 5).evaluation()["test"] for flag in (True, False))
    np.testing.assert_array_equal(noise(quiet), 0)
    np.testing.assert_array_equal(loud.axes[0].points, quiet.axes[0].points)
    assert noise(loud).std() > 0.15


def test_training_is_stable_under_other_settings_and_nested_in_size():
    small = Sine(SineConfig(n_train=60), 9).training()
    large = Sine(SineConfig(n_train=1000, n_test=7, test_noise=False), 9).training()
    np.testing.assert_array_equal(large.values[:60], small.values)
    np.testing.assert_array_equal(large.axes[0].points[:60], small.axes[0].points)


def test_domain_and_zero_noise():
    data = Sine(SineConfig(n_train=500, domain=[2.0, 5.0], noise_variance=0.0), 0).training()
    x = data.axes[0].points[:, 0]
    assert x.min() >= 2 and x.max() <= 5 and np.ptp(x) > 2.8
    np.testing.assert_array_equal(data.values[:, 0], sine(x))


def test_a_label_is_always_the_same_noisy_value():
    dataset = Sine(SineConfig(n_train=40), 2)
    np.testing.assert_array_equal(dataset.label([7, 3]).values, dataset.training().values[[7, 3]])


def test_millions_of_points_take_no_python_loop():
    start = time.perf_counter()
    dataset = Sine(SineConfig(n_train=1_310_720), 0)
    assert dataset.training().n_points == 1_310_720
    assert "order" not in vars(dataset), "the regress path needs no permutation"
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"n_train": 1}, "dataset.n_train"),
        ({"n_test": 0}, "dataset.n_test"),
        ({"noise_variance": -1.0}, "dataset.noise_variance"),
        ({"noise_variance": float("nan")}, "dataset.noise_variance"),
        ({"domain": [1.0, -1.0]}, "dataset.domain"),
    ],
)
def test_unusable_settings_are_refused(change, key):
    with pytest.raises(ConfigError) as caught:
        SineConfig(**change)
    assert caught.value.key == key
