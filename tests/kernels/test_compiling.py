"""Kernels of parts: they compute what their functions do in Python, and each part is in them once."""

from __future__ import annotations

import gc
import os
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from numba import typeof

from runner.kernels.lanes.entry import Entry, KernelError, collection_paused, entry
from runner.kernels.lanes.functions import by_type, inlined, is_a, kernel, step, where_given
from runner.kernels.lanes.kinds import kind_of
from runner.kernels.lanes.lowering.compiling import lowered, machine_code
from runner.kernels.structs import Data, LaneData

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")


def _plain(x: float, n: int) -> float:
    total = 0.0
    for k in range(n):
        total += x / (k + 1.0)
    return total


_part, _inlined, _step = kernel(_plain), inlined(_plain), step(_plain)


@kernel
def _middle(x: float, n: int) -> float:
    return _part(x, n) - 2.0 * _inlined(x, n + 1) + _step(x, 2)


@entry
def _whole(values: Any, n: int, out: Any) -> None:
    for k in range(values.size):
        out[k] = _middle(values[k], n) * _part(values[k], n)


def test_a_whole_of_parts_computes_what_its_source_says() -> None:
    values = np.random.default_rng(0).normal(size=50)
    found, in_python = np.empty(50), np.empty(50)
    _whole(values, 7, found)
    _whole.py_func(values, 7, in_python)
    assert found.tolist() == in_python.tolist()
    x = values[3]
    assert in_python[3] == (_plain(x, 7) - 2.0 * _plain(x, 8) + _plain(x, 2)) * _plain(x, 7)


def test_a_part_holds_nothing_of_what_it_calls_and_a_kernel_holds_all() -> None:
    made = lowered(_whole.py_func, tuple(map(typeof, (np.ones(1), 1, np.ones(1)))))
    code = llvm.parse_bitcode(made.code)
    defined = [each.name for each in code.functions if not each.is_declaration]
    assert made.name in defined
    assert not [each.name for each in code.functions if each.is_declaration and "_plain" in each.name]
    # One that is merged into its caller is no function.
    assert len([name for name in defined if "_plain" in name]) == 2
    assert len([name for name in defined if "_middle" in name]) == 1
    for part in (_middle, _part, _inlined):
        for compiled in part.dispatcher.overloads.values():
            own = compiled.fndesc.llvm_func_name
            assert [each.name for each in compiled.library.get_defined_functions()] == [own]


def test_nothing_but_the_kernel_can_be_called_in_its_object_file() -> None:
    made = lowered(_whole.py_func, tuple(map(typeof, (np.ones(1), 1, np.ones(1)))))
    content, name, wants, lasts = machine_code(made)
    assert (name, wants, lasts) == (made.name, [], True)
    assert made.name.encode() in content
    assert b"_middle" not in content


def test_a_kernel_takes_no_memory() -> None:
    """It would want Numba's own functions, which a start without Numba does not have."""
    with pytest.raises(KernelError, match="takes no memory"):
        Entry(lambda out: int(np.zeros(out.size).sum()))(np.ones(3))


@where_given("shift", otherwise=lambda shift, x: x)
def _shifted(shift: Any, x: float) -> float:
    """x, shifted where there is a shift."""
    return x + shift[0]


_own, _shared = inlined(lambda data: data.n + 0.5), inlined(lambda data: data.n + 0.25)


@by_type(lambda data: _own if is_a(data, LaneData) else _shared)
def _told_apart(data: Any) -> float:
    """Another number for another kind."""


@entry
def _forms(shift: Any, data: Any, out: Any) -> None:
    out[0] = _shifted(shift, 1.0)
    # A number that the compiler knows is one of a run-time number's form.
    out[1] = _shifted(shift, 2)
    out[2] = _told_apart(data)


def test_functions_of_several_forms_are_chosen_by_type() -> None:
    ones = np.ones((1, 1))
    for shift, data, expected in (
        ((), Data(3, ones, ones), [1.0, 2.0, 3.25]),
        ((0.5,), LaneData(4, ones, ones), [1.5, 2.5, 4.5]),
    ):
        compiled, in_python = np.zeros(3), np.zeros(3)
        _forms(shift, data, compiled)
        _forms.py_func(shift, data, in_python)
        assert compiled.tolist() == in_python.tolist() == expected


def test_kinds_tell_apart_what_numba_does() -> None:
    """Two values of the same kind have the same Numba type, and two of another one have two."""
    ones, turned = np.ones((2, 3)), np.ones((2, 3)).T
    readonly = np.ones((2, 3))
    readonly.flags.writeable = False
    values = [
        ones, np.zeros((4, 5)), ones.astype(np.float32), turned, ones[:, ::2], readonly, np.ones(3),
        np.ones(3, np.int64), 1, 2, True, 2**63, 1.0, np.float32(1), np.int64(3), np.uint64(3), (), (1,),
        (1, 2.0), (1.0, 2),
        Data(1, ones, ones), LaneData(1, ones, ones), Data(2, ones, ones), Data(1, ones, np.ones(3)),
    ]  # fmt: skip
    for one in values:
        for other in values:
            assert (kind_of(one) == kind_of(other)) == (typeof(one) == typeof(other)), (one, other)


def test_a_kernel_gives_none_or_an_integer() -> None:
    assert Entry(lambda x: x + 64)(5) == 69
    assert Entry(lambda x: None)(5) == 0
    with pytest.raises(KernelError, match="gives float64"):
        Entry(lambda x: 0.5 * x)(5)


def test_the_search_for_garbage_goes_on_afterwards() -> None:
    assert gc.isenabled()
    with collection_paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyError), collection_paused():
        raise KeyError
    assert gc.isenabled()
