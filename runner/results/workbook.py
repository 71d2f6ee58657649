"""A workbook with one sheet, as spreadsheets read it (Office Open XML, ECMA-376).

Written here because a number must come back to the last bit, and a text must stay one: openpyxl writes 16 digits of 17,
makes a formula of a text that begins with `=`, and takes eight times as long.
"""

from __future__ import annotations

import html
import itertools
import math
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from runner.terminal import visible

MOST_ROWS = 1 << 20
"""Of a sheet, its heading counted."""
MOST_CHARACTERS = 32_767
"""Of a text in a cell."""
LARGEST = 1 << 53
"""Whole numbers beyond it, of either sign, lose digits: to a spreadsheet all numbers are doubles."""

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
# Characters that XML forbids and a terminal does not mind, and what would be read as the escape of a character.
_FORBIDDEN = re.compile("[\ufffe\uffff]")
_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
# Bytes beyond which a part of a zip file needs an extension of the format, of which Excel may warn; and how much longer
# than the first row others may be.
_LARGE = (1 << 31) - 1
_LONGER = 1.3

_PARTS = {
    "[Content_Types].xml": f"""\
<Types xmlns="{_PACKAGE}/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>
<Override PartName="/xl/sharedStrings.xml" ContentType="{_TYPE}.sharedStrings+xml"/>
</Types>""",
    "_rels/.rels": f"""\
<Relationships xmlns="{_PACKAGE}/relationships">
<Relationship Id="rId1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/>
</Relationships>""",
    "xl/_rels/workbook.xml.rels": f"""\
<Relationships xmlns="{_PACKAGE}/relationships">
<Relationship Id="rId1" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>
<Relationship Id="rId2" Type="{_RELATIONS}/sharedStrings" Target="sharedStrings.xml"/>
</Relationships>""",
}
_BOOK = f"""\
<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}">
<bookViews><workbookView/></bookViews>
<sheets><sheet name="%s" sheetId="1" r:id="rId1"/></sheets>
</workbook>"""
# The heading stays where it is.
_SHEET = f"""\
<worksheet xmlns="{_MAIN}">
<sheetViews><sheetView workbookViewId="0">\
<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>
<sheetData>
"""


def write_workbook(path: Path, sheet: str, names: Sequence[str], rows: Iterable[Iterable[Any]], n: int) -> None:
    """Write one sheet.

    Parameters
    ----------
    path : Path
        The file.
    sheet : str
        Name of the sheet.
    names : sequence of str
        The heading.
    rows : iterable
        Of rows of texts, numbers, bools, and None for empty cells. Numbers that are not finite become texts; control
        characters are shown as escapes.
    n : int
        How many rows there are.
    """
    texts: dict[str, int] = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, content in {**_PARTS, "xl/workbook.xml": _BOOK % _text(sheet)}.items():
            archive.writestr(_part(name), _XML + content)
        lines = _lines(names, rows, texts)
        heading = next(lines)
        first = next(lines, "")
        large = _LONGER * n * len(first) > _LARGE
        with archive.open(_part("xl/worksheets/sheet1.xml"), "w", force_zip64=large) as stream:
            stream.write((_XML + _SHEET + heading + first).encode())
            for line in lines:
                stream.write(line.encode())
            stream.write(b"</sheetData>\n</worksheet>")
        with archive.open(_part("xl/sharedStrings.xml"), "w") as stream:
            stream.write(f'{_XML}<sst xmlns="{_MAIN}">\n'.encode())
            for text in texts:
                stream.write(f'<si><t xml:space="preserve">{_text(text)}</t></si>\n'.encode())
            stream.write(b"</sst>")


def _part(name: str) -> zipfile.ZipInfo:
    """A part of the file; without the time of day, the same table makes the same bytes."""
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _lines(names: Sequence[str], rows: Iterable[Iterable[Any]], texts: dict[str, int]) -> Iterator[str]:
    """The heading and all rows; texts are collected, and cells hold their numbers."""
    letters = [_letters(k) for k in range(len(names))]

    def cell(place: str, value: Any) -> str:
        if isinstance(value, bool):
            return f'<c r="{place}" t="b"><v>{value:d}</v></c>'
        if isinstance(value, float) and math.isfinite(value):
            return f'<c r="{place}"><v>{value!r}</v></c>'
        if isinstance(value, int) and -LARGEST <= value <= LARGEST:
            return f'<c r="{place}"><v>{value}</v></c>'
        number = texts.setdefault(str(value), len(texts))
        return f'<c r="{place}" t="s"><v>{number}</v></c>'

    for at, row in enumerate(itertools.chain([names], rows), 1):
        cells = [cell(f"{letter}{at}", v) for letter, v in zip(letters, row, strict=True) if v is not None]
        yield f'<row r="{at}">{"".join(cells)}</row>\n'


def _letters(k: int) -> str:
    """Name of column k, from 0: A to Z, AA, AB, ..."""
    return (_letters(k // 26 - 1) if k >= 26 else "") + chr(ord("A") + k % 26)


def shown(text: str) -> str:
    """A text as a cell can hold it."""
    return _FORBIDDEN.sub(lambda found: ascii(found[0])[1:-1], visible(text))


def _text(text: str) -> str:
    """A text within XML."""
    return html.escape(_ESCAPED.sub("_x005F_", shown(text)), quote=False)
