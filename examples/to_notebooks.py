"""Makes notebooks of the tutorials, which are scripts of text and code.

`python examples/to_notebooks.py` writes one for each script into `notebooks`.
The scripts are the source: notebooks are made anew, never edited.
"""

import argparse
import json
import pathlib

HERE = pathlib.Path(__file__).parent
QUOTES = '"""'
FIELDS = 6


def literate_scripts(folder=HERE):
    """Scripts that begin with a title, in the order of their names."""
    return [
        path
        for path in sorted(folder.glob("*.py"))
        if path.read_text(encoding="utf-8").startswith(f"{QUOTES}\nTitle: ")
    ]


def read_header(source):
    """The fields of the first text, such as `Title`, by name."""
    lines = source.splitlines()[1 : 1 + FIELDS]
    return dict(line.split(": ", 1) for line in lines)


def read_cells(source):
    """Pairs of kind, `"markdown"` or `"code"`, and text, without the header.

    Text stands between lines that are three quotes and nothing else.
    """
    cells, kind, lines = [], "code", []
    for line in source.splitlines()[2 + FIELDS :]:
        if line == QUOTES:
            cells.append((kind, "\n".join(lines).strip("\n")))
            kind = "code" if kind == "markdown" else "markdown"
            lines = []
        else:
            lines.append(line)
    cells.append((kind, "\n".join(lines).strip("\n")))
    return [(kind, text) for kind, text in cells if text]


def notebook_of(source):
    """A notebook as plain values, of the text of a script."""
    header = read_header(source)
    title = f"# {header.pop('Title')}"
    fields = "<br>\n".join(f"**{k}:** {v}" for k, v in header.items())
    cells = [("markdown", f"{title}\n\n{fields}"), *read_cells(source)]
    python = {"display_name": "Python 3", "language": "python"}
    return {
        "cells": [_cell(i, *cell) for i, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {**python, "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(index, kind, text):
    cell = {
        "cell_type": kind,
        "id": f"cell-{index}",
        "metadata": {},
        "source": text.splitlines(keepends=True),
    }
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell


def write_notebooks(scripts, folder):
    """Writes a notebook for each script, and returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for script in scripts:
        notebook = notebook_of(script.read_text(encoding="utf-8"))
        paths.append(folder / f"{script.stem}.ipynb")
        text = json.dumps(notebook, indent=1, ensure_ascii=False)
        paths[-1].write_text(text + "\n", encoding="utf-8")
    return paths


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Makes notebooks of scripts.")
    parser.add_argument("scripts", nargs="*", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default="notebooks")
    options = parser.parse_args(arguments)
    scripts = options.scripts or literate_scripts()
    for path in write_notebooks(scripts, options.out):
        print(path)


if __name__ == "__main__":
    main()
