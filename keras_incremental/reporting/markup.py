"""HTML elements with escaped text."""

import base64
import html
import io

VOID = ("img", "meta")


class Markup(str):
    """String that is HTML already. Other strings are escaped."""


def element(tag, *children, **attributes):
    """Creates an HTML element; `class_` is its attribute `class`.

    Args:
        tag: String.
        *children: Text, or `Markup`.
        **attributes: Values by name.
    """
    names = (name.rstrip("_").replace("_", "-") for name in attributes)
    pairs = zip(names, attributes.values(), strict=True)
    given = "".join(f' {k}="{html.escape(str(v))}"' for k, v in pairs)
    if tag in VOID:
        return Markup(f"<{tag}{given}>")
    return Markup(f"<{tag}{given}>{joined(*children)}</{tag}>")


def joined(*children):
    """Joins strings and `Markup`."""
    return Markup(
        "".join(
            child if isinstance(child, Markup) else html.escape(str(child))
            for child in children
        )
    )


def table(name, heads, rows):
    """Creates a table that scrolls horizontally if it is too wide.

    Args:
        name: String, the label of the table.
        heads: Names of the columns.
        rows: Iterable of rows of strings; the first is the name of the row.
    """
    head = element("tr", *(element("th", h, scope="col") for h in heads))
    body = [
        element(
            "tr",
            element("th", first, scope="row"),
            *(element("td", cell) for cell in cells),
        )
        for first, *cells in rows
    ]
    made = element("table", element("thead", head), element("tbody", *body))
    return element(
        "div", made, class_="wide", tabindex=0, role="region", aria_label=name
    )


def picture(figure, words):
    """A figure of matplotlib as an image inside the page.

    Args:
        figure: Figure, that is not needed any more.
        words: String, what one would say of it who cannot see it.
    """
    from matplotlib import rc_context

    buffer = io.BytesIO()
    # Words stay words, so that they are sharp and can be found.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "report"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    return element(
        "img",
        src=f"data:image/svg+xml;base64,{data}",
        alt=words,
        width=width,
        height=height,
    )
