# The first Python 3.11 or 3.12 that runs (a version manager's shim may exist and yet fail); give another with `make PYTHON=...`.
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do \
	"$$p" -c 'import sys; raise SystemExit(sys.version_info[:2] not in ((3, 11), (3, 12)))' >/dev/null 2>&1 && echo "$$p" && break; done)
BIN := .venv/bin
STAMP := .venv/.binn-installed

.PHONY: setup run test test-thorough lint docs bench studies reproduce clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || test -n "$(PYTHON)" || { echo "binn needs Python 3.11 or 3.12: install one, or name it with make PYTHON=/path/to/python" >&2; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	$(BIN)/python -m compileall -q binn_cli
	@touch $@

run: $(STAMP)
	$(BIN)/binn run task=active_learn dataset=heat

test: $(STAMP)
	$(BIN)/python -m pytest -n 4 -m "not thorough"

test-thorough: $(STAMP)
	$(BIN)/python -m pytest -n 2

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A warning is an error (but not with --quiet, which hides it from --strict); the variable turns an advertisement off.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "build/site/index.html"

bench: $(STAMP)
	$(BIN)/python -m tests.benchmarks

studies: $(STAMP)
	$(BIN)/python -m tests.studies
	$(BIN)/python -m tests.studies.gallery

# Every experiment of the paper, and ours. What is complete is not run again, what was interrupted goes on; a job that
# fails does not stop the others.
EXPERIMENTS := fig3 fig3_limit inn_td inn_td_heat table3 few_cases acquisitions cold_posterior table1 table2 fig4 table4
BUDGET ?= quick
REPRODUCED ?= outputs/reproduce

reproduce: $(STAMP)
	@status=0; for name in $(EXPERIMENTS); do \
		$(BIN)/binn run experiment=$$name budget=$(BUDGET) output.root=$(REPRODUCED)/$$name output.figures=false resume=true || status=1; \
		done; $(BIN)/binn report $(REPRODUCED)/* -o $(REPRODUCED)/report.html --title "The paper's experiments at budget $(BUDGET)"; exit $$status

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
