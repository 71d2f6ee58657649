"""What prints itself: as the command line shows it, and as HTML in a notebook, from one description of its page."""

from __future__ import annotations

import io
from typing import Any, Protocol

from runner.terminal import page, page_width, visible


class Writer(Protocol):
    """What a page is written to: a console of Rich, or the HTML of a notebook."""

    def print(self, *parts: Any, style: str | None = None, soft_wrap: bool | None = None) -> None:
        """Write lines of text and tables, one below the other; `bold` is a heading, `soft_wrap` is never broken."""


class Printed:
    """Base of every object that has a page: `print` shows it, and a notebook shows it as HTML."""

    def write_page(self, writer: Writer) -> None:
        """Write the page.

        Parameters
        ----------
        writer : Writer
        """
        raise NotImplementedError

    def __str__(self) -> str:
        text = io.StringIO()
        with page(text, page_width()) as console:
            self.write_page(console)
        return text.getvalue().rstrip("\n")

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        writer = _Html()
        self.write_page(writer)
        return writer.text()


class _Html:
    """Collects a page as HTML, in which every text is a text and never markup."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def print(self, *parts: Any, style: str | None = None, soft_wrap: bool | None = None) -> None:
        tag = "h4" if style == "bold" else "pre" if soft_wrap else "p"
        for part in parts:
            if hasattr(part, "columns"):
                self._parts.append(_html_table(part))
            elif text := _text(str(part).strip("\n")):
                self._parts.append(f"<{tag}>{text}</{tag}>")

    def text(self) -> str:
        return "<div>" + "\n".join(self._parts) + "</div>"


def _text(part: Any) -> str:
    """Of a string, or of a text of Rich that has colours on a terminal."""
    from html import escape

    return escape(visible(getattr(part, "plain", part)))


def _lines(cell: Any) -> str:
    return _text(cell).replace("\n", "<br/>")


def _html_table(table: Any) -> str:
    sides = [f' style="text-align: {column.justify}"' for column in table.columns]
    head = "".join(f"<th{side}>{_text(c.header)}</th>" for c, side in zip(table.columns, sides, strict=True))
    rows = zip(*(column.cells for column in table.columns), strict=True)
    body = "".join(
        "<tr>" + "".join(f"<td{side}>{_lines(cell)}</td>" for cell, side in zip(row, sides, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
