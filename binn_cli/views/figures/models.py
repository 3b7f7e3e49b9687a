"""How models are called and coloured, the same in every figure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from binn_cli.results.gather import Run
from binn_cli.views.plots.style import BLUE, COLOURS, GREEN, GREY, INK, MARKERS, ORANGE, PURPLE, SKY, VERMILION

NAMES = {
    "gp": "GP",
    "gp_grid": "GP of the grid",
    "gp_sparse": "sparse GP",
    "gp_local": "local GPs",
    "gp_vecchia": "Vecchia GP",
    "binn": "B-INN (ours)",
    "binn_paper": "B-INN (paper)",
    "bnn_mh": "BNN-MH",
    "bnn_hmc": "BNN-HMC",
    "bnn_nuts": "BNN-NUTS",
    "bnn_vi": "BNN-VI",
    "bnn_ensemble": "ensemble",
}
"""In the order of the paper's figures; another model is called by its option."""
_COLOURS = {
    "gp": INK,
    "gp_grid": INK,
    "binn": BLUE,
    "binn_paper": SKY,
    "bnn_mh": GREEN,
    "bnn_hmc": VERMILION,
    "bnn_nuts": VERMILION,
    "bnn_vi": ORANGE,
    "bnn_ensemble": PURPLE,
}


def named(model: str) -> str:
    """What a model is called in a figure."""
    return NAMES.get(model, model)


def ordered(models: Iterable[str]) -> list[str]:
    """Models in the paper's order, each once; others behind them by name."""
    order = list(NAMES)
    return sorted(set(models), key=lambda name: (order.index(name) if name in order else len(order), name))


def by_model(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Runs by model, in the order of the figures."""
    kept = list(runs)
    return {model: [run for run in kept if run.head.model == model] for model in ordered(r.head.model for r in kept)}


def look(model: str) -> dict[str, Any]:
    """Colour and marker: two models never share both."""
    order = list(NAMES)
    place = order.index(model) if model in order else len(order) + sum(map(ord, model))
    colour = _COLOURS.get(model, GREY if place < len(order) else COLOURS[place % len(COLOURS)])
    return {"color": colour, "marker": MARKERS[place % len(MARKERS)]}
