"""Builds the wheel, and uses it in an environment that has nothing else.

    python .ci/wheel.py "jax==0.10.*"

The environment has what the wheel requires and a backend: JAX, which is the
smallest. It cannot see this repository. It is of the newest Python that the
package takes, where there is one.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
NAME = "keras_incremental"
NEWEST = "3.13"
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
    run(newest_python(), "-m", "venv", folder / "env")
    python = folder / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--no-compile", wheel, backend)
    run(python, "-m", "pip", "check")
    run(python, "-I", HERE / "use_wheel.py", cwd=folder)


def newest_python():
    """The newest interpreter, else the one that runs this file."""
    ask = (f"python{NEWEST}", "-c", "import sys; print(sys.executable)")
    # pyenv has a command that fails where its version is not chosen.
    environment = {**os.environ, "PYENV_VERSION": NEWEST}
    try:
        return subprocess.check_output(
            ask, env=environment, text=True, stderr=subprocess.DEVNULL
        ).strip()
    except (OSError, subprocess.CalledProcessError):
        return sys.executable


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
