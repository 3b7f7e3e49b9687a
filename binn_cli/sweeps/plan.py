"""What a job needs, seen from the runs that exist already: nothing, a new run, or the rest of an old one; and why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from binn_cli.config.compose import Settings, from_text
from binn_cli.config.schema import Wishes
from binn_cli.errors import BinnError
from binn_cli.results.fate import COMPLETE, ENDED_EARLY, FAILED, RESULTS, RUNNING, Fate, fate_of
from binn_cli.results.found import results_below
from binn_cli.results.head import Head
from binn_cli.results.index import heads_of
from binn_cli.results.job_file import read_job
from binn_cli.results.provenance import DATA_IDENTITY, code_digest

RUN, SKIP, GO_ON, AGAIN, LEAVE = "run", "skip", "go on", "run again", "leave"
READ_FROM = ("dataset.", "task.run", "task.observations", "task.target")
"""Beginnings of the keys that say what a run reads."""
ACTIONS = (RUN, GO_ON, AGAIN, SKIP, LEAVE)


@dataclass(frozen=True)
class Decision:
    """What is done about a job.

    Attributes:
        action: one of `ACTIONS`.
        why: the reason, a clause.
        directory: of the run that is skipped, gone on with or left alone; None for a new one.
    """

    action: str
    why: str
    directory: Path | None = None


@dataclass(frozen=True)
class Earlier:
    """A run that exists already.

    Attributes:
        directory: the run's.
        head: what its file says.
    """

    directory: Path
    head: Head


@dataclass
class EarlierRuns:
    """The runs below a directory, by configuration.

    Attributes:
        by_config: runs by `config_id`, the last one first.
        identities: what the data of a configuration are known by now, by that part of the configuration.
        unreadable: what is wrong with the files of jobs that cannot be read, by `config_id`.
    """

    by_config: Mapping[str, Sequence[Earlier]] = field(default_factory=dict)
    identities: dict[str, dict[str, str] | BinnError] = field(default_factory=dict)
    unreadable: Mapping[str, BinnError] = field(default_factory=dict)

    @classmethod
    def below(cls, *roots: Path) -> EarlierRuns:
        """Those below some directories, each run once."""
        files = {file.resolve(): file for root in roots if root.is_dir() for file in results_below(root)}
        found: dict[str, list[Earlier]] = {}
        unreadable: dict[str, BinnError] = {}
        for file, head in heads_of(files.values()).items():
            if isinstance(head, Head):
                found.setdefault(head.config_id, []).append(Earlier(file.parent, head))
            elif (job := read_job(file.parent)) is not None:
                unreadable[job.config_id] = head
        return cls({config_id: runs[::-1] for config_id, runs in found.items()}, unreadable=unreadable)

    def decide(self, config_id: str, wishes: Wishes, settings: Settings | None = None) -> Decision:
        """What to do about a job.

        Args:
            config_id: of its configuration; empty where that cannot be used, and the job will say why.
            wishes: of the command line.
            settings: the job's, where they are known already.
        """
        earlier = self.by_config.get(config_id, ()) if config_id else ()
        if wishes.force:
            return Decision(AGAIN if earlier else RUN, "force=true")
        if not wishes.resume:
            return Decision(RUN, "resume=false")
        if not earlier and config_id in self.unreadable:
            return Decision(AGAIN, str(self.unreadable[config_id]))
        if not earlier:
            return Decision(RUN, "there is no run of it yet")
        verdicts = [self._verdict(run, settings) for run in earlier]
        order = (SKIP, LEAVE, GO_ON, AGAIN, RUN)
        return min(verdicts, key=lambda verdict: order.index(verdict.action))

    def _verdict(self, run: Earlier, settings: Settings | None) -> Decision:
        fate = fate_of(run.directory)
        differs = code_differs(run.head) or self._data_differ(run, settings)
        if fate.status == RUNNING:
            return Decision(LEAVE, "another process is working on it", run.directory)
        if fate.status == COMPLETE:
            return Decision(RUN, f"complete, but {differs}") if differs else Decision(SKIP, "complete", run.directory)
        if fate.status in ENDED_EARLY:
            return _of_interrupted(run, fate, differs)
        return Decision(AGAIN, f"{fate.status}: {fate.reason}" if fate.status == FAILED else fate.reason)

    def _data_differ(self, run: Earlier, settings: Settings | None) -> str:
        """What sets the data of a run apart from those of now, or an empty text where they are the same."""
        part = json.dumps(
            {name: value for name, value in run.head.config.items() if name.startswith(READ_FROM)}, sort_keys=True
        )
        if part not in self.identities:
            self.identities[part] = _identity_now(settings, run.directory)
        now = self.identities[part]
        if isinstance(now, BinnError):
            return f"its data cannot be compared ({now})"
        text = run.head.provenance.get(DATA_IDENTITY)
        before = json.loads(str(text)) if text is not None else {}
        changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        if changed and text is None:
            return "it does not say which data it read"
        return f"the data have changed ({', '.join(changed)})" if changed else ""


def _of_interrupted(run: Earlier, fate: Fate, differs: str) -> Decision:
    if differs:
        return Decision(AGAIN, f"{fate.status}, and {differs}")
    if fate.steps == 0:
        return Decision(AGAIN, f"{fate.status} before its first step was finished")
    steps = "1 finished step" if fate.steps == 1 else f"{fate.steps} finished steps"
    return Decision(GO_ON, f"{fate.status} after {steps}", run.directory)


def code_differs(head: Head) -> str:
    """What sets the code of a run apart from that of now, or an empty text where it is the same."""
    if head.provenance.get("code_digest") == code_digest():
        return ""
    commit = str(head.provenance.get("git_commit", ""))[:7]
    return (
        f"computed by other code (version "
        f"{head.provenance.get('program_version', 'unknown')}{f' at {commit}' if commit else ''})"
    )


def _identity_now(settings: Settings | None, directory: Path) -> dict[str, str] | BinnError:
    from binn_cli.asked import identity

    try:
        return identity(settings if settings is not None else settings_of(directory))
    except BinnError as error:
        return error


def settings_of(directory: Path) -> Settings:
    """The settings of a run, from its results file alone.

    Raises:
        BinnError: if the file cannot be read, or this version cannot use what it says.
    """
    from binn_cli.results.store import config_text, opened

    with opened(directory / RESULTS) as file:
        return from_text(config_text(file), directory / RESULTS)
