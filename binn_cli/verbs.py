"""Verbs: what `binn NAME …` does. Nothing heavy is imported before a verb needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from binn_cli.parser import Parser, count_of, path_of, port_of, words_of


@dataclass(frozen=True)
class Verb:
    """What `binn NAME …` does.

    Attributes:
        summary: one line for `binn --help`.
        act: takes the arguments behind the verb and gives the exit status.
    """

    summary: str
    act: Callable[[Sequence[str]], int]


def _run(arguments: Sequence[str]) -> int:
    from binn_cli.run import main as run

    return run(arguments)


def _show(arguments: Sequence[str]) -> int:
    parser = Parser(prog="binn show", description="Show what runs have found.")
    parser.add_argument(
        "runs",
        nargs="+",
        type=path_of,
        metavar="RUN",
        help="directory of a run or of runs, or a results.h5",
    )
    parser.add_argument("--json", action="store_true", help="print JSON on stdout instead of tables")
    chosen = parser.parse_args(arguments)
    from binn_cli.views.console.show import show

    return show(chosen.runs, chosen.json)


def _resume(arguments: Sequence[str]) -> int:
    parser = Parser(prog="binn resume", description="Go on with a run or a sweep that was interrupted or failed.")
    parser.add_argument("run", type=path_of, metavar="RUN", help="directory of the run or the sweep, or a results.h5")
    parser.add_argument(
        "changes",
        nargs="*",
        default=[],
        metavar="KEY=VALUE",
        help="dry_run=true, limits.seconds=60, limits.memory_gb=4; of a sweep also force=true, fail_fast=true, "
        "hydra/launcher=joblib",
    )
    chosen = parser.parse_args(arguments)
    for change in chosen.changes:
        if "=" not in change:
            parser.error(f'"{change}" is not KEY=VALUE')
    from binn_cli.resume import resume

    return resume(chosen.run, chosen.changes)


def _compare(arguments: Sequence[str]) -> int:
    parser = Parser(
        prog="binn compare", description="Put runs side by side: what sets them apart, what came out, which is best."
    )
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="directory of a run, of a sweep or of outputs, or a pattern in quotes"
    )
    parser.add_argument(
        "--by",
        action="extend",
        type=words_of,
        default=[],
        metavar="KEY",
        help="group by this key alone, as model or seed",
    )
    parser.add_argument(
        "--metric", action="extend", type=words_of, default=[], metavar="NAME", help="such as rmse; several with commas"
    )
    parser.add_argument(
        "--split", action="extend", type=words_of, default=[], metavar="NAME", help="such as test; several with commas"
    )
    parser.add_argument(
        "--all-times", action="store_true", help="count times of runs that shared the machine with others, too"
    )
    for kind in ("csv", "json", "latex", "parquet"):
        parser.add_argument(
            f"--{kind}",
            type=path_of,
            metavar="FILE",
            help=f"write the table as {kind}" + (", - for stdout" * (kind != "parquet")),
        )
    chosen = parser.parse_args(arguments)
    from binn_cli.views.compare.verb import compare

    return compare(
        chosen.runs,
        by=chosen.by,
        metrics=chosen.metric,
        splits=chosen.split,
        all_times=chosen.all_times,
        files=[
            (kind, path) for kind in ("csv", "json", "latex", "parquet") if (path := getattr(chosen, kind)) is not None
        ],
    )


def _report(arguments: Sequence[str]) -> int:
    parser = Parser(prog="binn report", description="Write one page on runs that needs no network and no server.")
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="directory of a run, of a sweep or of outputs, or a pattern in quotes"
    )
    parser.add_argument(
        "-o", "--output", type=path_of, metavar="FILE", help="the page, - for stdout; report.html by default"
    )
    parser.add_argument("--pdf", type=path_of, metavar="FILE", help="print it into a PDF file, which takes Chromium")
    parser.add_argument("--title", default="", help="what stands at its top")
    parser.add_argument(
        "--metric", action="extend", type=words_of, default=[], metavar="NAME", help="such as rmse; several with commas"
    )
    parser.add_argument(
        "--all-times", action="store_true", help="count times of runs that shared the machine with others, too"
    )
    chosen = parser.parse_args(arguments)
    from binn_cli.views.report.verb import report

    output = chosen.output or (None if chosen.pdf is not None else Path("report.html"))
    return report(
        chosen.runs,
        output,
        pdf=chosen.pdf,
        title=chosen.title,
        metrics=chosen.metric,
        all_times=chosen.all_times,
    )


def _figures(arguments: Sequence[str]) -> int:
    parser = Parser(
        prog="binn figures", description="Draw what many runs show together, as in the paper, into PDF and PNG files."
    )
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="directory of a run, of a sweep or of outputs, or a pattern in quotes"
    )
    parser.add_argument(
        "-o", "--output", type=path_of, default=Path("figures"), metavar="DIR", help="directory; figures by default"
    )
    chosen = parser.parse_args(arguments)
    from binn_cli.views.figures.verb import figures

    return figures(chosen.runs, chosen.output)


def _rerun(arguments: Sequence[str]) -> int:
    parser = Parser.of_a_run(
        "binn rerun",
        "Run a run again from its file alone, and say whether the numbers agree.",
    )
    parser.add_argument(
        "changes",
        nargs="*",
        default=[],
        metavar="KEY=VALUE",
        help="output.root=DIR, output.figures=false, limits.seconds=60",
    )
    chosen = parser.parse_args(arguments)
    from binn_cli.rerun import rerun

    return rerun(chosen.run, chosen.changes)


def _check(arguments: Sequence[str]) -> int:
    parser = Parser(
        prog="binn check", description="Look at data without fitting: what would be read, ranges, and what is odd."
    )
    parser.add_argument(
        "words",
        nargs="+",
        metavar="FILE|KEY=VALUE",
        help="a table, and options such as dataset.outputs=[drag]; or dataset=heat",
    )
    parser.add_argument("--json", action="store_true", help="print JSON on stdout instead of a table")
    chosen = parser.parse_intermixed_args(arguments)
    files = [word for word in chosen.words if "=" not in word or Path(word).exists()]
    if len(files) > 1:
        parser.error(f"one file at a time, not {' and '.join(files)}")
    if not files and not any(word.startswith("dataset=") for word in chosen.words):
        parser.error("name a file, or a data set with dataset=NAME")
    from binn_cli.check import check

    return check(Path(files[0]) if files else None, [word for word in chosen.words if word not in files], chosen.json)


def _predict(arguments: Sequence[str]) -> int:
    parser = Parser.of_a_run(
        "binn predict",
        "What the surrogate of a run says at the points of a file.",
    )
    parser.add_argument(
        "points",
        type=path_of,
        metavar="FILE",
        help="a table, of any kind, with a column per input, or a grid",
    )
    parser.add_argument(
        "options", nargs="*", default=[], metavar="KEY=VALUE", help="how FILE is written, such as separator=semicolon"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=path_of,
        required=True,
        metavar="OUT",
        help="ends in .csv, .parquet, .nc or .h5; - for CSV on stdout",
    )
    parser.add_argument(
        "--outside",
        choices=("warn", "error"),
        default="warn",
        help="what to do about points outside the training range",
    )
    parser.add_argument("--mean-only", action="store_true", help="no standard deviations, which takes less time")
    parser.add_argument(
        "--grid", action="store_true", help="every column of FILE is an axis: answer at all combinations"
    )
    chosen = parser.parse_intermixed_args(arguments)
    for option in chosen.options:
        if "=" not in option:
            parser.error(f'"{option}" is not KEY=VALUE')
    from binn_cli.predict import predict

    refuse, std = chosen.outside == "error", not chosen.mean_only
    return predict(chosen.run, chosen.points, chosen.output, chosen.options, refuse=refuse, std=std, grid=chosen.grid)


def _update(arguments: Sequence[str]) -> int:
    parser = Parser.of_a_run(
        "binn update",
        "Learn on from more rows, without the old ones; the run stays as it is.",
    )
    parser.add_argument("rows", type=path_of, metavar="NEWDATA", help="a table with a column per input and output")
    parser.add_argument(
        "options",
        nargs="*",
        default=[],
        metavar="KEY=VALUE",
        help="how NEWDATA is written, such as separator=semicolon",
    )
    parser.add_argument("-o", "--output", type=path_of, required=True, metavar="DIR", help="directory of the new run")
    parser.add_argument(
        "--forgetting", type=float, default=1.0, metavar="F", help="factor on the precision of what was known, up to 1"
    )
    parser.add_argument(
        "--missing", choices=("refuse", "drop"), default="refuse", help="what to do about rows that lack a number"
    )
    chosen = parser.parse_intermixed_args(arguments)
    for option in chosen.options:
        if "=" not in option:
            parser.error(f'"{option}" is not KEY=VALUE')
    from binn_cli.update import update

    drop = chosen.missing == "drop"
    return update(
        chosen.run, chosen.rows, chosen.output, chosen.options, forgetting=chosen.forgetting, drop_missing=drop
    )


def _ask(arguments: Sequence[str]) -> int:
    parser = Parser.of_a_run(
        "binn ask", "Which simulations to make next, and what each is expected to bring.", "a run of dataset=simulator"
    )
    parser.add_argument("-n", type=count_of, default=1, metavar="COUNT", help="how many cases; 1 by default")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_const", dest="form", const="csv", help="print CSV instead of a table")
    form.add_argument("--json", action="store_const", dest="form", const="json", help="print JSON instead of a table")
    chosen = parser.parse_args(arguments)
    from binn_cli.campaign.ask import ask

    return ask(chosen.run, chosen.n, chosen.form or "table")


def _tell(arguments: Sequence[str]) -> int:
    parser = Parser.of_a_run(
        "binn tell", "Take in what simulations have found, and learn from it.", "a run of dataset=simulator"
    )
    parser.add_argument(
        "results",
        type=path_of,
        metavar="FILE",
        help="a column per parameter and output (or `file`), and `status` where some have failed",
    )
    parser.add_argument(
        "--replace", action="store_true", help="take a result that contradicts an earlier one in its place"
    )
    chosen = parser.parse_args(arguments)
    from binn_cli.campaign.tell import tell

    return tell(chosen.run, chosen.results, chosen.replace)


def _status(arguments: Sequence[str]) -> int:
    parser = Parser.of_a_run("binn status", "How the simulations of a run stand.", "a run of dataset=simulator")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    from binn_cli.campaign.status import status

    return status(chosen.run, chosen.json)


def _serve(arguments: Sequence[str]) -> int:
    parser = Parser.of_a_run(
        "binn serve",
        "Answer UM-Bridge requests with the surrogate of a run, until Ctrl-C.",
    )
    parser.add_argument("--port", type=port_of, default=4242, metavar="N", help="where to listen; 4242 by default")
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="127.0.0.1, this machine alone, by default"
    )
    chosen = parser.parse_args(arguments)
    from binn_cli.serve import serve

    return serve(chosen.run, chosen.port, chosen.host)


def _export(arguments: Sequence[str]) -> int:
    parser = Parser.of_a_run(
        "binn export",
        "The surrogate of a run as an evaluator in NumPy and C that stands alone.",
    )
    parser.add_argument("-o", "--output", type=path_of, required=True, metavar="DIR", help="a new directory")
    parser.add_argument("--fmu", action="store_true", help="also FMUs for FMI 2 and 3, which takes a C compiler")
    parser.add_argument("--onnx", action="store_true", help="also an ONNX graph of mean and standard deviations")
    chosen = parser.parse_args(arguments)
    from binn_cli.export import export

    return export(chosen.run, chosen.output, fmu=chosen.fmu, onnx=chosen.onnx)


VERBS: dict[str, Verb] = {
    "run": Verb("compose a dataset, a model and a task, and run it (binn run --help)", _run),
    "show": Verb("show metrics and timings of runs", _show),
    "compare": Verb("compare runs and sweeps, with means over seeds", _compare),
    "report": Verb("write one page on runs and sweeps to pass on (binn report outputs -o report.html)", _report),
    "figures": Verb("draw what sweeps show together, as PDF and PNG (binn figures outputs -o figures)", _figures),
    "predict": Verb(
        "predict at the points of a file, with error bars (binn predict RUN points.csv -o out.csv)", _predict
    ),
    "update": Verb("learn on from more rows, without the old ones (binn update RUN new.csv -o DIR)", _update),
    "ask": Verb("say which simulations to make next (binn ask RUN -n 5)", _ask),
    "tell": Verb("take in what simulations have found (binn tell RUN results.csv)", _tell),
    "status": Verb("say how the simulations of a run stand", _status),
    "serve": Verb("answer UM-Bridge requests with the surrogate of a run (binn serve RUN --port 4242)", _serve),
    "export": Verb("write a surrogate as NumPy and C code that needs nothing else (binn export RUN -o DIR)", _export),
    "rerun": Verb("run a run again from its file, and say whether the numbers agree", _rerun),
    "check": Verb("look at data without fitting (binn check runs.csv dataset.outputs=[drag])", _check),
    "resume": Verb("go on with a run or a sweep that was interrupted or failed", _resume),
}
"""Every verb; one more is a function above and a line here."""
