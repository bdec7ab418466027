"""Files that strangers have changed, see `examples/benchmarks/fuzz.py`."""

import random

import pytest
from benchmarks import fuzz
from benchmarks.fuzz_targets import TARGETS
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

# A classifier takes a second to load and use; the command tries more.
FILES = {"keras": 4, "report": 40, "memory": 80, "reservoir": 80}
SEEDS = st.integers(0, 2**32)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A function that returns a good file, its path and its content."""
    made = {}

    def of(name):
        target = TARGETS[name]
        if name not in made:
            path = tmp_path_factory.mktemp(name) / target.name
            target.make(path)
            content = target.content(target.read(path))
            made[name] = path.read_bytes(), path, content
        return made[name]

    return of


@pytest.mark.parametrize("name", TARGETS)
def test_a_changed_file_is_refused_or_of_use(name, good):
    data, path, content = good(name)

    @settings(
        max_examples=FILES.get(name, 60),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(SEEDS)
    def check(seed):
        rng = random.Random(seed)
        fuzz.try_one(TARGETS[name], rng, data, path, content)

    check()


def test_a_file_that_fails_is_kept(tmp_path, monkeypatch):
    options = fuzz.argparse.Namespace(
        failures=str(tmp_path / "f"), minutes=0.001, seed=0
    )
    fuzzer = fuzz.Fuzzer("report", options)

    def failing(*arguments):
        raise KeyError("phase")

    monkeypatch.setattr(fuzz, "try_one", failing)
    for seed in range(2):
        fuzzer.try_next(random.Random(seed))
    assert fuzzer.counts["failures"] == 2 and len(fuzzer.reasons) == 1
    kept = {path.name for path in (tmp_path / "f").iterdir()}
    assert kept == {"report-1.bin", "report-1.txt", "report.json"}
