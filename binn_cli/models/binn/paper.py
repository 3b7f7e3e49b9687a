"""B-INN as its paper states it: the same surrogate under the name of its own option, whose settings are the paper's."""

from __future__ import annotations

from dataclasses import dataclass

from binn_cli.models.binn.surrogate import Binn


@dataclass(frozen=True)
class BinnPaper(Binn):
    """`Binn` with the settings of conf/model/binn_paper.yaml."""

    name: str = "binn_paper"
