"""A fitted surrogate, evaluated with NumPy alone: `Surrogate("weights.npz").predict(points)`.

The arrays of weights.npz, by the names of README.md, are all there is to it. Points are (n, D) in the order of
`inputs`, in their own units; a mean and two standard deviations come back, each (n, L).
"""

import numpy as np

ROWS = 2048  # points at a time


class Surrogate:
    """What was learned; `inputs`, `outputs`, `units` of both, and `low` and `high`, the range of the training data."""

    def __init__(self, path):
        with np.load(path, allow_pickle=False) as file:
            self.a = {name: file[name] for name in file.files}
        self.inputs, self.outputs = self.a["inputs"].tolist(), self.a["outputs"].tolist()
        self.input_units, self.output_units = self.a["input_units"].tolist(), self.a["output_units"].tolist()
        self.low, self.high = self.a["low"], self.a["high"]

    def predict(self, points, std=True):
        """Mean, standard deviation of what is not known, and standard deviation of a new observation."""
        points = np.atleast_2d(np.asarray(points, dtype=float))
        parts = [self._scaled(self._columns(points[b : b + ROWS]), std) for b in range(0, max(len(points), 1), ROWS)]
        mean, variance = (np.concatenate(part) for part in zip(*parts, strict=True))
        scale = self.a["output_scale"]
        wider = scale * self.a["calibration"]  # behind the root: its square may be no number
        mean = mean * scale + self.a["output_shift"]
        if not std:
            return mean, None, None
        variance = np.maximum(variance, 0.0)
        return mean, np.sqrt(variance) * wider, np.sqrt(variance + self.a["noise"]) * wider

    def _columns(self, points):
        """Inputs as the surrogate sees them: logarithms, cosines and sines, choices; then on [0, 1]."""
        columns = []
        for d, kind in enumerate(self.a["kinds"].tolist()):
            x = points[:, d]
            if kind == "log":
                columns.append(np.log10(x))
            elif kind == "integer":
                columns.append(np.rint(x))
            elif kind == "period":
                angle = 2.0 * np.pi / self.a["periods"][d] * x
                columns += [np.cos(angle), np.sin(angle)]
            elif kind == "choice":
                levels = self.a[f"levels_{d}"]
                columns += [(x == level).astype(float) for level in (levels if len(levels) > 2 else levels[1:])]
            else:
                columns.append(x)
        return (np.stack(columns, axis=1) - self.a["input_low"]) / self.a["input_span"]

    def _scaled(self, x, std):
        """Mean and variance of all outputs in scaled units."""
        mean, variance = np.empty((len(x), len(self.outputs))), np.zeros((len(x), len(self.outputs)))
        for k in range(len(self.outputs)):
            kind = self._tucker if str(self.a[f"{k}/kind"]) == "tucker" else self._mixture
            mean[:, k], variance[:, k] = kind(f"{k}/", x, std)
        return mean, variance

    def _mixture(self, at, x, std):
        """Several models of one function, weighed: the spread of their means counts as variance."""
        kinds = {"limit": self._process, "products": self._products, "blocks": self._blocks}
        weights = self.a[at + "weights"]
        found = [kinds[str(self.a[f"{at}{m}/kind"])](f"{at}{m}/", x, std) for m in range(len(weights))]
        mean = sum(w * m for (m, _), w in zip(found, weights, strict=True))
        variance = sum(w * (v + (m - mean) ** 2) for (m, v), w in zip(found, weights, strict=True))
        return mean, self.a[at + "widening"] * variance

    def _process(self, at, x, std):
        """A Gaussian process for each of some draws of its hyperparameters, which count alike."""
        a, means, variances = self.a, [], []
        x = np.stack([stretch(x[:, d], rate) for d, rate in enumerate(a[at + "rates"])], axis=1)
        kernel = str(a[at + "smoothness"])
        for s, signal in enumerate(a[at + "signal"]):
            cross = np.full((len(x), len(a[at + "points"])), signal)
            for d in range(x.shape[1]):
                r = (x[:, d, None] - a[at + "points"][:, d]) * a[at + "rates_of_change"][s, d]
                share = a[at + "shares"][s, d]
                cross *= correlation(r * r, kernel) * share + (1.0 - share)
            means.append(cross @ a[at + "solved"][s])
            if std:
                known = cross @ a[at + "inverse"][s].T
                variances.append(np.maximum(signal - np.einsum("mn,mn->m", known, known), 0.0))
        mean = a[at + "shift"] + a[at + "scale"] * np.mean(means, axis=0)
        if not std:
            return mean, np.zeros(len(x))
        return mean, a[at + "scale"] ** 2 * (np.mean(variances, axis=0) + np.var(means, axis=0))

    def _features(self, at, x):
        """Functions of one input: a basis, turned, and perhaps a constant before it."""
        values = self._basis(at, x) @ self.a[at + "transform"]
        constant = self.a[at + "constant"]
        return np.hstack([np.full((len(x), 1), constant), values]) if constant else values

    def _products(self, at, x, std):
        """A sum of products of functions of one input each, with the covariance of all weights together."""
        a, D = self.a, x.shape[1]
        phi = [self._features(f"{at}{d}/", x[:, d]) for d in range(D)]
        f = [phi[d] @ a[f"{at}{d}/weights"] for d in range(D)]
        intercept = a[at + "intercept"]
        mean = np.prod(f, axis=0).sum(axis=1) + intercept.sum()
        if not std:
            return mean, np.zeros(len(x))
        others = [np.prod([f[e] for e in range(D) if e != d] + [np.ones_like(f[d])], axis=0) for d in range(D)]
        slopes = [(phi[d][:, :, None] * others[d][:, None, :]).reshape(len(x), -1) for d in range(D)]
        rows = np.hstack([np.ones((len(x), len(intercept))), *slopes]) * a[at + "prior"]
        rows = rows - ((rows @ a[at + "vectors"]) * a[at + "shrinkage"]) @ a[at + "vectors"].T
        return mean, np.sum(rows**2, axis=1)

    def _blocks(self, at, x, std):
        """The same with a covariance for every input's weights alone: Eqs. 22 and 23 of the paper."""
        a = self.a
        first, second, weights = (a[at + name] for name in ("first", "second", "pair_weights"))
        product, square, excess = np.ones((1, 1)), np.ones((1, 1)), np.zeros((1, 1))
        for d in range(x.shape[1]):
            phi = self._features(f"{at}{d}/", x[:, d])
            f = phi @ a[f"{at}{d}/weights"]
            product = product * f
            if std:
                own = f[:, first] * f[:, second]
                extra = np.stack([np.sum((phi @ c) * phi, axis=1) for c in a[f"{at}{d}/covariances"]], axis=1)
                excess, square = excess * (own + extra) + square * extra, square * own
        return product.sum(axis=1), np.maximum(excess @ weights, 0.0) if std else np.zeros(len(x))

    def _tucker(self, at, x, std):
        """A core contracted with the functions of every axis."""
        a, ends = self.a, np.cumsum(self.a[at + "widths"])
        tables, spreads = [], []
        for axis, (begin, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            kind = {"basis": self._axis_basis, "nodes": self._axis_nodes, "limit": self._axis_limit}[
                str(a[f"{at}{axis}/kind"])
            ]
            mean, spread = kind(f"{at}{axis}/", x[:, begin:end], std)
            tables.append(mean)
            spreads.append(spread)
        core = a[at + "core"]
        mean = contract(core, tables)
        if not std:
            return mean, np.zeros(len(x))
        variance = contract(
            a[at + "core_variance"], [(t @ a[f"{at}{axis}/core_vectors"]) ** 2 for axis, t in enumerate(tables)]
        )
        for axis, spread in enumerate(spreads):
            slope = contract(core, [None if b == axis else t for b, t in enumerate(tables)])
            variance = variance + np.sum((slope @ a[f"{at}{axis}/directions"]) ** 2 * spread, axis=1)
        return mean, variance

    def _axis_basis(self, at, x, std):
        phi, a = self._basis(at, x[:, 0]), self.a
        mean = phi @ a[at + "weights"].T
        if not std:
            return mean, None
        seen, span = phi @ a[at + "seen"], phi @ a[at + "span"]
        unseen = np.sum((phi - seen @ a[at + "seen"].T - span @ a[at + "span"].T) ** 2, axis=1)
        return mean, seen**2 @ a[at + "variance"].T + unseen[:, None] * a[at + "prior"]

    def _axis_limit(self, at, x, std):
        found = [self._process(f"{at}{q}/", x, std) for q in range(int(self.a[at + "count"]))]
        return np.stack([m for m, _ in found], axis=1), np.stack([v for _, v in found], axis=1)

    def _axis_nodes(self, at, x, std):
        """Known at nodes; between them a line is fitted to the nearest ones."""
        nodes, values = self.a[at + "nodes"], self.a[at + "values"]
        mean, spread = np.empty((len(x), values.shape[1])), np.empty((len(x), self.a[at + "variance"].shape[1]))
        count = min(8 + nodes.shape[1], len(nodes))
        for i, point in enumerate(x):
            distance = np.sqrt(np.sum((nodes - point) ** 2, axis=1))
            near = np.argsort(distance, kind="stable")[:count]
            spread[i] = self.a[at + "variance"][near[0]]
            if distance[near[0]] <= 1e-9:
                mean[i] = values[near[0]]
                continue
            scale = max(distance[near[-1]], np.finfo(float).tiny)
            weight = 1.0 - 0.9 * (distance[near] / scale) ** 2
            design = np.hstack([np.ones((count, 1)), (nodes[near] - point) / scale])
            gram = (design * weight[:, None]).T @ design + 1e-6 * np.eye(design.shape[1])
            mean[i] = np.linalg.solve(gram, (design * weight[:, None]).T @ values[near])[0]
            spread[i] += self.a[at + "between"]
        return mean, spread

    def _basis(self, at, x):
        """The values of a basis's functions at points of [0, 1]."""
        x = stretch(x, float(self.a[at + "rate"]))
        kind, centers, width = str(self.a[at + "basis"]), self.a[at + "centers"], float(self.a[at + "width"])
        if kind == "gaussian":
            images = self.a.get(at + "images", [(1.0, 1.0, 0.0)])
            return sum(
                sign * np.exp(-(((turn * x[:, None] + shift - centers) * (np.sqrt(0.5) / width)) ** 2))
                for sign, turn, shift in images
            )
        u = np.abs(x[:, None] - centers) / width
        if kind == "hat":
            return np.maximum(0.0, 1.0 - u)
        if kind == "bspline":
            return np.where(u < 1.0, 2.0 / 3.0 - u**2 + u**3 / 2.0, np.maximum(0.0, 2.0 - u) ** 3 / 6.0)
        return chidenn(x, centers, width, self.a[at + "coefficients"], float(self.a[at + "dilation"]))


def stretch(x, rate):
    """A logarithmic coordinate on [0, 1]."""
    if rate == 0.0:
        return x
    size = abs(rate)
    found = np.log1p(size * np.maximum(1.0 - x if rate < 0 else x, -0.5 / size)) / np.log1p(size)
    return 1.0 - found if rate < 0 else found


def correlation(squares, kernel):
    """Gaussian, Matérn 5/2 or Matérn 3/2, of squared distances in units of the length."""
    if kernel == "gaussian":
        return np.exp(-0.5 * squares)
    r = np.sqrt(squares * (5.0 if kernel == "matern52" else 3.0))
    return (1.0 + r + r * r / 3.0 if kernel == "matern52" else 1.0 + r) * np.exp(-r)


def contract(core, tables):
    """The core contracted with a table per axis at the same n points; an axis without a table stays."""
    found = np.broadcast_to(core, (len(next(t for t in tables if t is not None)), *core.shape))
    for axis in reversed(range(core.ndim)):
        if tables[axis] is not None:
            last = np.moveaxis(found, axis + 1, -1)
            found = np.einsum("n...q,nq->n...", last, tables[axis])
    return found


def chidenn(x, centers, spacing, coefficients, dilation):
    """Two patch interpolants blended by hats in every cell."""
    terms, nodes = coefficients.shape
    size, order = (nodes - 1) // 2, terms - nodes - 1
    position = (x - centers[0]) / spacing
    cell = np.floor(position)
    t = position - cell

    def interpolant(s):
        z = np.abs(s[:, None] - np.arange(-size, size + 1)) / dilation
        radial = np.where(z < 0.5, 2.0 / 3.0 - 4.0 * z**2 + 4.0 * z**3, 4.0 / 3.0 * np.maximum(0.0, 1.0 - z) ** 3)
        powers = (s[:, None] / size) ** np.arange(order + 1)
        return radial @ coefficients[:nodes] + powers @ coefficients[nodes:]

    local = np.pad(interpolant(t) * (1.0 - t)[:, None], ((0, 0), (0, 1))) + np.pad(
        interpolant(t - 1.0) * t[:, None], ((0, 0), (1, 0))
    )
    reach = (np.arange(len(centers)) - (cell[:, None] - size)).astype(int)
    held = (reach >= 0) & (reach < local.shape[1])
    return np.where(held, np.take_along_axis(local, np.where(held, reach, 0), axis=1), 0.0)
