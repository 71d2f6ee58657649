"""Parts of kernels: they compute what ordinary compiled functions do, and are nothing that Python could call."""

from __future__ import annotations

import gc
import os
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from numba import njit

from runner.kernels.lanes.compiling import EntryCompiler, PartCompiler, collection_paused

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")


def _plain(x: float, n: int) -> float:
    total = 0.0
    for k in range(n):
        total += x / (k + 1.0)
    return total


_part = njit(pipeline_class=PartCompiler)(_plain)
_inlined = njit(pipeline_class=PartCompiler, forceinline=True)(_plain)


@njit(pipeline_class=PartCompiler)
def _middle(x: float, n: int) -> float:
    return _part(x, n) - 2.0 * _inlined(x, n + 1)


@njit
def _whole(values: Any, n: int) -> float:
    total = 0.0
    for value in values:
        total += _middle(value, n) * _part(value, 2)
    return total


_kernel = njit(pipeline_class=EntryCompiler)(_whole.py_func)


@pytest.mark.parametrize("whole", [_whole, _kernel])
def test_a_whole_of_parts_computes_what_its_source_says(whole: Any) -> None:
    values = np.random.default_rng(0).normal(size=50)
    expected = 0.0
    for value in values.tolist():
        expected += (_plain(value, 7) - 2.0 * _plain(value, 8)) * _plain(value, 2)
    assert whole(values, 7) == expected


def test_parts_become_no_machine_code() -> None:
    _whole(np.ones(1), 1)
    for part in (_part, _inlined, _middle):
        assert part.overloads
        for compiled in part.overloads.values():
            engine = compiled.library._codegen._engine
            assert not engine.is_symbol_defined(compiled.fndesc.llvm_func_name)


def test_a_part_holds_nothing_of_what_it_calls_and_a_kernel_holds_all() -> None:
    _kernel(np.ones(1), 1)
    (kernel,) = _kernel.overloads.values()
    code = llvm.parse_bitcode(kernel.library.lowered)
    for part in (_middle, _part, _inlined):
        for compiled in part.overloads.values():
            own = compiled.fndesc.llvm_func_name
            assert [each.name for each in compiled.library.get_defined_functions()] == [own]
    assert not [each.name for each in code.functions if each.is_declaration and "_plain" in each.name]
    assert all(any(name in each.name for each in code.functions) for name in ("_plain", "_middle"))


def test_python_can_not_call_a_part() -> None:
    _whole(np.ones(1), 1)
    with pytest.raises(TypeError):
        _part(1.0, 2)
    with pytest.raises(TypeError):
        _middle(1.0, 2)


def test_the_search_for_garbage_goes_on_afterwards() -> None:
    assert gc.isenabled()
    with collection_paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyError), collection_paused():
        raise KeyError
    assert gc.isenabled()
