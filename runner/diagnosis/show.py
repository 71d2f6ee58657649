"""The page: a diagnosis as its author reads it."""

from __future__ import annotations

from typing import Any

from runner.diagnosis.result import Diagnosis
from runner.terminal import visible


def page_text(diagnosis: Diagnosis) -> str:
    """All that is to be said, in words."""
    lines = [f"{diagnosis.file.name}: {_verdict(diagnosis)}", ""]
    for number, finding in enumerate(diagnosis.findings, start=1):
        where = f", layer {finding.layer}" if finding.layer else ""
        lines += [
            f"{number}. {finding.term.replace('_', ' ')}{where}: {finding.says}.",
            f"   there stands:   {finding.is_}",
            f"   there should:   {finding.should_be}",
            f"   look for:       {finding.line}",
            f"   fault:          {finding.fault or 'a known formula without a name'}",
            "",
        ]
    for each in diagnosis.unknown:
        lines += _unknown(each)
    for note in diagnosis.notes:
        lines.append(f"- {note}.")
    if diagnosis.twin:
        lines += ["", _twin(diagnosis.twin)]
    return visible("\n".join(lines).rstrip() + "\n")


def _verdict(diagnosis: Diagnosis) -> str:
    n = len(diagnosis.findings)
    if diagnosis.unknown:
        return f"{n} mistakes, and something that is not known" if n else "something in it is not known"
    if n:
        return f"{n} mistake{'s' if n > 1 else ''}"
    return "your program is right"


def _unknown(each: dict[str, Any]) -> list[str]:
    where = f", layer {each['layer']}" if each.get("layer") else ""
    lines = [f"? {each['term'].replace('_', ' ')}{where}: not known. {each['says']}."]
    for name, value in each.get("numbers", {}).items():
        lines.append(f"   {name}: {value}")
    return [*lines, ""]


def _twin(twin: dict[str, Any]) -> str:
    if twin["parts_at"] is None:
        updates, off = twin["updates"], twin["largest_difference"]
        return f"A restatement of it has the same weights for {updates} updates, to {off:.1g}."
    return f"A restatement of it parts from it at update {twin['parts_at']} of {twin['updates']}."
