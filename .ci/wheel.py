"""Builds the wheel, and uses it in an environment that has nothing else.

    python .ci/wheel.py "jax==0.10.*"

The environment has what the wheel requires and a backend: JAX, which is the
smallest. It cannot see this repository.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import venv
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
NAME = "keras_incremental"
NOT_SHIPPED = {"benchmarks", "examples", "tests"}


def build(folder):
    """The wheel, made of the source distribution."""
    run(sys.executable, "-m", "build", "--outdir", folder, HERE.parent)
    (wheel,) = folder.glob("*.whl")
    return wheel


def check_files(wheel):
    files = zipfile.ZipFile(wheel).namelist()
    folders = {part for file in files for part in file.split("/")[:-1]}
    assert not folders & NOT_SHIPPED, sorted(folders & NOT_SHIPPED)
    tops = {file.split("/")[0] for file in files}
    assert all(top.startswith(NAME) for top in tops), tops


def use(wheel, backend, folder):
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--no-compile", wheel, backend)
    run(python, "-m", "pip", "check")
    run(python, "-I", HERE / "use_wheel.py", cwd=folder)


def run(*command, **options):
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    subprocess.run(command, check=True, env=environment, **options)


def main(backend):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        wheel = build(folder)
        check_files(wheel)
        use(wheel, backend, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
