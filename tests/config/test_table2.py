"""The experiment of the paper's Table 2: what each model and each output of the sweep is set to."""

from __future__ import annotations

import pytest

from binn_cli.config.store import by_output, conf_directory, options
from binn_cli.errors import BinnError, ConfigError

LENGTHS = {
    "cp": [1.13, 1.13, 1.5, 2.0, 2.0, 2.0, 1.5],
    "cf_x": [1.27, 1.27, 1.35, 2.0, 2.0, 2.0, 1.5],
    "cf_y": [1.169, 1.169, 1.5, 2.0, 2.0, 2.0, 1.5],
    "cf_z": [1.2, 1.2, 1.35, 2.0, 2.0, 2.0, 1.5],
}


@pytest.mark.parametrize("output", LENGTHS)
def test_every_output_has_its_length_scales(settings, output: str) -> None:
    chosen = settings("experiment=table2", "model=binn_paper", f"dataset.outputs=[{output}]")
    assert chosen.model.length == LENGTHS[output]
    assert (chosen.model.modes, chosen.model.centers) == (2, [25, 25, 16, 10, 10, 10, 12])
    assert (chosen.model.noise_variance, chosen.model.prior_variance, chosen.model.noise) == (0.0225, 1.0, "fixed")
    assert (chosen.dataset.geometries, chosen.dataset.test_cases, chosen.task.name) == (
        ["geom_13"],
        ["case_130"],
        "regress",
    )


def test_several_outputs_at_once_are_refused_with_a_sentence(settings) -> None:
    with pytest.raises(
        ConfigError, match=r"model\.length: dataset\.outputs must be one of \[cp\], .*, not \[cp, cf_x\]"
    ):
        settings("experiment=table2", "model=binn_paper", "dataset.outputs=[cp,cf_x]")
    both = ("experiment=table2", "model=binn_paper", "dataset.outputs=[cp,cf_x]", "model.length=2")
    assert settings(*both).model.length == 2


def test_the_networks_take_the_papers_effort_from_the_budget(settings) -> None:
    nuts = settings("experiment=table2", "model=bnn_nuts", "budget=paper").model
    assert (nuts.warmup, nuts.samples, nuts.target_accept) == (250, 250, 0.95)
    vi = settings("experiment=table2", "model=bnn_vi", "budget=paper").model
    assert (vi.steps, vi.learning_rate) == (3000, 0.01)


def test_any_other_model_can_take_the_place_of_the_papers(settings) -> None:
    assert settings("experiment=table2", "model=gp_sparse", "dataset.outputs=[cp]").model.name == "gp_sparse"


def test_a_smooth_model_is_judged_inside_the_envelope_too(settings) -> None:
    chosen = settings("experiment=table2_smooth", "dataset.outputs=[cf_x]")
    assert (chosen.dataset.test_cases, chosen.dataset.interpolation_cases) == (["case_130"], ["case_136"])
    assert chosen.model == settings("model=binn").model
    assert settings("experiment=table2_smooth", "model=bnn_vi").model.name == "bnn_vi"


def test_values_by_output() -> None:
    assert by_output(["cp"], {"cp": [1.0]}) == [1.0]
    with pytest.raises(BinnError, match=r"not \[u\]"):
        by_output(["u"], {"cp": [1.0]})


def test_settings_by_model_belong_to_experiments_and_models() -> None:
    for path in (conf_directory() / "by_model").glob("*/*.yaml"):
        assert path.parent.name in options("experiment") and path.stem in options("model")
