"""Kernels that know their network give the bytes of the general one, and are found again only by what they know."""

from __future__ import annotations

import math
import os
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.core.registry import cpu_target
from support import studies
from support.combinations import combinations
from support.made_at_once import AtOnce

from runner.kernels import cache, special, specialise
from runner.kernels.buffers import scratch_rows
from runner.kernels.codes import VALUES
from runner.ops.members import CORE_ACTIVATIONS, CORE_LOSSES, CORE_OPTIMIZERS
from runner.studies.plan import Plan
from runner.training.blocks.arguments import Shared, make_shared

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")


def both(plan: Plan) -> AtOnce:
    """Train by the general kernel, then by special ones, and compare every bit."""
    general = studies.train_plan(plan)
    specials = AtOnce()
    own = studies.train_plan(plan, specials=specials)
    assert "failed" not in specials.facts(), specials.facts()
    assert specials.used > 0
    assert np.array_equal(own.bits, general.bits)
    for mine, other in zip(own.weights, general.weights, strict=True):
        assert mine[1].tobytes() == other[1].tobytes()
    if plan.study.record.curves:
        for curve, other_curve in zip(own.curves, general.curves, strict=True):
            assert curve.tobytes() == other_curve.tobytes()
    return specials


def shared_of(tmp_path: Path, **keys: Any) -> Shared:
    """What the runs of a study of XOR share."""
    defaults = {"data": "xor", "architecture": "2-3-1", "learning_rate": 0.5, "epochs": 3}
    plan = studies.make(tmp_path, **{**defaults, **keys})
    return make_shared(plan.cell(0), plan.members)


def request_of(shared: Shared) -> specialise.Request:
    return special.make_request(shared.net, shared.data, shared.job, shared.clock, shared.width, shared.dtype)


def test_the_bytes_of_the_general_kernel(tmp_path: Path) -> None:
    """Evaluated at every update, stopped at the criterion, with points of curves in between, and diverging."""
    plan = studies.make(
        tmp_path,
        data="xor",
        architecture="2-3-1",
        epochs=700,
        stop="converged",
        criterion={"max_error": 0.4},
        record={"weights": True, "curves": 5},
        sweep={"grid": {"learning_rate": [0.5, 4, 1e200]}},
        replicates=21,
    )
    # It is there already where these tests have been run before.
    facts = both(plan).facts()
    assert facts["made"] + facts["loaded"] == 1
    # Another start finds the kernel.
    assert both(plan).facts() == {"made": 0, "loaded": 1, "slower": 0}


def test_a_fault_that_reads_the_weighted_sums_of_the_inputs(tmp_path: Path) -> None:
    faults = ["early_derivative"]
    keys = {"data": "xor", "architecture": "2-2-1", "learning_rate": 0.3, "epochs": 50, "faults": faults}
    both(studies.make(tmp_path, record={"weights": True}, replicates=5, **keys))


def test_shortcuts_and_gains_are_known_to_special_kernels(tmp_path: Path) -> None:
    keys: dict[str, Any] = {"data": "xor", "architecture": "2-2-2-1", "learning_rate": 0.3, "epochs": 50}
    rows = [{"shortcuts": "all"}, {"shortcuts": "input_output", "gain": 1.5}, {"architecture": "2-2-1-2-1"}]
    sweep = {"include": [{**row, "shortcuts": row.get("shortcuts", "all")} for row in rows]}
    facts = both(studies.make(tmp_path, record={"weights": True}, sweep=sweep, replicates=3, **keys)).facts()
    assert facts["made"] + facts["loaded"] == 4


def test_a_schedule_of_learning_rates_is_the_general_kernels(tmp_path: Path) -> None:
    """Its kernel has other arguments: the code of the one must never be called in the place of the other."""
    keys = {"data": "xor", "architecture": "2-3-1", "learning_rate": 0.3, "epochs": 50}
    plain = studies.make(tmp_path, **keys)
    studies.train_plan(plan=plain)
    plan = studies.make(tmp_path, learning_rate_schedule="exponential(0.9)", **keys)
    shared = make_shared(plan.cell(0), plan.members)
    code = special.general_code(shared.net, shared.data, shared.job, shared.width)
    studies.train_plan(plan)
    assert code is not None
    assert special.general_code(shared.net, shared.data, shared.job, shared.width) == code
    specials = AtOnce()
    studies.train_plan(plan, specials=specials)
    assert specials.used == 0


@pytest.mark.slow
def test_every_member_of_the_core(tmp_path: Path) -> None:
    """Of the registries; other members come to the kernel in the same way."""
    rows: list[dict[str, Any]] = []
    lacking = set(CORE_ACTIVATIONS) | set(CORE_LOSSES)
    for row in combinations():
        if new := {row["activation"], row["output"], row["loss"]} & lacking:
            lacking -= new
            rows.append(dict(row))
    assert not lacking
    rows += [dict(rows[0]) for _ in range(len(CORE_OPTIMIZERS) - len(rows))]
    for k, row in enumerate(rows):
        row["optimizer"] = CORE_OPTIMIZERS[k % len(CORE_OPTIMIZERS)]
        row["batch"] = ("full", 2, 1)[k % 3]
        row["order"] = ("sequential", "shuffled", "with_replacement")[k % 4 if k % 3 and k % 4 < 3 else 0]
        row["precision"] = ("float64", "float32")[k % 2]
        row["bias"] = ("trained", "shared", 0.5)[k % 3]
        row["architecture"] = ("3-2-3", "3-3")[k % 5 == 4]
    plan = studies.make(
        tmp_path,
        data=studies.write_samples(tmp_path),
        learning_rate=0.05,
        updates=40,
        evaluate_every=3,
        record={"weights": True},
        sweep={"zip": rows},
        replicates=3,
    )
    # The kernels for batches of one sample are other ones than the first, which `prepare` loads.
    studies.train_plan(plan)
    both(plan)


def test_what_it_is_kept_by(tmp_path: Path) -> None:
    """A file for each network, job, data set's size and processor, in the folder of the sources."""
    code = tmp_path / "train_block.lowered"
    shared = shared_of(tmp_path)
    places = {special.place_of(request_of(shared), code)}
    for changed in ({"architecture": "2-4-1"}, {"activation": "tanh"}, {"batch": 2}, {"stop": "converged"}):
        places.add(special.place_of(request_of(shared_of(tmp_path, **changed)), code))
    places.add(special.place_of(replace(request_of(shared), processor="x86-64"), code))
    places.add(special.place_of(request_of(shared), tmp_path / "train_block-of-other-members.lowered"))
    assert len(places) == 7
    # What differs from lane to lane needs no kernel of its own.
    same = shared_of(tmp_path, learning_rate=3, epochs=9, init="normal(0, 1)")
    assert special.place_of(request_of(same), code) in places
    request = request_of(shared)
    # As Numba has it.
    own = request.triple, request.processor, request.features
    assert own == cpu_target.target_context.codegen().magic_tuple()


def test_damage_is_told_and_never_run(tmp_path: Path) -> None:
    path = tmp_path / "special-0.object"
    assert special.load(path) == 0
    cache.write(path, b"no machine code")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="its checksum is wrong"):
        special.load(path)


@pytest.mark.parametrize("architecture", ["2-1", "2-4-1", "3-5-4-2"])
@pytest.mark.parametrize("batch", ["full", 1])
def test_local_memory_is_as_large_as_what_it_stands_for(tmp_path: Path, architecture: str, batch: Any) -> None:
    data = studies.write_samples(tmp_path, inputs=int(architecture[0]), targets=int(architecture[-1]))
    shared = shared_of(tmp_path, data=data, architecture=architecture, batch=batch)
    lanes, samples = shared.width.lanes.n, shared.width.tile.n // shared.width.lanes.n
    outputs = int(shared.sizes[-1])
    sizes = special.buffer_sizes(shared.net, shared.width, outputs)
    assert sum(sizes.values()) + VALUES * lanes == scratch_rows(shared.net, outputs, samples) * lanes


def test_large_networks_are_left_to_the_general_kernel(tmp_path: Path) -> None:
    for architecture, worth in (("2-4-1", True), ("2-11-1", True), ("2-12-1", False), ("2-64-1", False)):
        shared = shared_of(tmp_path, architecture=architecture)
        assert special.is_worth_making(shared.net, shared.width, 1) == worth


@given(st.floats())
def test_constants_are_written_to_the_last_bit(x: float) -> None:
    text = special.float_bits(x)
    (found,) = struct.unpack(">d", int(text, 16).to_bytes(8, "big"))
    assert found == x or (math.isnan(found) and math.isnan(x))
    assert math.copysign(1, found) == math.copysign(1, x)
