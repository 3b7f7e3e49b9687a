"""The draws in a results file, as xarray reads them."""

from __future__ import annotations

import h5py
import numpy as np
import xarray

from binn_cli.config.schema.bnn import BnnMapConfig
from binn_cli.models.bnn.density import Density
from binn_cli.models.bnn.posterior_tree import from_posterior, to_posterior
from binn_cli.results.tree import read_tree, write_tree


def test_xarray_opens_the_posterior_by_chain_and_draw(tmp_path) -> None:
    density = Density.of(BnnMapConfig(widths=[4]), 2, 1)
    vectors = np.random.default_rng(0).standard_normal((3, 5, density.size))
    with h5py.File(tmp_path / "file.h5", "w") as file:
        write_tree(file.create_group("surrogate"), "posterior", to_posterior(vectors, density))
        kept = read_tree(file["surrogate/posterior"])
    np.testing.assert_allclose(from_posterior(kept, density), vectors, rtol=1e-12)
    with xarray.open_dataset(tmp_path / "file.h5", group="surrogate/posterior", engine="h5netcdf") as data:
        assert dict(data.sizes) == {"chain": 3, "draw": 5, "unit_0": 2, "unit_1": 4, "unit_2": 1}
        assert data["weight_1"].dims == ("chain", "draw", "unit_0", "unit_1")
        one = density.network.layers(vectors[1, 2, : density.network.n_weights])
        np.testing.assert_array_equal(data["weight_1"].sel(chain=1, draw=2), one[0]["weight"])
        np.testing.assert_allclose(data["noise_variance"][..., 0], np.exp(vectors[..., -1]), rtol=1e-12)
