"""What sets runs apart: the keys of their configurations that differ, and no others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from binn_cli.config.compose import NOT_SCIENCE
from binn_cli.config.ranges import did_you_mean
from binn_cli.errors import BinnError
from binn_cli.results.gather import Run
from binn_cli.results.head import Scalar

OPTIONS = ("task", "dataset", "model", "budget")
"""What a run is made of, in the order of the columns."""
SEED, DATA, CODE = "seed", "data", "code"

_PASSED_OVER = ("output.", "limits.", "verbose", "seed")


def value_of(run: Run, key: str) -> Scalar:
    """What a run has for a column; None where its options have no such key."""
    if key in ("task", "dataset", "model"):
        return str(getattr(run.head, key))
    if key == SEED:
        return run.head.seed
    if key == DATA:
        return run.data
    if key == CODE:
        return run.code
    return run.head.config.get(key)


def differing(runs: Sequence[Run]) -> list[str]:
    """The columns that tell the runs apart, seeds left out.

    A key of an option counts where it differs between runs with that option: what the model brings with it says nothing
    that its name does not say.
    """
    options = [key for key in OPTIONS if len({value_of(run, key) for run in runs}) > 1]
    alike: dict[tuple[Scalar, ...], list[Run]] = defaultdict(list)
    for run in runs:
        alike[tuple(value_of(run, key) for key in options)].append(run)
    keys = list(dict.fromkeys(key for run in runs for key in run.head.config if _counts(key)))
    apart = [key for key in keys if any(_differs(key, group) for group in alike.values()) and not _is_seed(key, runs)]
    files = [key for key in (DATA, CODE) if any(_differs(key, group) for group in alike.values())]
    return [*options, *apart, *files]


def _counts(key: str) -> bool:
    return key not in (*OPTIONS, *(f"{option}.name" for option in OPTIONS), *NOT_SCIENCE) and not key.startswith(
        _PASSED_OVER
    )


def _differs(key: str, runs: Sequence[Run]) -> bool:
    return len({value_of(run, key) for run in runs}) > 1


def _is_seed(key: str, runs: Sequence[Run]) -> bool:
    """Whether a key only repeats the seed of the run, as model.seed does unless told otherwise."""
    return key.endswith(".seed") and all(
        key not in run.head.config or run.head.config[key] == run.head.seed for run in runs
    )


def chosen(names: Iterable[str], runs: Sequence[Run]) -> list[str]:
    """The columns that were asked for by name; the last part of a key will do where only one key ends so.

    Raises:
        BinnError: if a name is not known, or means several keys.
    """
    known = [*OPTIONS, SEED, DATA, CODE, *dict.fromkeys(key for run in runs for key in run.head.config)]
    return list(dict.fromkeys(_chosen(name.removesuffix(".name"), known) for name in names))


def _chosen(name: str, known: Sequence[str]) -> str:
    if name in known:
        return name
    ends = [key for key in known if key.endswith(f".{name}")]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise BinnError(f"--by {name}: means several keys: {', '.join(ends)}; write one of them")
    raise BinnError(
        f"--by {name}: no run has such a "
        f"key{did_you_mean(name, known) or '; keys are those of the configuration, as model.modes'}"
    )
