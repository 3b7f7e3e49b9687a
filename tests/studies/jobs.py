"""Many runs of a study side by side: each result is kept as soon as it is there, so that a study goes on where it was
stopped."""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from pathlib import Path
from typing import Any

KEPT = "BINN_STUDIES"
"""A variable of the environment: the directory in which results are kept from one start to the next."""


def results_of(
    name: str,
    function: Callable[..., Any],
    jobs: Iterable[tuple[Any, ...]],
    settings: Mapping[str, Any],
    processes: int,
) -> dict[tuple[Any, ...], Any]:
    """What a function gives for each job, plain numbers, lists or strings.

    Args:
        name: of the study.
        function: of a module; called with the job's items, the settings by name, and `store`, a directory for calls.
        jobs: in the order in which they are begun.
        settings: the same for all; results of other settings are not taken.
        processes: how many run at once; 0 for this process alone.
    """
    place = os.environ.get(KEPT, "")
    with nullcontext(place) if place else tempfile.TemporaryDirectory() as directory:
        file, store = Path(directory) / f"{name}.jsonl", str(Path(directory) / "calls")
        file.parent.mkdir(parents=True, exist_ok=True)
        known = json.loads(json.dumps(settings))
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        found = {tuple(line["job"]): line["result"] for line in lines if line["settings"] == known}
        wanted = list(jobs)
        missing = [job for job in wanted if job not in found]

        def keep(job: tuple[Any, ...], result: Any) -> None:
            found[job] = result
            with open(file, "a", encoding="utf-8") as out:
                out.write(json.dumps({"job": job, "settings": known, "result": result}) + "\n")

        if not processes:
            for job in missing:
                keep(job, function(*job, **settings, store=store))
        elif missing:
            with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
                begun = {pool.submit(function, *job, **settings, store=store): job for job in missing}
                for one in as_completed(begun):
                    keep(begun[one], one.result())
        return {job: found[job] for job in wanted}
