"""A graphics card that is none: CUDA's driver as functions of this process, whose threads run one after the other."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable
from enum import Enum
from typing import Any

import llvmlite.binding as llvm

from runner.kernels import cache, cuda, special, specialise
from runner.kernels.lanes.kinds import kind_of
from runner.kernels.train import train_block

TRAINING = "kernels5train11train_block"


class CUresult(Enum):
    """As in CUDA."""

    CUDA_SUCCESS = 0
    CUDA_ERROR_OUT_OF_MEMORY = 2


class CUdevice_attribute(Enum):  # noqa: N801 - CUDA's name
    """As in CUDA."""

    CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16


class CUjit_option(Enum):  # noqa: N801 - CUDA's name
    """As in CUDA."""

    CU_JIT_MAX_REGISTERS = 0


class HostDriver:
    """What `runner.kernels.cuda` calls of the driver; the memory of the card is that of this process.

    Parameters
    ----------
    fails : str
        A function that fails.
    """

    CUresult, CUdevice_attribute, CUjit_option = CUresult, CUdevice_attribute, CUjit_option

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.memory: dict[int, Any] = {}

    def __getattribute__(self, name: str) -> Any:
        """A function of the driver, which gives its status first."""
        if not name.startswith("cu"):
            return super().__getattribute__(name)
        own = super().__getattribute__(f"_{name}") if hasattr(type(self), f"_{name}") else _GIVEN[name]
        if name == self.fails:
            return lambda *arguments: (CUresult.CUDA_ERROR_OUT_OF_MEMORY, 0)

        def called(*arguments: Any) -> tuple[Any, ...]:
            given = own(*arguments) if callable(own) else own
            return CUresult.CUDA_SUCCESS, *(() if given is None else (given,))

        return called

    def _cuMemAlloc(self, size: int) -> int:  # noqa: N802
        piece = (ctypes.c_char * size)()
        address = ctypes.addressof(piece)
        self.memory[address] = piece
        return address

    def _cuMemFree(self, address: int) -> None:  # noqa: N802
        del self.memory[address]

    def _cuLaunchKernel(self, kernel: Callable[..., None], blocks: int, *rest: Any) -> None:  # noqa: N802
        _, _, threads, _, _, _, _, (values, kinds), _ = rest
        for thread in range(blocks * threads):
            kernel(thread, values, kinds)


_GIVEN: dict[str, Any] = {
    "cuInit": None,
    "cuDeviceGet": 0,
    "cuDevicePrimaryCtxRetain": "context",
    "cuDevicePrimaryCtxRelease": None,
    "cuDeviceGetAttribute": 1,
    "cuDeviceGetName": b"no card\0",
    "cuDriverGetVersion": 13010,
    "cuGetErrorString": b"out of memory",
    "cuCtxSetCurrent": None,
    "cuStreamCreate": "stream",
    "cuStreamSynchronize": None,
    "cuModuleUnload": None,
    "cuMemcpyHtoDAsync": lambda to, start, size, stream: ctypes.memmove(to, start, size) and None,
    "cuMemcpyDtoHAsync": lambda to, start, size, stream: ctypes.memmove(to, start, size) and None,
}


class HostCard(cuda.Card):
    """A card whose kernel is the processor's, called with the very numbers that a card would get."""

    def __init__(self, fails: str = "") -> None:
        self.driver = HostDriver()
        super().__init__(self.driver)
        self.driver.fails = fails

    def _kernel(self, arguments: tuple[Any, ...]) -> Callable[..., None]:
        """What a thread does: the same as `specialise` has the card do."""
        code = cache.lowered_code(cuda.lowered_for(arguments))
        request = cuda.request_for(arguments)
        launch = request.launch
        assert code is not None
        assert launch is not None
        _, named = specialise._found(llvm, code, TRAINING)
        names = [name for name, _ in named[2:]]
        address = train_block.addresses[kind_of(arguments)]
        first, end = map(names.index, launch.groups)
        network, *_, scratch, _, _ = arguments

        def run(thread: int, values: tuple[Any, ...], kinds: tuple[Any, ...]) -> None:
            if thread >= values[end]:
                return
            given = list(values)
            given[first], given[end] = thread, thread + 1
            for name, text in launch.constants.items():
                assert special.numbers_as_constants((values[names.index(name)],), "it")["it.0"] == text
            for name, (array, _) in launch.places.items():
                given[names.index(name)] = getattr(network, array).ctypes.data
            local = scratch.numbers.copy(), scratch.counts.copy()
            for name, array in zip(launch.local, local, strict=True):
                given[names.index(name)] = array.ctypes.data
            for name, (n, _) in launch.apart.items():
                given[names.index(name)] += 4 * n * thread
            result = (ctypes.c_void_p * 2)()
            at = ctypes.addressof(result)
            function = ctypes.CFUNCTYPE(ctypes.c_int32, *itertools.repeat(ctypes.c_void_p, 2), *kinds)(address)
            assert function(at, at + 8, *given) == 0

        return run
