"""One size of the scaling task, in a process of its own: reads the resolved configuration from stdin, writes JSON lines
to stdout.

The first line has the number of points, so that it is known also of a size that is stopped half-way; the last has the
rest.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from typing import Any

from binn_cli.errors import BinnError, TooLarge


def measure(resolved: dict[str, Any], repeats: int, say: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Fit `repeats` times after one fit that compiles; the fit time reported is the median. The points are said before
    the first."""
    from binn_cli import build
    from binn_cli.config.compose import validated
    from binn_cli.results.provenance import peak_rss_bytes
    from binn_cli.tasks.evaluation import PhaseTimings, Timer, domain_of, fitted_on
    from binn_cli.tasks.scoring import scores_of

    settings = validated(resolved)
    dataset, model = build.dataset(settings), build.model(settings)
    timings = PhaseTimings()
    with Timer() as timer:
        train, evaluation = dataset.training(), dataset.evaluation()
    timings.data = timer.seconds
    say({"n_train": train.n_observed})
    domain = domain_of(dataset, train)
    fitted = fitted_on(model, train, timings, domain=domain)
    seconds = []
    for _ in range(repeats):
        again = PhaseTimings()
        fitted = fitted_on(model, train, again, domain=domain)
        seconds.append(again.fit)
    timings.fit = statistics.median(seconds)
    fit_peak = peak_rss_bytes()
    metrics = scores_of(fitted, evaluation, timings).metrics
    return {
        "outputs": train.outputs,
        "metrics": {
            split: {name: values.tolist() for name, values in named.items()} for split, named in metrics.items()
        },
        "timings": timings.as_dict(),
        "fit_seconds": seconds,
        "diagnostics": {name: values.tolist() for name, values in fitted.report.diagnostics.items()},
        "peak_rss_bytes": fit_peak,
    }


def main() -> int:
    """Run one measurement; an error that the user can mend is one line on stderr."""
    try:
        _say(measure(json.load(sys.stdin), int(sys.argv[1]), _say))
    except TooLarge as error:
        from binn_cli.tasks.scaling import SKIPPED

        print(SKIPPED, error, file=sys.stderr)
        return 1
    except BinnError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _say(known: dict[str, Any]) -> None:
    print(json.dumps(known), flush=True)


if __name__ == "__main__":
    sys.exit(main())
