# Two commands set everything up: `make demo` and `make test`. Nothing outside .venv and demo-out is written.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
MODELS := fixtures/models
STAMP  := $(VENV)/.cpu-stamp
DEV    := $(VENV)/.dev-stamp
REL    := $(VENV)/.release-stamp
LOWEST := $(VENV)-lowest

# `make fuzz` gives every parser ten minutes; `make fuzz PARSER=trt_log FUZZ_SECONDS=60` gives one of them a minute.
FUZZ   := $(VENV)/.fuzz-stamp
PARSER ?=
FUZZ_SECONDS ?= 600

.PHONY: setup demo test soak lint bench docs fuzz dist release-check release-lowest clean

setup: $(STAMP)

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(STAMP): pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[cpu]'
	@touch $@

$(DEV): $(STAMP)
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

$(MODELS)/resnet18.onnx: $(MODELS)/make_models.py | $(STAMP)
	$(BIN)/python $(MODELS)/make_models.py

demo: $(STAMP) $(MODELS)/resnet18.onnx
	$(BIN)/trtprof compare $(MODELS)/resnet18.onnx --out demo-out

test: $(DEV)
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

soak: $(DEV)
	TRTPROF_KILLS=$${TRTPROF_KILLS:-100} TRTPROF_KILL_SEED=$${TRTPROF_KILL_SEED:-$$(date +%s)} \
		$(BIN)/python -m pytest tests/interruption

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# ONLY="nsys inspect" runs some; REPORT=docs/performance.md puts the table into that page.
bench: $(DEV) $(MODELS)/resnet18.onnx
	@$(BIN)/python benchmarks/run.py $(if $(ONLY),--only $(ONLY)) $(if $(REPORT),--report $(REPORT))

docs: $(DEV)
	$(BIN)/python docs/build.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "wrote build/site/index.html"

$(REL): $(STAMP)
	$(BIN)/python -m pip install --quiet --group release
	@touch $@

dist: $(REL)
	rm -rf dist
	$(BIN)/python -m build

release-check: $(REL)
	$(BIN)/python release/check.py

# The lower bounds of pyproject.toml, installed and used: what they promise must work.
release-lowest:
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(LOWEST)/bin/python -m pip install --quiet --constraint constraints/lowest.txt --editable '.[cpu]'
	$(LOWEST)/bin/python -m pip install --quiet pytest pytest-xdist hypothesis jsonschema tomli
	$(LOWEST)/bin/python -m pytest tests/cli tests/store tests/dashboards tests/parsers tests/pipeline tests/graph

$(FUZZ): $(DEV)
	$(BIN)/python -m pip install --quiet --group fuzz || echo 'atheris cannot be installed here: fuzzing goes on without it'
	@touch $@

fuzz: $(FUZZ)
	$(BIN)/python -m tests.fuzz $(PARSER) --seconds $(FUZZ_SECONDS)

clean:
	rm -rf $(VENV) $(LOWEST) demo-out build dist *.egg-info
