"""Which decomposition `auto` stands for."""

from __future__ import annotations

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import ProductData


def decomposition(config: BinnConfig, data: ProductData) -> str:
    """The way that data take: `cp` for sums of products with stated modes or bases, `products` for those that a table
    chooses for itself, `limit`, `tucker`, or `auto`, the limit and products of a table averaged.

    On product data the limit where cases have several inputs, Tucker where they have one.
    """
    table = len(data.axes) == 1
    if states_structure(config) and (table or config.decomposition == "cp" or config.modes != "auto"):
        return "cp"
    if config.inference in ("als", "vb") or (config.decomposition == "cp" and not table):
        return "cp"
    if config.decomposition == "cp":
        return "products"
    if config.decomposition != "auto":
        return config.decomposition
    if table:
        return "auto"
    return "limit" if len(data.axes[-1].coordinates) > 1 else "tucker"


def states_structure(config: BinnConfig) -> bool:
    """Whether the configuration says anything of modes or bases that a table would otherwise choose for itself."""
    stated = (config.modes, config.length, config.centers, config.padding, config.stretch)
    kinds = config.basis if isinstance(config.basis, list) else [config.basis]
    said = any(value != "auto" and not (isinstance(value, list) and set(value) == {"auto"}) for value in stated)
    return said or any(kind != "gaussian" for kind in kinds) or config.tune
