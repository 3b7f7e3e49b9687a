"""`binn report`: one page that shows every run, runs nothing that a name contains, and works in a browser."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import h5py
import pytest

from binn_cli.cli import main
from binn_cli.results.record import RunRecord
from binn_cli.results.store import write
from binn_cli.views.report import browser as browsers
from tests.browser import opened_browser, why_no_browser
from tests.views.made_runs import made_run

ATTACK = '<script>alert(1)</script><img src=x onerror="alert(2)">'
SCORES = {"test": {"rmse": 0.25, "rel_rmse": 0.5, "nlpd": -1.5, "coverage_95": 0.9, "coverage_50": 0.4}}


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and the text of its cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("outputs")


@pytest.fixture
def chromium() -> None:
    """A browser that starts; .ci/run installs the system's."""
    if reason := why_no_browser():
        pytest.skip(reason)


def page_of(*arguments: str, status: int = 0) -> str:
    assert main(["report", *arguments, "-o", "r.html"]) == status
    return Path("r.html").read_text(encoding="utf-8")


def mixed(root: Path) -> None:
    """Three models with several seeds, of which one failed, one runs, one is damaged, and one is somebody else's."""
    for seed in range(3):
        made_run(root / f"b{seed}", seed=seed, model={"modes": 4}, scores=SCORES, fit=2.0 + seed)
        slow = {"test": SCORES["test"] | {"rmse": 0.75 + 0.01 * seed}}
        made_run(root / f"g{seed}", seed=seed, model={"name": "gp"}, scores=slow, fit=20.0)
    made_run(root / "failed", model={"name": "mlp"}, status="failed", reason="the <b>disk</b> is full", scores={})
    made_run(root / "running", model={"name": "kan"}, status="running", scores=SCORES)
    damaged = made_run(root / "damaged", seed=7)
    whole = (damaged / "results.h5").read_bytes()
    (damaged / "results.h5").write_bytes(whole[: len(whole) // 2])
    (root / "foreign").mkdir()
    with h5py.File(root / "foreign" / "results.h5", "w") as file:
        file["x"] = 1


def test_everything_about_every_run(root: Path, records: dict[str, RunRecord], capsys) -> None:
    mixed(root)
    for name, record in records.items():
        (root / f"made_{name}").mkdir()
        write(root / f"made_{name}" / "results.h5", replace(record, header=replace(record.header, config_id=name)))
    page = page_of("outputs", "--title", "What we found", status=1)  # two files cannot be read
    assert capsys.readouterr().out == "r.html\n"
    assert "<h1>What we found</h1>" in page
    headings = re.findall(r"<h2[^>]*>([^<]+)</h2>", page)
    assert headings[:2] == ["Warnings", "Runs"] and headings[-1] == "Details of each run"
    for text in (
        "it was cut short or damaged",
        "is not a results file of this program",
        "the &lt;b&gt;disk&lt;/b&gt; is full",
        "its process ended without a word",
        "distrust this fit",  # the warning of the run that broke down
        "binn rerun outputs/b0",
        "Mean ± standard error",
        "Data of blendednet: synthetic",
    ):
        assert text in page, text
    tags = Tags(page).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"] for tag, attributes in tags if tag == "a"}
    assert targets <= {f"#{name}" for name in ids} and "#run-3" in targets
    assert sum(tag == "details" and attributes.get("class") == "run" for tag, attributes in tags) == 17
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in tags if tag == "th")
    assert sum(tag == "svg" and attributes.get("role") == "img" for tag, attributes in tags) > 10
    assert not any("src" in attributes or "style" in attributes for _, attributes in tags)


def test_nothing_that_a_name_contains_is_run(root: Path) -> None:
    for value in ("x\x07y", "z"):
        made_run(
            root / f"{len(value)}<script>",
            dataset={"name": ATTACK, "n\u202etrain": value},
            model={"name": ATTACK, ATTACK: ATTACK},
            outputs=(ATTACK,),
            scores={ATTACK: {"rmse": 1.0}},
            provenance={"argv": ATTACK, "cpu_model": ATTACK},
            note=ATTACK,
        )
    made_run(root / "b", reason=ATTACK, status="failed", scores={})
    page = page_of("outputs", "--title", ATTACK)
    tags = [tag for tag, _ in Tags(page).tags]
    assert tags.count("script") == 1 and "img" not in tags
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page
    assert "\u202e" not in page and r"n\u202etrain" in page
    assert "\x07" not in page and r"x\x07y" in page
    policy = next(a["content"] for tag, a in Tags(page).tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe" not in policy


def test_it_stays_small_for_many_runs(root: Path, records: dict[str, RunRecord]) -> None:
    for i in range(50):
        record = records["active_learn" if i % 10 == 0 else "regress"]
        (root / f"{i}").mkdir(parents=True)
        write(root / f"{i}" / "results.h5", replace(record, header=replace(record.header, config_id=str(i))))
    assert len(page_of("outputs")) < 3e6
    first = made_run(root.with_name("many") / "0")
    with h5py.File(first / "results.h5") as file:
        whole = file.id.get_file_image()
    for i in range(1, 100):
        (root.with_name("many") / str(i)).mkdir()
        (root.with_name("many") / str(i) / "results.h5").write_bytes(
            whole.replace(b"60-binn-0-0", f"{i:011d}".encode())
        )
    page = page_of("many/*")
    assert "are left out in reports of more than 60 runs" in page and page.count("<details class=") == 100
    assert len(page) < 3e5


def test_what_cannot_be_reported(root: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    made_run(root / "a")
    for arguments, sentence in {
        ("nowhere",): "nowhere: does not exist; name directories",
        ("nowhere*",): "nowhere*: matches nothing",
        ("outputs", "--metric", "rsme"): "--metric rsme: no run has it; there are rmse",
        ("outputs", "-o", "missing/r.html"): "cannot write missing/r.html: No such file or directory",
    }.items():
        assert main(["report", *arguments]) == 1
        assert sentence in capsys.readouterr().err
    (root / "empty").mkdir()
    assert main(["report", "outputs/empty"]) == 1
    assert "no run to report on" in capsys.readouterr().err
    monkeypatch.setattr(browsers, "browser", lambda: None)
    assert main(["report", "outputs", "--pdf", "r.pdf"]) == 1
    assert "--pdf r.pdf: needs Chromium or Chrome, which is not on the PATH" in capsys.readouterr().err
    assert not list(Path().glob("*.pdf")) and not list(Path().glob("*.html"))


COLUMN = "[...document.querySelectorAll('#table tbody tr:not([hidden])')].map((r) => r.cells[{}].textContent)"
HEAD = "[...document.querySelectorAll('#table thead th')].find((t) => t.textContent === '{}')"


@pytest.mark.slow
def test_in_a_browser(chromium: None, root: Path, tmp_path: Path) -> None:
    mixed(root)
    made_run(root / "z<script>alert(1)</script>".replace("/", "_"), model={"name": ATTACK}, scores=SCORES)
    page_of("outputs", status=1)
    file = Path("r.html").resolve()
    with opened_browser(tmp_path / "profile") as page:
        page.open(file)
        # The heading is a button that the keyboard reaches; the screen reader is told.
        page.ask(f"{HEAD.format('test rmse')}.querySelector('button').focus()")
        page.press("Enter", "\r")
        column = page.ask(f"[...document.querySelectorAll('#table thead th')].indexOf({HEAD.format('test rmse')})")
        rising = [float(text) for text in page.ask(COLUMN.format(column)) if text != "–"]
        assert rising == sorted(rising) and len(rising) == 8 and rising[0] < rising[-1]
        assert page.ask(f"{HEAD.format('test rmse')}.getAttribute('aria-sort')") == "ascending"
        page.press("Enter", "\r")
        falling = page.ask(COLUMN.format(column))
        assert [float(text) for text in falling[:8]] == rising[::-1] and set(falling[8:]) == {"–"}
        # Filters by a key and by words; the number of rows is said.
        choose = (
            "(() => {{ const s = [...document.querySelectorAll('#filters select')].find((s) => "
            "[...s.options].some((o) => o.value === '={0}')); s.value = '={0}'; "
            "s.dispatchEvent(new Event('input', {{bubbles: true}})); }})()"
        )
        page.ask(choose.format("gp"))
        assert page.ask(COLUMN.format(1)) == ["g2", "g1", "g0"]
        assert page.ask("document.getElementById('shown').textContent") == "3 of 11 rows shown"
        page.ask(choose.format(ATTACK.replace("'", "\\'").replace("</", "<\\/")))
        assert page.ask(COLUMN.format(1)) == ["z<script>alert(1)<_script>"]
        page.ask("document.querySelector('#filters button[type=reset]').click(); new Promise((r) => setTimeout(r, 50))")
        assert len(page.ask(COLUMN.format(1))) == 11
        # A run opens, and its numbers are there to read.
        page.ask("document.querySelector('#table a[href=\"#run-2\"]').click(); new Promise((r) => setTimeout(r, 50))")
        assert page.ask("document.getElementById('run-2').parentElement.open")
        cell = "[...document.querySelectorAll('#run-2 tbody tr')].find((r) => r.cells[0].textContent === 'nlpd')"
        assert page.ask(f"{cell}.cells[1].innerText") == "−1.5"
        assert page.ask("document.activeElement.id") == "run-2"
        colour = "getComputedStyle(document.body).backgroundColor"
        assert page.ask(colour) == "rgb(255, 255, 255)"
        page.open(file, width=390, dark=True)
        assert page.ask("document.documentElement.scrollWidth") <= 390, "a phone would scroll sideways"
        assert page.ask(colour) == "rgb(21, 23, 26)"
        assert page.errors == []
        assert set(page.requests) == {file.as_uri()}


@pytest.mark.slow
def test_printed(chromium: None, root: Path, capsys) -> None:
    made_run(root / "a", scores=SCORES)
    assert main(["report", "outputs", "--pdf", "r.pdf"]) == 0
    assert capsys.readouterr().out == "r.pdf\n" and not Path("report.html").exists()
    printed = Path("r.pdf").read_bytes()
    assert printed.startswith(b"%PDF-") and len(printed) > 10_000
