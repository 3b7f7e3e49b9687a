"""The heat equation as somebody's own program: u_t - k Δu = P Σ exp(-2 |x - x_i|² / r²) on the unit square, 0 at its
boundary and at t = 0.

    python heat.py --k 2 --P 150 --out field.npz          one simulation; field.csv is written where the name ends so
    python heat.py --cases cases.csv --out results.csv    a simulation for every row of a table with the columns k and P
    python heat.py --serve 4242                           a UM-Bridge server for this machine (package umbridge)

It needs NumPy, SciPy and scikit-fem, and knows nothing of binn.
"""

import argparse
import csv
from functools import cache, partial

import numpy as np
import skfem
from scipy.sparse.linalg import splu
from skfem.helpers import dot, grad

CENTERS, RADIUS, END = np.linspace(0.1, 0.9, 4), 0.05, 0.04


def sources(x):
    """The 16 sources at points x."""
    return sum(np.exp(-2 * ((x[0] - a) ** 2 + (x[1] - b) ** 2) / RADIUS**2) for a in CENTERS for b in CENTERS)


@cache
def equations(cells):
    """Mass, stiffness and load of quadratic finite elements, and where on the grid of nodes each unknown is."""
    side = np.linspace(0, 1, cells + 1)
    mesh, element = skfem.MeshQuad.init_tensor(side, side), skfem.ElementQuad2()
    basis = skfem.Basis(mesh, element, intorder=4)
    points = max(5, int(np.ceil(4 / (cells * RADIUS))) + 3)
    fine = skfem.Basis(mesh, element, intorder=2 * points - 1)  # the sources are narrow
    inside = basis.complement_dofs(basis.get_dofs())
    mass = skfem.BilinearForm(lambda u, v, w: u * v).assemble(basis)[inside][:, inside]
    stiffness = skfem.BilinearForm(lambda u, v, w: dot(grad(u), grad(v))).assemble(basis)[inside][:, inside]
    load = skfem.LinearForm(lambda v, w: sources(w.x) * v).assemble(fine)[inside]
    i, j = np.rint(basis.doflocs[:, inside] * 2 * cells).astype(int)
    return mass, stiffness, load, (i, j)


def solve(k, P, cells=20, times=5, substeps=16):
    """Coordinates x, y, t and the temperature u at their combinations, by Crank-Nicolson with short first steps."""
    mass, stiffness, load, nodes = equations(cells)
    length = END / ((times - 1) * substeps)
    u, grid, divided = np.zeros(len(load)), np.zeros((2 * cells + 1, 2 * cells + 1)), 0
    fields = [grid[::2, ::2].copy()]
    for step in range((times - 1) * substeps):
        parts = max(1, 16 >> ((step + 1).bit_length() - 1))
        if parts != divided:
            divided = parts
            half = 0.5 * length / parts * k * stiffness
            implicit, explicit = splu((mass + half).tocsc()), mass - half
        for _ in range(parts):
            u = implicit.solve(explicit @ u + length / parts * P * load)
        if (step + 1) % substeps == 0:
            grid[nodes] = u
            fields.append(grid[::2, ::2].copy())
    side = np.linspace(0, 1, cells + 1)
    return {"x": side, "y": side, "t": END * (np.arange(times) / (times - 1)), "u": np.stack(fields, axis=-1)}


def write(path, field):
    """Leave a field in a file: every number as it is."""
    if not path.endswith(".csv"):
        np.savez(path, **field)
        return
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["x", "y", "t", "u"])
        for (i, j, n), u in np.ndenumerate(field["u"]):
            rows.writerow([repr(float(value)) for value in (field["x"][i], field["y"][j], field["t"][n], u)])


def run_cases(table, results, size):
    """Solve every row of a table, and say where each field is."""
    with open(table, newline="") as file, open(results, "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["k", "P", "file"])
        for number, row in enumerate(csv.DictReader(file)):
            name = f"{results}-{number}.npz"
            write(name, solve(float(row["k"]), float(row["P"]), **size))
            writer.writerow([row["k"], row["P"], name])


def serve(port, size):
    """Answer UM-Bridge requests: the two numbers k and P in, all values of u out."""
    import umbridge

    class Heat(umbridge.Model):
        def get_input_sizes(self, config):
            return [2]

        def get_output_sizes(self, config):
            return [(size["cells"] + 1) ** 2 * size["times"]]

        def __call__(self, parameters, config):
            return [solve(*parameters[0], **size)["u"].ravel().tolist()]

        def supports_evaluate(self):
            return True

    # serve_models would answer every machine of the network.
    umbridge.um.web.run_app = partial(umbridge.um.web.run_app, host="127.0.0.1")
    umbridge.serve_models([Heat("heat")], port)


def main():
    """Read the command line."""
    parser = argparse.ArgumentParser()
    for name in ("--k", "--P"):
        parser.add_argument(name, type=float)
    for name, value in (("--cells", 20), ("--times", 5), ("--substeps", 16), ("--serve", 0)):
        parser.add_argument(name, type=int, default=value)
    parser.add_argument("--cases")
    parser.add_argument("--out")
    given = parser.parse_args()
    size = {"cells": given.cells, "times": given.times, "substeps": given.substeps}
    if given.serve:
        serve(given.serve, size)
    elif given.cases:
        run_cases(given.cases, given.out, size)
    else:
        write(given.out, solve(given.k, given.P, **size))


if __name__ == "__main__":
    main()
