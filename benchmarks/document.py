"""The table within a page of the documentation, between two markers."""

from __future__ import annotations

from pathlib import Path

BEGIN, END = "<!-- begin benchmarks -->", "<!-- end benchmarks -->"


def replace_table(page: Path, table: str) -> None:
    """Put a table in the place of the one before.

    Raises
    ------
    ValueError
        When the page does not have the two markers, once each and in order.
    """
    text = page.read_text(encoding="utf-8")
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"{page}: expected {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")
