"""`binn ask`, `binn tell` and `binn status`: cases out and in, in any order, by several people, through crashes and
contradictions."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from binn_cli import build
from binn_cli.campaign import tell as tell_module
from binn_cli.campaign import told_answers
from binn_cli.campaign.ask import expected_gains
from binn_cli.cli import main
from binn_cli.config.compose import validated
from binn_cli.config.store import conf_directory, register
from binn_cli.datasets.calls import ASKED, COMPLETE, FAILED, NO_ROUND, PENDING, TOLD
from binn_cli.datasets.product import Axis
from binn_cli.models.surrogate import CaseProcess, Prediction
from binn_cli.results.store import read
from binn_cli.tasks.outlook import outlook
from binn_cli.tasks.references import COMPARED, some_of
from tests.tasks.fakes import FakeSurrogate

RUN = ["task=active_learn", "dataset=simulator", "dataset.parameters={k: [1, 4], P: [100, 200]}", "dataset.outputs=[u]"]


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Begin a campaign in an empty directory; gives the run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(build, "model", lambda settings: FakeSurrogate())

    def run(*overrides: str) -> Path:
        assert main(["run", *RUN, *overrides, "output.figures=false"]) == 0
        return next(iter(Path("outputs").iterdir()))

    return run


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[tuple[float, float]]]:
    """Ask for cases."""

    def cases(run: Path, count: int) -> list[tuple[float, float]]:
        capsys.readouterr()
        assert main(["ask", str(run), "-n", str(count), "--csv"]) == 0
        rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        return [(float(row["k"]), float(row["P"])) for row in rows]

    return cases


def told(run: Path, cases: list[tuple[float, float]], change: float = 0.0, *more: str) -> int:
    rows = [f"{k!r},{P!r},{x},{k + x * P / 100 + change!r}" for k, P in cases for x in (0, 1)]
    Path("results.csv").write_text("\n".join(["k,P,x,u", *rows]) + "\n")
    return main(["tell", str(run), "results.csv", *more])


def test_a_campaign_from_the_first_case_to_the_last(begin, ask, capsys: pytest.CaptureFixture[str]) -> None:
    run = begin("dataset.initial_cases=4", "task.acquisition=mean_std")
    first, rest = ask(run, 3), ask(run, 3)
    assert len(set(first + rest)) == 6, "four to begin with, and two beside them"
    calls = read(run / "results.h5").calls
    assert [(call.status, call.source) for call in calls.each] == [(PENDING, ASKED)] * 6
    assert told(run, rest[::-1][:2]) == 0
    assert read(run / "results.h5").steps == () and "the first fit needs 1 more result" in capsys.readouterr().err
    assert told(run, [*first, (2.0, 150.0)]) == 0
    said = capsys.readouterr().err
    assert "4 results taken in, 1 of cases that nobody asked for" in said and "predicted RMSE" in said
    record = read(run / "results.h5")
    assert record.status == "complete" and record.steps[-1].n_train == 12 and record.outputs == ("u",)
    assert {call.parameters for call in record.calls.each if call.status == COMPLETE} == {
        *first,
        *rest[1:],
        (2.0, 150.0),
    }
    capsys.readouterr()
    assert main(["ask", str(run), "--json"]) == 0
    printed = capsys.readouterr()
    assert "cannot say what one case would teach about another: these cases are the farthest" in printed.err
    (case,) = json.loads(printed.out)["cases"]
    asked = (case["parameters"]["k"], case["parameters"]["P"])
    assert asked not in {*first, *rest}
    assert told(run, [asked]) == 0
    record = read(run / "results.h5")
    assert len(record.steps) == 2 and record.steps[-1].n_train == 14
    assert record.steps[-1].acquired == {"k": asked[0], "P": asked[1]} and "rmse" in record.steps[-1].metrics["ahead"]
    assert next(call for call in record.calls.each if call.parameters == asked).round == 1
    assert (record.calls.each[0].source, record.calls.each[-2].round) == (TOLD, NO_ROUND)
    capsys.readouterr()
    assert main(["status", str(run), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cases"] == {"complete": 7, "failed": 0, "timed_out": 0, "pending": 1, "abandoned": 0}
    assert found["fits"] == 2 and found["predicted_rmse"]["u"] > 0 and found["pending"][0]["asked"]
    assert main(["show", str(run)]) == 0 and "8 cases: 7 told, 1 pending" in capsys.readouterr().out


def test_what_failed_is_known_and_never_asked_again(begin, ask, capsys) -> None:
    run = begin("dataset.initial_cases=3", "dataset.candidates={k: 2, P: 3}")
    capsys.readouterr()
    assert main(["show", str(run)]) == 0
    assert " waiting for results " in (shown := capsys.readouterr().out) and "nothing is learned yet" in shown
    cases = ask(run, 6)
    rows = [f"{cases[0][0]},{cases[0][1]},,,failed,diverged", f"{cases[1][0]},{cases[1][1]},,,abandoned,"]
    rows += [f"{k},{P},{x},{k * P},," for k, P in cases[2:] for x in (0, 1)]
    Path("results.csv").write_text("\n".join(["k,P,x,u,status,reason", *rows]) + "\n")
    assert main(["tell", str(run), "results.csv"]) == 0
    record = read(run / "results.h5")
    assert [(call.status, call.reason) for call in record.calls.each if call.status == FAILED] == [(FAILED, "diverged")]
    assert record.calls.count("abandoned") == 1 and record.steps[-1].n_train == 8
    assert main(["ask", str(run)]) == 1


def test_contradictions_and_what_cannot_be_are_refused_and_leave_nothing(
    begin, ask, capsys: pytest.CaptureFixture[str]
) -> None:
    run = begin()
    cases = ask(run, 3)
    assert told(run, cases) == 0
    before = (run / "results.h5").read_bytes()
    for wrong, said in (
        ([cases[0]], "another result of"),
        ([(2.0, 120.0), (9.0, 120.0)], "'k' is 9, outside its range [1, 4]"),
    ):
        capsys.readouterr()
        assert told(run, wrong, 1.0) == 1
        assert said in capsys.readouterr().err and "line" in said + "line"
        assert len(list((run / "told").iterdir())) == 3 and len(read(run / "results.h5").calls.each) == 6
    assert told(run, cases) == 0 and len(read(run / "results.h5").steps) == 1, "the same once more changes nothing"
    assert told(run, [cases[0]], 1.0, "--replace") == 0
    assert len(read(run / "results.h5").steps) == 2 and before != (run / "results.h5").read_bytes()
    assert told_answers.kept(run)[-1].field.values[0].item() == pytest.approx(cases[0][0] + 1)


def test_a_cheap_run_that_has_changed_is_noticed(
    begin, ask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = begin()
    cases = ask(run, 4)
    monkeypatch.setattr(build, "data_identity", lambda *_: {"dataset.cheap": "sha256:1"})
    assert told(run, cases[:3]) == 0
    monkeypatch.setattr(build, "data_identity", lambda *_: {"dataset.cheap": "sha256:2"})
    assert told(run, cases[3:]) == 1
    assert "the data have changed since this run began (dataset.cheap)" in capsys.readouterr().err
    assert len(told_answers.kept(run)) == 3 and len(ask(run, 1)) == 1


def test_a_kill_between_keeping_and_learning_loses_nothing(begin, ask, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin()
    cases = ask(run, 4)
    with monkeypatch.context() as patched:
        patched.setattr(tell_module, "_learn", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert told(run, cases) == 1
    assert read(run / "results.h5").steps == () and len(told_answers.kept(run)) == 4
    assert not set(ask(run, 2)) & set(cases)
    assert told(run, cases) == 0
    assert read(run / "results.h5").steps[-1].n_train == 8


def test_a_field_on_another_mesh_is_refused(begin, ask, capsys: pytest.CaptureFixture[str]) -> None:
    run = begin()
    (k, P), (other, _) = ask(run, 2)
    Path("fields.csv").write_text("k,P,x,u\n" + "".join(f"{k!r},{P!r},{x},{x}\n" for x in range(3)))
    assert main(["tell", str(run), "fields.csv"]) == 0
    Path("fields.csv").write_text("k,P,x,u\n" + "".join(f"{other!r},{P!r},{x},{x}\n" for x in range(4)))
    capsys.readouterr()
    assert main(["tell", str(run), "fields.csv"]) == 1
    assert "fields.csv, line 2" in capsys.readouterr().err and len(told_answers.kept(run)) == 1


@pytest.mark.slow
def test_several_people_ask_at_once(begin) -> None:
    run = begin("dataset.initial_cases=6")
    command = [sys.executable, "-m", "binn_cli", "ask", str(run), "-n", "2", "--csv"]
    asking = [subprocess.Popen(command, stdout=-1, text=True) for _ in range(2)]
    rows = [line for process in asking for line in process.communicate(timeout=120)[0].splitlines()[1:]]
    assert all(process.returncode == 0 for process in asking) and len(set(rows)) == 4


def test_a_rule_to_stop_is_said(begin, ask, capsys: pytest.CaptureFixture[str]) -> None:
    run = begin("task.stop.calls=4", "dataset.initial_cases=4")
    cases = ask(run, 4)
    assert told(run, cases) == 0
    assert "4 cases have been asked for" in capsys.readouterr().err
    assert "no more simulations are needed" in read(run / "results.h5").conclusion


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["ask", "-n", "0"], "must be a whole number from 1"), (["ask", "--csv", "--json"], "not allowed with")],
)
def test_misuse(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([arguments[0], "RUN", *arguments[1:]])
    assert leaving.value.code == 2 and said in capsys.readouterr().err


def test_only_runs_that_ask_a_solver(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    register()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_directory())):
        (tmp_path / "config.yaml").write_text(validated(compose("config", ["dataset=sine", "task=regress"])).yaml)
    run = tmp_path
    (run / "results.h5").touch()
    for verb in (["ask", str(run)], ["status", str(run)], ["tell", str(run), "x.csv"]):
        assert main(verb) == 1
        assert "need task=active_learn dataset=simulator" in capsys.readouterr().err
        assert main([verb[0], str(run / "absent"), *verb[2:]]) == 1
        assert f"{run / 'absent'}: there is no such run" in capsys.readouterr().err


class Correlated:
    """Cases whose unknown values have a known covariance."""

    def case_process(self, axes, cases: Axis) -> CaseProcess:
        distance = cases.points - cases.points.T
        return CaseProcess(np.exp(-(distance**2))[:, None, :, None], np.zeros(1))


def test_gains_are_those_of_conditioning_and_allow_for_what_is_out() -> None:
    references, candidates = Axis.of("x", np.linspace(0.0, 3.0, 7)), Axis.of("x", np.array([0.5, 2.5, 1.0]))
    covariance = np.exp(-((references.points - references.points.T) ** 2))
    cross = np.exp(-((references.points - 0.5) ** 2))
    left = np.trace(covariance - cross @ cross.T)
    first, again, other = expected_gains(Correlated(), (), references, candidates, [], [0, 0, 1])
    assert (
        first == pytest.approx(1 - np.sqrt(left / np.trace(covariance)))
        and again == pytest.approx(0.0, abs=1e-6)
        and other > 0.1
    )
    assert expected_gains(Correlated(), (), references, candidates, [0], [0])[0] == pytest.approx(0.0, abs=1e-6)
    assert np.isnan(expected_gains(None, (), references, candidates, [], [0])).all()


@pytest.mark.parametrize("count", [50, 400])
def test_ask_and_status_mean_the_same_gain(count: int) -> None:
    """The best single simulation by `status` is one of which `ask` expects as much."""
    cases = Axis.of("x", np.random.default_rng(0).random(count) * 3.0)

    class Predicting(Correlated):
        def predict(self, axes) -> Prediction:
            shape = (*(axis.size for axis in axes), 1)
            return Prediction(np.zeros(shape), np.ones(shape), np.zeros(shape))

    fitted = Predicting()
    compared = some_of(cases, COMPARED, 7)
    gains = [expected_gains(fitted, (), compared, compared, [], [row])[0] for row in range(compared.size)]
    assert max(gains) == pytest.approx(outlook(fitted, (), cases, 7).gain, rel=1e-9) and max(gains) > 0.1
