"""What the B-INN paper reports in Table 1 (architectures) and Table 2 (BlendedNet), to stand beside runs."""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "Park et al., B-INN, 2026, Table 2"

TEST_CASE = "case_130"
"""The case that the table's test errors are of."""


@dataclass(frozen=True)
class Published:
    """One model of one output.

    Attributes:
        train: root mean square error on the nine training cases, normalised in a way that the paper does not state.
        test: the same on case_130.
        seconds: of training, on the paper's machine.
    """

    train: float
    test: float
    seconds: float


OUTPUTS = ("cp", "cf_x", "cf_y", "cf_z")
MODELS = ("binn", "binn_paper", "bnn_nuts", "bnn_vi")
"""What the paper calls B-INN, in two forms, BNN-HMC (run as NUTS) and BNN-VI."""

TABLE_2 = {
    ("cp", "binn"): Published(3.32e-2, 4.64e-2, 29.75),
    ("cp", "bnn_nuts"): Published(3.49e-2, 4.73e-2, 577.78),
    ("cp", "bnn_vi"): Published(4.83e-2, 8.32e-2, 544.85),
    ("cf_x", "binn"): Published(2.74e-2, 2.74e-2, 21.36),
    ("cf_x", "bnn_nuts"): Published(2.80e-2, 3.02e-2, 574.04),
    ("cf_x", "bnn_vi"): Published(3.80e-2, 7.29e-2, 562.72),
    ("cf_y", "binn"): Published(1.87e-2, 1.74e-2, 26.53),
    ("cf_y", "bnn_nuts"): Published(1.85e-2, 1.94e-2, 577.58),
    ("cf_y", "bnn_vi"): Published(3.22e-2, 7.88e-2, 578.8),
    ("cf_z", "binn"): Published(2.79e-2, 3.03e-2, 27.12),
    ("cf_z", "bnn_nuts"): Published(2.78e-2, 3.15e-2, 575.15),
    ("cf_z", "bnn_vi"): Published(3.85e-2, 8.35e-2, 611.92),
}
TABLE_2 |= {(output, "binn_paper"): TABLE_2[output, "binn"] for output in OUTPUTS}
"""By output and model."""


TABLE_1_SOURCE = "Park et al., B-INN, 2026, Table 1"


@dataclass(frozen=True)
class Architecture:
    """What the table says of one.

    Attributes:
        weights: how their number grows, with H hidden layers, M neurons or modes, D inputs, L outputs, J points of a
            grid and splines of order k.
        depth: what is said of it; empty for what is not in the table.
    """

    weights: str = ""
    depth: str = ""


TABLE_1 = {
    "mlp": Architecture("O(HM²)", "depth is preferred"),
    "kan": Architecture("O(HM²(J+k))", "depth is needed"),
    "inn": Architecture("MDJL", "one hidden layer is enough"),
    "binn": Architecture(),
    "binn_paper": Architecture(),
}
"""By model; the last two are INN with a posterior."""
