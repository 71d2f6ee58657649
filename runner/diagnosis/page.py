"""The page: a diagnosis as one HTML file, without scripts and without anything from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from runner.diagnosis.advice import label
from runner.diagnosis.anatomy import anatomy, place
from runner.diagnosis.legend import legend
from runner.diagnosis.result import Diagnosis
from runner.diagnosis.show import agreement, formulas, sentence, verdict
from runner.statistics.intervals import wilson
from runner.terminal import visible

PAGE = "page.html"
FILES = {
    "twin.yaml": "your program as a study of one run: python -m runner twin.yaml trains it",
    "cost.yaml": "the study behind the rates, from your own initial weights",
    "settings.yaml": "the study of the settings that work, with initial weights that the runner draws",
    "diagnosis.json": "all of this for a program",
}


def page_html(diagnosis: Diagnosis, folder: Path | None = None) -> str:
    """All that is to be said.

    Parameters
    ----------
    folder : Path or None
        Where the files are that the page names.
    """
    environment = Environment(
        loader=PackageLoader("runner.diagnosis", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    to_do = diagnosis.advice or ()
    return visible(
        environment.get_template(PAGE).render(
            name=diagnosis.file.name,
            verdict=verdict(diagnosis),
            state={True: "right", False: "wrong", None: "unknown"}[diagnosis.right],
            to_do=[sentence(note) for note in to_do],
            unknown=[_unknown(each) for each in diagnosis.unknown],
            parts=anatomy(diagnosis),
            legend="; ".join(f"{symbol}: {means}" for symbol, means in legend(formulas(diagnosis))),
            rates=list(_rates(diagnosis)),
            runs=f"{diagnosis.rates[0].runs:,}" if diagnosis.rates else "",
            criterion=diagnosis.criterion,
            agreement=sentence(agreement(diagnosis.twin)) if diagnosis.twin else "",
            agrees=diagnosis.twin is not None and diagnosis.twin["parts_at"] is None,
            notes=[sentence(note) for note in diagnosis.notes if note not in to_do],
            files=[(name, says) for name, says in FILES.items() if folder is not None and (folder / name).exists()],
        )
    )


def _unknown(each: dict[str, Any]) -> dict[str, str]:
    numbers = each.get("numbers", {})
    return {
        "place": place(each["term"], each.get("layer")),
        "says": sentence(each["says"]),
        "numbers": "\n".join(f"{name}: {json.dumps(value)}" for name, value in numbers.items()),
    }


def _rates(diagnosis: Diagnosis) -> Iterator[dict[str, Any]]:
    """The bars."""
    for rate in diagnosis.rates:
        low, high = wilson(rate.converged, rate.runs)
        yield {
            "label": label(rate, diagnosis.rates),
            "other": bool(rate.settings),
            "share": f"{rate.share:.1%}",
            "interval": f"{low:.1%} to {high:.1%}",
            "width": f"{100 * rate.share:.2f}",
            "low": f"{100 * low:.2f}",
            "high": f"{100 * high:.2f}",
        }
