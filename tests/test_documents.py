"""README.md and docs/: every command and every snippet runs, every link leads somewhere, every name exists."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from binn_cli.cli import VERBS, main
from binn_cli.compiled_code import prepare_jax
from binn_cli.config.schema import SCHEMAS
from binn_cli.config.store import options
from binn_cli.metrics import METRICS
from tests.document_commands import BEFORE, COMMANDS, NOT_COMMANDS, REFUSED, THOROUGH, finished_run
from tests.warm_program import warm_program

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
STUDIES = ROOT / "docs" / "studies"
"""Written by programs, but for its index."""
LINKING = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "data" / "README.md"]
IN_ORDER = "<!-- run in order -->"
"""The comment of a page whose blocks are run one after the other in one directory."""


@dataclass(frozen=True)
class Block:
    """A block of code of a page.

    Attributes:
        page: the page, relative to the top of the repository.
        language: what follows the backticks.
        content: the code.
    """

    page: str
    language: str
    content: str

    @property
    def commands(self) -> list[tuple[str, str]]:
        """Command and comment of every line; a line that ends with a backslash goes on in the next."""
        lines = filter(None, map(str.strip, re.sub(r"\s*\\\n\s*", " ", self.content).splitlines()))
        parts = [line.partition("  #") for line in lines]
        return [(command.strip(), comment.strip()) for command, _, comment in parts]

    def __str__(self) -> str:
        return self.commands[0][0] if self.language == "bash" else self.page


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks_of(path: Path) -> list[Block]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text_of(path), flags=re.MULTILINE | re.DOTALL)
    return [Block(str(path.relative_to(ROOT)), language, content) for language, content in found]


def prose_of(path: Path) -> str:
    """The text without blocks of code and comments."""
    return re.sub(r"^```.*?^```$|<!--.*?-->", "", text_of(path), flags=re.MULTILINE | re.DOTALL)


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
ORDERED = [page for page in PAGES if IN_ORDER in text_of(page)]
ALONE = [block for block in BLOCKS if ROOT / block.page not in ORDERED]
PYTHON = [block for block in ALONE if block.language == "python"]
IN_BLOCKS = {command for block in BLOCKS if block.language == "bash" for command, _ in block.commands}
SENTENCES = [found for page in PAGES for found in re.findall(r"`((?:make|binn)\s[^`]+)`", prose_of(page))]
INLINE = {" ".join(found.split()) for found in SENTENCES}


def shell_blocks() -> list[object]:
    """The blocks of commands, but for those whose commands another block has too."""
    chosen: list[Block] = []
    for block in sorted((b for b in ALONE if b.language == "bash"), key=lambda block: -len(block.commands)):
        if not any({c for c, _ in block.commands} <= {c for c, _ in other.commands} for other in chosen):
            chosen.append(block)
    return [
        pytest.param(block, marks=[pytest.mark.thorough] if str(block) in THOROUGH else [], id=f"{block.page}: {block}")
        for block in sorted(chosen, key=lambda block: (block.page, block.content))
    ]


def shortened(command: str) -> str:
    """The command as it is run here."""
    extra = COMMANDS[command]
    assert extra is not None, f"{command!r} is not to be run"
    if not extra:
        return command
    # No group may be chosen twice.
    for model in re.findall(r"(?<!\S)model=\S+", command) if "model=" in extra else ():
        command = command.replace(f" {model}", "", 1)
    return command[:-1] + f" {extra})" if command.endswith(")") else f"{command} {extra}"


def prepare(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make what commands of the block need to find."""
    for command, _ in block.commands:
        if command in BEFORE:
            BEFORE[command](monkeypatch)


def run_block(block: Block, environment: dict[str, str]) -> str:
    """Run a block, each refused command with the sentence that its comment promises; gives what the others print."""
    if block.language == "python":
        command = [sys.executable, "-W", "error", "-c", block.content]
    else:
        for refused, comment in block.commands:
            if refused in REFUSED:
                assert comment == REFUSED[refused]
                done = subprocess.run(["bash", "-c", refused], env=environment, capture_output=True, text=True)
                assert (done.returncode, done.stderr.strip()) == (1, comment)
        script = "\n".join(shortened(command) for command, _ in block.commands if command not in REFUSED)
        command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{block.page}, {block}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def warm() -> Iterator[Path]:
    """Where a `binn` is that starts at once."""
    with tempfile.TemporaryDirectory(prefix="b") as directory, warm_program(Path(directory)) as place:
        yield place


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, warm: Path) -> dict[str, str]:
    """The environment of a shell in an empty directory, with `binn` on its path."""
    monkeypatch.chdir(tmp_path)
    prepare_jax()
    path = os.pathsep.join([str(warm), str(Path(sys.executable).parent), os.environ["PATH"]])
    # Here compiling costs far more than running, and speed is not what is tested.
    return {**os.environ, "PATH": path, "COLUMNS": "120", "XLA_FLAGS": "--xla_backend_optimization_level=0"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which a run has ended; snippets only read it."""
    directory, before = tmp_path_factory.mktemp("finished"), Path.cwd()
    os.chdir(directory)
    try:
        prepare_jax()
        finished_run()
    finally:
        os.chdir(before)
    return directory


def test_only_known_languages() -> None:
    assert {block.language for block in BLOCKS} == {"bash", "python"}


def test_every_command_is_known() -> None:
    written = IN_BLOCKS | INLINE - NOT_COMMANDS
    unknown, unused = written - set(COMMANDS), set(COMMANDS) - written
    assert not unknown, f"say in tests/document_commands.py how these are run: {unknown}"
    assert not unused, f"no page has these any more: {unused}"
    assert set(REFUSED) | set(BEFORE) | set(THOROUGH) <= written


@pytest.mark.parametrize("command", [name for name, extra in COMMANDS.items() if extra is None])
def test_make_knows_the_target(command: str) -> None:
    done = subprocess.run([*command.split(), "-n"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("block", shell_blocks())
def test_shell_block(block: Block, elsewhere: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(block, monkeypatch)
    assert "nan" not in run_block(block, elsewhere).lower()


@pytest.mark.slow
@pytest.mark.parametrize("page", ORDERED, ids=lambda page: page.name)
def test_page_in_order(page: Path, elsewhere: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for block in blocks_of(page):
        prepare(block, monkeypatch)
        assert "nan" not in run_block(block, elsewhere).lower()


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_block(block: Block, elsewhere: dict[str, str], finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished)
    assert "nan" not in run_block(block, elsewhere).lower()


@pytest.mark.parametrize("command", sorted(c for c in INLINE - NOT_COMMANDS - IN_BLOCKS if c.startswith("binn run ")))
def test_command_in_a_sentence_composes(command: str, elsewhere: dict[str, str], capsys: pytest.CaptureFixture) -> None:
    """A command that no block has is composed at least, of a sweep the first job."""
    words = shlex.split(command)[2:]
    values = [word for word in words if word not in ("--cfg", "job", "-m")]
    if "-m" in words:
        values = [word if "[" in word else word.partition(",")[0] for word in values]
    assert main(["run", "--cfg", "job", *values]) == 0
    capsys.readouterr()


def anchors_of(path: Path) -> set[str]:
    """What links to the headings of a page end with."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text_of(path), flags=re.M | re.S), flags=re.M)
    ascii_only = [heading.encode("ascii", "ignore").decode() for heading in headings]
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in ascii_only}


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_local_link_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", prose_of(page)):
        if "://" in target:
            continue
        place = (page.parent / target).resolve() if target else page
        assert place.exists(), target
        assert not anchor or anchor in anchors_of(place), f"{target}#{anchor}"
        # A website of docs/ has nothing from outside of it.
        assert page.parts[len(ROOT.parts)] != "docs" or place.is_relative_to(ROOT / "docs"), target


def test_pictures_are_small_and_none_is_left_over() -> None:
    links = [(page, link) for page in PAGES for link in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text_of(page))]
    shown = {(page.parent / link).resolve() for page, link in links}
    assert shown == set((ROOT / "docs" / "pictures").iterdir()) | set(STUDIES.glob("*.png"))
    for picture in shown:
        assert picture.stat().st_size < (400_000 if picture.parent == STUDIES else 200_000)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_exist(page: Path) -> None:
    """Paths in code, but for those with a word in capitals that stands for any name."""
    named = re.findall(r"`((?:conf|tests|binn_cli|docs)/[^`\s*]*)`", prose_of(page))
    assert [name for name in named if not re.search(r"[A-Z]{2}", name) and not (ROOT / name).exists()] == []


@pytest.mark.parametrize("name", ["where.md", "architecture.md"])
def test_modules_that_are_named_exist(name: str) -> None:
    modules = [str(path.relative_to(ROOT)) for path in (ROOT / "binn_cli").rglob("*")]
    named = re.findall(r"`((?:[\w./]+/)?[\w*]+\.py|[\w/]+/)`", prose_of(ROOT / "docs" / name))
    assert len(named) > 40

    def exists(path: str) -> bool:
        if (ROOT / path).exists():
            return True
        pattern = re.escape(path.removeprefix("../").rstrip("/")).replace(r"\*", r"\w+")
        return any(re.search(rf"/{pattern}$", module) for module in modules)

    assert [path for path in named if not exists(path)] == []


def test_lengths() -> None:
    """The front page is a door; lines fit beside each other in two windows."""
    assert len(text_of(README).splitlines()) <= 130
    for page in [*(page for page in PAGES if page.parent != STUDIES), STUDIES / "index.md", ROOT / "CONTRIBUTING.md"]:
        assert [line for line in text_of(page).splitlines() if len(line) > 120] == [], page


def test_the_floors_are_those_that_the_linter_keeps() -> None:
    contract = tomllib.loads(text_of(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"][0]
    table = text_of(ROOT / "docs" / "architecture.md").partition("| floor |")[2].partition("\n\n")[0]
    rows = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in table.splitlines()[2:]]
    assert rows == [re.findall(r"binn_cli\.(\w+)", layer) for layer in contract["layers"]]


def item_of(page: str, start: str) -> str:
    """The item of a list that begins so, with its continuation lines."""
    text = text_of(ROOT / "docs" / page)
    (found,) = re.findall(rf"^- {re.escape(start)}(.*?)(?=^- |^\S|^$|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return found


def test_every_option_metric_and_verb_is_named() -> None:
    for group in (*SCHEMAS, "experiment", "budget"):
        assert set(options(group)) <= set(re.findall(r"`(\w+)`", item_of("commands.md", f"`{group}`: ")))
    assert sorted(re.findall(r"`(\w+)`", item_of("results.md", "**`/metrics/NAME`**: "))) == sorted(METRICS)
    table = text_of(ROOT / "docs" / "commands.md").partition("| verb |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", table, flags=re.M) == list(VERBS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_key_exists(page: Path) -> None:
    for group, key in re.findall(r"`(model|task|dataset)\.(?!py`)(\w+)(?:=[^`\s]+)?`", text_of(page)):
        assert any(key in schema.__dataclass_fields__ for schema in SCHEMAS[group].values()), f"{group}.{key}"


def build_website(top: Path) -> subprocess.CompletedProcess[str]:
    """Build the pages below `top` as `make docs` does."""
    recipe = subprocess.run(["make", "-n", "docs"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (options,) = re.findall(r"mkdocs build(.*)", recipe)
    command = [sys.executable, "-m", "mkdocs", "build", *options.split(), "--config-file", str(top / "mkdocs.yml")]
    return subprocess.run(command, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True)


@pytest.mark.slow
def test_website_builds_without_a_warning_and_asks_nothing_of_the_network(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    done = build_website(tmp_path)
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "build" / "site").rglob("*.html"))
    assert len(pages) > len(PAGES) - 1
    for page in pages:
        assert re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(?:https?:)?//[^"]+"', text_of(page)) == []
    with (tmp_path / "docs" / "limits.md").open("a") as broken:
        broken.write("[nowhere](paper.md#nowhere)\n")
    done = build_website(tmp_path)
    assert done.returncode != 0 and "#nowhere" in done.stderr
