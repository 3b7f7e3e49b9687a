"""An exported surrogate as an ONNX graph: mean and both standard deviations at any number of points, in double
precision."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from binn_cli.errors import BinnError, MissingExtraError

OPSET, IR_VERSION = 17, 8
Arrays = Mapping[str, np.ndarray]


def write_onnx(path: Path, arrays: Arrays) -> None:
    """Write the graph: input `points` (n, D), outputs `mean`, `std_epistemic` and `std_total` (n, L).

    Raises:
        MissingExtraError: if onnx is not installed.
        BinnError: if the surrogate has a part for which ONNX has no word.
    """
    try:
        import onnx
        from onnx import TensorProto, helper
    except ModuleNotFoundError as error:
        raise MissingExtraError("onnx", f"writing {path.name}") from error
    graph = _Graph()
    mean, epistemic, total = _predicted(graph, arrays)
    inputs, outputs = len(arrays["inputs"]), len(arrays["outputs"])
    for found, name in ((mean, "mean"), (epistemic, "std_epistemic"), (total, "std_total")):
        graph.nodes.append(helper.make_node("Identity", [found], [name]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n", width])
        for name, width in (("points", inputs), ("mean", outputs), ("std_epistemic", outputs), ("std_total", outputs))
    ]
    body = helper.make_graph(graph.nodes, "surrogate", ends[:1], ends[1:], graph.constants)
    model = helper.make_model(
        body, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="binn", ir_version=IR_VERSION
    )
    helper.set_model_props(
        model, {key: "\n".join(arrays[key].tolist()) for key in ("inputs", "input_units", "outputs", "output_units")}
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


class _Graph:
    """Nodes and constants; every function gives the name of what comes out."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._count = 0

    def _new(self) -> str:
        self._count += 1
        return f"v{self._count}"

    def constant(self, value: Any, kind: type = np.float64) -> str:
        from onnx import numpy_helper

        name = self._new()
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=kind), name))
        return name

    def op(self, kind: str, *operands: Any, **attributes: Any) -> str:
        from onnx import helper

        name = self._new()
        names = [operand if isinstance(operand, str) else self.constant(operand) for operand in operands]
        self.nodes.append(helper.make_node(kind, names, [name], **attributes))
        return name

    def sum(self, x: str, axis: int = 1) -> str:
        return self.op("ReduceSum", x, self.constant([axis], np.int64), keepdims=0)

    def square(self, x: str) -> str:
        return self.op("Mul", x, x)

    def take(self, x: str, columns: Any) -> str:
        return self.op("Gather", x, self.constant(columns, np.int64), axis=1)

    def reshaped(self, x: str, *shape: int) -> str:
        return self.op("Reshape", x, self.constant(shape, np.int64))

    def einsum(self, equation: str, *operands: Any) -> str:
        return self.op("Einsum", *operands, equation=equation)

    def product(self, factors: list[str]) -> str:
        found = factors[0]
        for factor in factors[1:]:
            found = self.op("Mul", found, factor)
        return found

    def total(self, terms: list[str]) -> str:
        found = terms[0]
        for term in terms[1:]:
            found = self.op("Add", found, term)
        return found


def _predicted(g: _Graph, a: Arrays) -> tuple[str, str, str]:
    x, means, variances = _columns(g, a), [], []
    for k in range(len(a["outputs"])):
        mean, variance = _tucker(g, a, f"{k}/", x) if str(a[f"{k}/kind"]) == "tucker" else _mixture(g, a, f"{k}/", x)
        means.append(g.reshaped(mean, -1, 1))
        variances.append(g.reshaped(variance, -1, 1))
    wider = (a["output_scale"] * a["calibration"])[None]  # behind the root: its square may be no number
    scaled = g.op("Mul", g.op("Concat", *means, axis=1), a["output_scale"][None])
    variance = g.op("Max", g.op("Concat", *variances, axis=1), np.zeros((1, 1)))
    total = g.op("Add", variance, a["noise"][None])
    epistemic, whole = (g.op("Mul", g.op("Sqrt", own), wider) for own in (variance, total))
    return g.op("Add", scaled, a["output_shift"][None]), epistemic, whole


def _columns(g: _Graph, a: Arrays) -> list[str]:
    """The encoded inputs on [0, 1], each (n, 1)."""
    columns = []
    for d, kind in enumerate(a["kinds"].tolist()):
        x = g.take("points", [d])
        if kind == "log":
            columns.append(g.op("Mul", g.op("Log", x), 1.0 / np.log(10.0)))
        elif kind == "integer":
            columns.append(g.op("Round", x))
        elif kind == "period":
            angle = g.op("Mul", x, 2.0 * np.pi / a["periods"][d])
            columns += [
                g.op("Sin", g.op("Add", angle, 0.5 * np.pi)),
                g.op("Sin", angle),
            ]  # not all runtimes have Cos of doubles
        elif kind == "choice":
            levels = a[f"levels_{d}"]
            taken = levels if len(levels) > 2 else levels[1:]
            columns += [g.op("Cast", g.op("Equal", x, level), to=11) for level in taken]
        else:
            columns.append(x)
    low, span = a["input_low"], a["input_span"]
    return [g.op("Div", g.op("Sub", column, low[c]), span[c]) for c, column in enumerate(columns)]


def _stretched(g: _Graph, x: str, rate: float) -> str:
    if rate == 0.0:
        return x
    size = abs(rate)
    inside = g.op("Max", g.op("Sub", 1.0, x) if rate < 0 else x, -0.5 / size)
    found = g.op("Mul", g.op("Log", g.op("Add", g.op("Mul", inside, size), 1.0)), 1.0 / np.log1p(size))
    return g.op("Sub", 1.0, found) if rate < 0 else found


def _basis(g: _Graph, a: Arrays, at: str, x: str) -> str:
    x = _stretched(g, x, float(a[at + "rate"]))
    kind, width = str(a[at + "basis"]), float(a[at + "width"])
    if kind == "gaussian":
        parts = []
        for sign, turn, shift in a.get(at + "images", np.array([[1.0, 1.0, 0.0]])):
            away = g.op("Sub", x if turn == 1.0 else g.op("Neg", x), (a[at + "centers"] - shift)[None])
            bump = g.op("Exp", g.op("Neg", g.square(g.op("Mul", away, np.sqrt(0.5) / width))))
            parts.append(bump if sign == 1.0 else g.op("Neg", bump))
        return g.total(parts)
    away = g.op("Sub", x, a[at + "centers"][None])
    u = g.op("Div", g.op("Abs", away), width)
    if kind == "hat":
        return g.op("Max", g.op("Sub", 1.0, u), 0.0)
    if kind != "bspline":
        raise BinnError(f"ONNX has no word for the basis {kind}; leave --onnx out, or learn with another basis")
    u2 = g.square(u)
    inner = g.op("Add", g.op("Sub", 2.0 / 3.0, u2), g.op("Mul", g.op("Mul", u2, u), 0.5))
    rest = g.op("Max", g.op("Sub", 2.0, u), 0.0)
    return g.op("Where", g.op("Less", u, 1.0), inner, g.op("Mul", g.op("Mul", g.square(rest), rest), 1.0 / 6.0))


def _features(g: _Graph, a: Arrays, at: str, x: str) -> str:
    values = g.op("MatMul", _basis(g, a, at, x), a[at + "transform"])
    constant = float(a[at + "constant"])
    return g.op("Concat", g.op("Add", g.op("Mul", x, 0.0), constant), values, axis=1) if constant else values


def _mixture(g: _Graph, a: Arrays, at: str, x: list[str]) -> tuple[str, str]:
    kinds = {"limit": _process, "products": _products, "blocks": _blocks}
    weights = a[at + "weights"]
    found = [kinds[str(a[f"{at}{m}/kind"])](g, a, f"{at}{m}/", x) for m in range(len(weights))]
    mean = g.total([g.op("Mul", m, w) for (m, _), w in zip(found, weights, strict=True)])
    parts = [
        g.op("Mul", g.op("Add", v, g.square(g.op("Sub", m, mean))), w) for (m, v), w in zip(found, weights, strict=True)
    ]
    return mean, g.op("Mul", g.total(parts), float(a[at + "widening"]))


def _process(g: _Graph, a: Arrays, at: str, x: list[str]) -> tuple[str, str]:
    kernel, points = str(a[at + "smoothness"]), a[at + "points"]
    warped = [_stretched(g, column, float(rate)) for column, rate in zip(x, a[at + "rates"], strict=True)]
    means, variances = [], []
    for s, signal in enumerate(a[at + "signal"]):
        factors = []
        for d, column in enumerate(warped):
            r = g.op("Mul", g.op("Sub", column, points[:, d][None]), float(a[at + "rates_of_change"][s, d]))
            share = float(a[at + "shares"][s, d])
            factors.append(g.op("Add", g.op("Mul", _correlation(g, r, kernel), share), 1.0 - share))
        cross = g.op("Mul", g.product(factors), float(signal))
        means.append(g.sum(g.op("MatMul", cross, a[at + "solved"][s][:, None])))
        known = g.sum(g.square(g.op("MatMul", cross, a[at + "inverse"][s].T)))
        variances.append(g.op("Max", g.op("Sub", float(signal), known), 0.0))
    count, scale = len(means), float(a[at + "scale"])
    mean = g.op("Mul", g.total(means), 1.0 / count)
    away = g.total([g.square(g.op("Sub", own, mean)) for own in means])
    variance = g.op("Mul", g.op("Add", g.total(variances), away), scale**2 / count)
    return g.op("Add", g.op("Mul", mean, scale), float(a[at + "shift"])), variance


def _correlation(g: _Graph, r: str, kernel: str) -> str:
    if kernel == "gaussian":
        return g.op("Exp", g.op("Mul", g.square(r), -0.5))
    r = g.op("Mul", g.op("Abs", r), np.sqrt(5.0 if kernel == "matern52" else 3.0))
    front = g.op("Add", r, 1.0)
    if kernel == "matern52":
        front = g.op("Add", front, g.op("Mul", g.square(r), 1.0 / 3.0))
    return g.op("Mul", front, g.op("Exp", g.op("Neg", r)))


def _products(g: _Graph, a: Arrays, at: str, x: list[str]) -> tuple[str, str]:
    phi = [_features(g, a, f"{at}{d}/", column) for d, column in enumerate(x)]
    f = [g.op("MatMul", own, a[f"{at}{d}/weights"]) for d, own in enumerate(phi)]
    intercept = a[at + "intercept"]
    mean = g.op("Add", g.sum(g.product(f)), float(intercept.sum()))
    slopes = [g.op("Add", g.op("Mul", x[0], 0.0), 1.0)] if len(intercept) else []
    for d, own in enumerate(phi):
        others = [f[e] for e in range(len(f)) if e != d] or [g.op("Add", g.op("Mul", f[d], 0.0), 1.0)]
        slopes.append(g.reshaped(g.einsum("nk,nm->nkm", own, g.product(others)), 0, -1))
    rows = g.op("Mul", g.op("Concat", *slopes, axis=1), a[at + "prior"][None])
    seen = g.op("Mul", g.op("MatMul", rows, a[at + "vectors"]), a[at + "shrinkage"][None])
    rest = g.op("Sub", rows, g.op("MatMul", seen, a[at + "vectors"].T))
    return mean, g.sum(g.square(rest))


def _blocks(g: _Graph, a: Arrays, at: str, x: list[str]) -> tuple[str, str]:
    first, second = a[at + "first"], a[at + "second"]
    product: list[str] = []
    square, excess = "", ""
    for d, column in enumerate(x):
        phi = _features(g, a, f"{at}{d}/", column)
        f = g.op("MatMul", phi, a[f"{at}{d}/weights"])
        product.append(f)
        own = g.op("Mul", g.take(f, first), g.take(f, second))
        extra = g.einsum("nk,pkl,nl->np", phi, a[f"{at}{d}/covariances"], phi)
        if not square:
            square, excess = own, extra
            continue
        excess = g.op("Add", g.op("Mul", excess, g.op("Add", own, extra)), g.op("Mul", square, extra))
        square = g.op("Mul", square, own)
    variance = g.sum(g.op("Mul", excess, a[at + "pair_weights"][None]))
    return g.sum(g.product(product)), g.op("Max", variance, 0.0)


def _tucker(g: _Graph, a: Arrays, at: str, x: list[str]) -> tuple[str, str]:
    tables, spreads, begin = [], [], 0
    for axis, width in enumerate(a[at + "widths"].tolist()):
        mean, spread = _axis(g, a, f"{at}{axis}/", x[begin : begin + width])
        tables.append(mean)
        spreads.append(spread)
        begin += width
    squares = [g.square(g.op("MatMul", t, a[f"{at}{axis}/core_vectors"])) for axis, t in enumerate(tables)]
    variances = [_contracted(g, a[at + "core_variance"], squares, None)]
    for axis, spread in enumerate(spreads):
        along = g.square(g.op("MatMul", _contracted(g, a[at + "core"], tables, axis), a[f"{at}{axis}/directions"]))
        variances.append(g.sum(g.op("Mul", along, spread)))
    return _contracted(g, a[at + "core"], tables, None), g.total(variances)


def _contracted(g: _Graph, core: np.ndarray, tables: list[str], keep: int | None) -> str:
    """The core contracted with all tables, or with all but one: (n), or (n, Q)."""
    moved = core if keep is None else np.moveaxis(core, keep, 0)
    order = [axis for axis in range(core.ndim) if axis != keep]
    *rest, last = order
    if keep is None and not rest:
        return g.sum(g.op("Mul", tables[last], moved[None]))
    shape = moved.shape
    found = g.op("MatMul", tables[last], moved.reshape(-1, shape[-1]).T)  # (n, all others)
    size = int(np.prod(shape[:-1]))
    for axis in reversed(rest):
        width = core.shape[axis]
        size //= width
        cube = g.reshaped(found, 0, size, width)
        found = g.sum(g.op("Mul", cube, g.reshaped(tables[axis], 0, 1, width)), axis=2)
    return found if keep is not None else g.reshaped(found, -1)


def _axis(g: _Graph, a: Arrays, at: str, x: list[str]) -> tuple[str, str]:
    kind = str(a[at + "kind"])
    if kind == "nodes":
        raise BinnError(
            "ONNX has no word for an axis of nodes such as a mesh, of which the nearest are looked for; leave --onnx "
            "out"
        )
    if kind == "limit":
        found = [_process(g, a, f"{at}{q}/", x) for q in range(int(a[at + "count"]))]
        first, second = (g.op("Concat", *[g.reshaped(part[k], -1, 1) for part in found], axis=1) for k in (0, 1))
        return first, second
    phi = _basis(g, a, at, x[0])
    seen, span = (g.op("MatMul", phi, a[at + name]) for name in ("seen", "span"))
    known = g.op("Add", g.op("MatMul", seen, a[at + "seen"].T), g.op("MatMul", span, a[at + "span"].T))
    unseen = g.reshaped(g.sum(g.square(g.op("Sub", phi, known))), -1, 1)
    spread = g.op(
        "Add", g.op("MatMul", g.square(seen), a[at + "variance"].T), g.op("Mul", unseen, a[at + "prior"][None])
    )
    return g.op("MatMul", phi, a[at + "weights"].T), spread
