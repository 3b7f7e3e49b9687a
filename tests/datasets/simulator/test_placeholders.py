"""Values in commands and templates: whatever their letters, they stay values."""

from __future__ import annotations

from pathlib import Path

import pytest

from binn_cli.datasets.simulator.placeholders import filled, require_known, with_whole_paths, words_of
from binn_cli.errors import ConfigError

KEY = "dataset.command"


def test_values_are_written_so_that_they_read_back_the_same() -> None:
    values = {"k": 0.1 + 0.2, "n": 3, "m": "steel"}
    assert filled("{k} {n} {m} {k:.3e} {n:04d}", values) == "0.30000000000000004 3 steel 3.000e-01 0003"
    assert float(filled("{k}", values)) == values["k"]
    assert filled("{n:>4}|{m:<8}|{k:^+10.2f}", values) == "   3|steel   |  +0.30   "


def test_braces_that_are_no_placeholders_stay() -> None:
    text = 'a = {"k": {k}, "list": [{}], b: {{k}}, { k }}'
    assert filled(text, {"k": 2}) == 'a = {"k": 2, "list": [{}], b: {k}, { k }}'
    assert require_known(text, {"k": 2}, KEY) == {"k"}


@pytest.mark.parametrize(
    "name", ["k;rm -rf *", "$(reboot)", "a b", "`id`", "x > y", "it's", 'say "hi"', "k|l", "Cl/Cd", "ü", "a&&b"]
)
def test_a_name_of_any_letters_is_one_placeholder(name: str) -> None:
    words = words_of(f"python run.py --value={{{name}}} {{{name}}} 'two words'", [name], KEY)
    assert words == ["python", "run.py", f"--value={{{name}}}", f"{{{name}}}", "two words"]
    assert [filled(word, {name: "; echo $HOME"}) for word in words][2:4] == ["--value=; echo $HOME", "; echo $HOME"]


def test_a_name_inside_another_is_not_mixed_up() -> None:
    names = ["k", "k k", "{k}".strip("{}")]
    assert words_of("run {k k} {k}", names, KEY) == ["run", "{k k}", "{k}"]


@pytest.mark.parametrize(
    "command", ["solver {k} > out.csv", "a {k} | b", "cd x && solver {k}", "solver {k} ; ls", "run $(date) {k}"]
)
def test_what_only_a_shell_understands_is_refused(command: str) -> None:
    with pytest.raises(ConfigError, match="which only a shell understands"):
        words_of(command, ["k"], KEY)
    assert words_of(["bash", "-c", "cd x && solver"], [], KEY) == ["bash", "-c", "cd x && solver"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "first\nsecond {kk}\n",
            r"file, line 2: there is no parameter for \{kk\}; did you mean \"k\"\?; there are \{k\}, \{m\}",
        ),
        ("{P:.3f}", "no parameter"),
        ("{k!r}", r"no parameter for \{k!r\}"),
        ("{m:.3f}", "cannot be written with '.3f'"),
        ("{k:d}", "cannot be written with 'd'"),
    ],
)
def test_an_unknown_placeholder_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        require_known(text, {"k": 1.0, "m": "steel"}, "dataset.template", "file")


@pytest.mark.parametrize("command", ["", "   ", "'open {k}"])
def test_an_empty_or_broken_command_is_refused(command: str) -> None:
    with pytest.raises(ConfigError, match="names no program|cannot be split"):
        words_of(command, ["k"], KEY)


def test_words_that_name_files_become_whole_paths(tmp_path: Path) -> None:
    (tmp_path / "solver.py").touch()
    (tmp_path / "{k}").touch()
    assert with_whole_paths(["python", "solver.py", "{k}", "-o", ""], tmp_path) == [
        "python",
        str(tmp_path / "solver.py"),
        "{k}",
        "-o",
        "",
    ]
