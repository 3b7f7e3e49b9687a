"""The studies at a tiny size: what each measures against what is known exactly, and the page that it writes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

import binn_cli
from binn_cli.config.schema import BASES, PoissonConfig, SineConfig
from binn_cli.datasets.poisson import Poisson
from binn_cli.datasets.sine import Sine
from binn_cli.models.binn.bases.chidenn import Patch
from tests.marks import thorough_for
from tests.studies import __main__ as studies
from tests.studies import bases, gp_limit, mean_field, posterior_limit
from tests.studies.loop import Memory
from tests.studies.priors import Prior, prior_of

ROOT = Path(__file__).resolve().parents[1]


def _check_page(path: Path) -> str:
    """The page says what it is, when, with what and how long; its figure is there; nothing in it is unfinished."""
    text = path.read_text()
    name = path.stem
    assert re.match(rf"# .+\n\n!\[.+\]\({name}\.png\)\n", text)
    made = (
        rf"python -m tests\.studies {name}` on \d{{4}}-\d\d-\d\d, binn {re.escape(binn_cli.__version__)}, "
        rf"(in \d+ seconds|from [\d,]+ kept results)"
    )
    assert re.search(made, " ".join(text.split()))
    assert "nan" not in text.lower()
    assert not re.search(r"[{}]", text)
    assert path.with_suffix(".png").stat().st_size > 5000
    return text


@pytest.fixture(scope="module")
def priors() -> dict[int, Prior]:
    return {m: prior_of(m) for m in (1, 4, 16)}


def test_prior_variance_does_not_depend_on_the_number_of_modes(priors: dict[int, Prior]) -> None:
    kernels = [prior.product_kernel(gp_limit.POINTS, gp_limit.POINTS) for prior in priors.values()]
    np.testing.assert_allclose(kernels[1:], [kernels[0]] * 2, rtol=1e-12)
    np.testing.assert_allclose(np.diag(kernels[0]), 1.0, atol=0.05)


def test_closed_form_of_the_prior_at_a_point() -> None:
    """M = 2 is the Laplace law, and the excess kurtosis 6/M shows in the first Edgeworth term, 6/M · max|x³ − 3x| φ(x)
    / 24."""
    x = np.array([0.2, 1.0, 2.0])
    np.testing.assert_allclose(gp_limit.exact_distribution(x, 2), 1 - 0.5 * np.exp(-np.sqrt(2) * x), atol=1e-4)
    grid = np.linspace(0, 3, 400)
    term = np.abs((grid**3 - 3 * grid) * norm.pdf(grid)).max() / 24
    np.testing.assert_allclose(gp_limit.exact_distance(400), 6 / 400 * term, rtol=0.02)


def test_prior_covariance_is_the_product_kernel_and_the_kurtosis_falls_as_one_over_m(priors: dict[int, Prior]) -> None:
    """Theorem 3.2; five standard errors of 40,000 draws are a false alarm in fewer than one of 10,000 seeds."""
    found = {m: gp_limit.sampled(m, 40_000) for m in priors}
    for m, sample in found.items():
        assert sample.covariance_z < 5
        assert abs(sample.kurtosis - 6 / m) < 5 * sample.kurtosis_se
        assert abs(sample.distance - gp_limit.exact_distance(m)) < 2 / np.sqrt(40_000)
    assert -1.3 < gp_limit.decay(list(found), [s.kurtosis for s in found.values()]) < -0.75


def test_exact_posterior_agrees_with_plain_importance_sampling(priors: dict[int, Prior]) -> None:
    """The functions of both inputs drawn from the prior and weighted by the likelihood: more noise, no algebra."""
    prior, data = priors[1], posterior_limit.problem(n=5)
    exact = posterior_limit.exact_posterior(prior, data, 40_000)
    points, rng = np.concatenate([data.x, data.new]), np.random.default_rng(1)
    y = np.sum(prior.functions(rng, 0, points, 200_000) * prior.functions(rng, 1, points, 200_000), axis=1)
    likelihood = np.exp(-0.5 * np.sum((y[:, :5] - data.u) ** 2, axis=1) / posterior_limit.NOISE)
    mean = likelihood @ y[:, 5:] / likelihood.sum()
    std = np.sqrt(likelihood @ y[:, 5:] ** 2 / likelihood.sum() - mean**2)
    effective = likelihood.sum() ** 2 / np.sum(likelihood**2)
    assert effective > 500
    tolerance = 5 * (std / np.sqrt(effective) + exact.mean_se)
    assert np.all(np.abs(exact.mean - mean) < tolerance)
    assert np.all(np.abs(exact.std - std) < tolerance + 5 * exact.std_se)


def test_posterior_converges_to_that_of_the_gaussian_process(priors: dict[int, Prior]) -> None:
    """Theorem 3.3: from M = 1 to 16 the distance falls about as 1/M."""
    data = posterior_limit.problem()
    limit = posterior_limit.gp_posterior(priors[1], data)
    gaps = np.array(
        [posterior_limit.distances(posterior_limit.exact_posterior(p, data, 10_000), limit) for p in priors.values()]
    )
    assert np.all(np.diff(gaps, axis=0) < 0)
    assert gaps[2].max() < 0.08
    assert np.all(gaps[1] / gaps[2] > 2)


@pytest.mark.thorough
@pytest.mark.slow
def test_alternation_counts_what_the_blocks_can_trade() -> None:
    """With one mode and little noise the ratio to NUTS is √(2 J / (2 J − M)): the common size of both functions is
    counted twice."""
    (found,) = mean_field.compared(rank=1, modes=1, noise=0.02, draws=400, inferences=("als",))
    assert found.r_hat < 1.03
    assert found.mean_gap < 0.2
    np.testing.assert_allclose(np.sqrt(np.mean(found.ours**2) / np.mean(found.theirs**2)), found.counted, rtol=0.06)


def test_best_basis_is_judged_off_the_grid() -> None:
    trials = [
        bases.Trial("p", "hat", "8", {"test": 1e-9, "offgrid": 1e-2}, {"test": 1.0, "offgrid": 0.5}, 0.1),
        bases.Trial("p", "bspline", "8", {"test": 1e-3, "offgrid": 1e-3}, {"test": 1.0, "offgrid": 0.9}, 0.1),
    ]
    assert bases.best(trials).basis == "bspline"
    noisy = [
        bases.Trial("p", b, "8", {"test": 0.2, "function": e}, {"test": 0.95, "function": 1.0}, 0.1)
        for b, e in (("hat", 2e-2), ("bspline", 1e-2))
    ]
    assert bases.best(noisy).basis == "bspline"
    assert bases.covered(noisy[0]) == "test"


TINY: dict[str, dict[str, object]] = {
    "gp_limit": {"modes": (1, 4), "draws": 4000},
    "posterior_limit": {"modes": (1, 4), "draws": 1000},
    "prior_draws": {
        "widths": (4,),
        "draws": 300,
        "modes": (1, 2, 4),
        "seeds": (0,),
        "words": ("budget=smoke", "model.widths=[4]", "dataset.n_train=15"),
    },
    "mean_field": {"cases": ((1, 1),), "noises": (0.2,), "draws": 20},
    "bases": {},
    "patches": {"patches": (Patch(), Patch(1, 2)), "nodes": (9,), "centers": (5,)},
    "estimates": {"counts": {1: 2, 3: 3}},
    "solving": {"poisson": (6, 9), "heat": (5, 9), "dimensions": (1, 2)},
    "inverse": {"surrogates": ("heat3d",), "targets": 1},
    "indices": {"budgets": {"ishigami": {40: 1}, "field": {12: 1}}},
}
"""The studies of fits and loops are run in tests/studies."""
LONG = set(TINY) - {"gp_limit"}


def test_every_study_is_run_somewhere() -> None:
    loops = (ROOT / "tests" / "studies" / "test_loops.py").read_text()
    assert set(TINY) <= set(studies.STUDIES)
    assert all(f"{name}.study(" in loops for name in set(studies.STUDIES) - set(TINY))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    thorough_for(LONG, TINY),
)
def test_every_study_writes_its_page(name: str, tmp_path: Path) -> None:
    sizes = dict(TINY[name])
    if name == "bases":
        line = Sine(SineConfig(n_train=20, n_test=20), 0)
        sizes["chosen"] = [bases.Problem("line", [line], {"5": 5})]
    if name == "patches":
        sizes["dataset"] = Poisson(PoissonConfig(grid=6, candidates=6, train_cases=3, offgrid_points=20), 0)
    if name in ("estimates", "solving", "inverse", "indices"):
        sizes["path"] = tmp_path / "kept.jsonl"
    text = _check_page(studies.written(name, tmp_path, **sizes))
    if name == "bases":
        assert all(f"| {basis} |" in text for basis in BASES)


def test_unknown_study_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert studies.main(["nope"]) == 2
    assert capsys.readouterr().err.startswith("no study 'nope'; there are gp_limit")


@pytest.mark.parametrize("name", studies.STUDIES)
def test_the_kept_pages_are_whole(name: str) -> None:
    _check_page(ROOT / "docs" / "studies" / f"{name}.md")


def test_the_recorder_of_studies_has_all_that_tasks_call() -> None:
    """The studies of loops are thorough: without this, one that no longer runs would be seen by nobody."""
    tasks = ROOT / "binn_cli" / "tasks"
    called = {
        name
        for file in ("active_learn", "labelling", "regress", "rounds")
        for name in re.findall(r"recorder\.(\w+)\(", (tasks / f"{file}.py").read_text())
    }
    assert {"step", "describe", "calls"} <= called
    assert [name for name in sorted(called) if not hasattr(Memory, name)] == []
