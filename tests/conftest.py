"""What holds for a whole run of the tests."""

import gc
import importlib
import os
import pathlib
import tempfile

import pytest
from file_processes import FileProcesses

# To compile small models well takes longer than it saves.
XLA_FLAGS = (
    "--xla_backend_optimization_level=0",
    "--xla_cpu_multi_thread_eigen=false",
    "--xla_cpu_parallel_codegen_split_count=1",
    "--xla_llvm_disable_expensive_passes=true",
)

TESTS = pathlib.Path(__file__).parent

# Folders and files whose tests have the mark `backend`: they depend on how a
# backend computes and trains, and run on each. Of other files, so do the tests
# that have the mark themselves. All others run on TensorFlow.
ON_EACH_BACKEND = (
    "callbacks",
    "data/test_class_weights.py",
    "data/test_teacher_outputs.py",
    "distillation",
    "layers",
    "losses",
    "memory/test_memory_in_fit.py",
    "memory/test_mixed_batches.py",
    "metrics/test_balanced_accuracy.py",
    "metrics/test_on_labels.py",
    "models/test_activity_regularizer.py",
    "models/test_adopted_outputs.py",
    "models/test_batch_norm.py",
    "models/test_binary_loss.py",
    "models/test_by_hand.py",
    "models/test_copied_state.py",
    "models/test_determinism.py",
    "models/test_loss_scaling.py",
    "models/test_persistence.py",
    "models/test_stream.py",
    "models/test_student.py",
    "models/test_threads.py",
    "models/test_transaction.py",
    "models/test_unknown_score.py",
    "optimizers",
    "regularizers",
    "test_closed_form_laws.py",
    "test_head_laws.py",
    "test_laws.py",
    "test_own_head.py",
    "test_term_laws.py",
    "test_user_stories.py",
    "utils",
)


def pytest_addoption(parser):
    parser.addoption(
        "--processes",
        type=int,
        metavar="COUNT",
        help="run each file in a process of its own, COUNT at a time",
    )


def pytest_configure(config):
    """Lets JAX compile a program once, however many tests train with it.

    The models are too small for the threads of torch, which wait for each
    other where processes share the cores. Models live in cycles, which few
    large searches find in half the time of many small ones.
    """
    if config.option.processes:
        plugin = FileProcesses(config.option.processes)
        config.pluginmanager.register(plugin)
    gc.set_threshold(2_000_000, 10, 5)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("XLA_FLAGS", " ".join(XLA_FLAGS))
    cache = tempfile.TemporaryDirectory()
    config.add_cleanup(cache.cleanup)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = cache.name
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"


def pytest_collection_finish():
    """Leaves what was imported out of the searches for cycles."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def unoptimized_graphs():
    """Lets TensorFlow run a graph as traced: it is small and runs few times."""
    # Not imported above: JAX reads the settings of `pytest_configure` once.
    keras = importlib.import_module("keras")
    if keras.backend.backend() == "tensorflow":
        config = importlib.import_module("tensorflow").config
        config.optimizer.set_experimental_options(
            {"disable_meta_optimizer": True}
        )


@pytest.fixture(scope="module", autouse=True)
def seeded():
    """Draws the same in each run, also where no test of a file sets a seed."""
    importlib.import_module("keras").utils.set_random_seed(0)


# Before `-m backend` is looked at.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks what runs on each backend."""
    places = {TESTS / place for place in ON_EACH_BACKEND}
    for item in items:
        if places & {item.path, *item.path.parents}:
            item.add_marker("backend")
