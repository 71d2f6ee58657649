"""A graphics card of NVIDIA that trains runs: the same code as the processor's, a run in every thread.

The kernel is `train.train_block` for groups of one lane, as Numba lowered it for this processor; `specialise` makes PTX
of it for one network, its samples and its job, and the driver of the card makes machine code of that. There is one
source: additions, multiplications, divisions, square roots and fused multiply-adds are those of IEEE 754 on both, and
come in the same order, so that no bit of a result depends on where a run was trained.

Performance shape: a card is filled by tens of thousands of threads, each with its weights in registers where they fit.
The arrays of a block go there and back once, in one piece of memory that each thread of the processor keeps.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.errors import Refused
from runner.kernels import cache, special, specialise
from runner.kernels.absent import NONE
from runner.kernels.buffers import scratch_rows
from runner.kernels.codes import COUNTS
from runner.kernels.lanes.kinds import c_types_of, kind_of, numbers_of
from runner.kernels.lanes.vector import Lanes
from runner.kernels.structs import Data, LaneArrays, Network, Out, Scratch, Width
from runner.kernels.train import Code, train_block
from runner.machine import compiles

# Threads that share a multiprocessor's scheduling: a multiple of the 32 that run in step.
_THREADS = 256
# Registers of a thread: half of what there are where all loops are unrolled, for twice as many threads at a time; other
# networks are the slower the fewer there are (both measured).
_REGISTERS, _ALL_REGISTERS = 128, 255
# Runs for each multiprocessor of a launch that fills a card.
_PER_MULTIPROCESSOR = 512
# Bytes of memory of its own that a thread may have; the card sets so much aside for all that it can hold at a time.
_MOST_LOCAL = 1 << 16
# `stretch` is part of the kernel, and the address of the one for this network is known only on the card.
_CODE = Code(NONE, 0)
# Bytes to which each array in the card's memory is aligned.
_ALIGNED = 256


class CardError(Exception):
    """The card has refused something: runs can not be trained on it."""


def width(single: bool) -> Width:
    """Groups of one lane, and tiles of four samples; of one where an update sees no more.

    Larger tiles load a weight less often, but leave fewer threads room in the caches: they were slower.
    """
    return Width(Lanes(1), Lanes(1 if single else 4), Lanes(2))


class Card:
    """The first graphics card that CUDA shows (of those in CUDA_VISIBLE_DEVICES).

    Parameters
    ----------
    driver : module, optional
        Functions of CUDA's driver; default those of `cuda.bindings.driver`.

    Raises
    ------
    Refused
        When there is none, or what it takes to use it is not installed.
    """

    def __init__(self, driver: Any = None) -> None:
        if not compiles():
            raise Refused("device 'cuda': nothing is compiled where NUMBA_DISABLE_JIT is set")
        self._driver = driver = driver or _bindings()
        try:
            self._do("cuInit", 0)
            self._device = self._do("cuDeviceGet", 0)
            self._context = self._do("cuDevicePrimaryCtxRetain", self._device)
            attribute = driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
            self.multiprocessors = int(self._do("cuDeviceGetAttribute", attribute, self._device))
            name = bytes(self._do("cuDeviceGetName", 256, self._device))
            self.name = name.split(b"\0")[0].decode(errors="replace")
            version = int(self._do("cuDriverGetVersion"))
        except (CardError, RuntimeError, OSError) as error:
            # The bindings raise a RuntimeError where the driver's library is not there.
            raise Refused(f"device 'cuda': no graphics card of NVIDIA can be used ({error})") from None
        self.driver_version = f"{version // 1000}.{version % 1000 // 10}"
        # By the names of their files: what the driver has loaded, and its function.
        self._kernels: dict[str, tuple[Any, Any]] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._of_thread = threading.local()
        self._taken: list[int] = []
        self._launches = 0

    @property
    def filled_by(self) -> int:
        """Runs of a launch that keep all of it busy."""
        return self.multiprocessors * _PER_MULTIPROCESSOR

    def takes(self, network: Network, wide: Width, dtype: np.dtype[Any]) -> bool:
        """Whether the threads of a card have memory enough for such networks."""
        return bool(_rows(network, wide) * wide.lanes.n * dtype.itemsize <= _MOST_LOCAL)

    def train(
        self, network: Network, samples: Any, job: Any, lanes: LaneArrays, results: Out, scratch: Scratch, wide: Width
    ) -> None:
        """Do what `train_block` does, with the same arguments; from `scratch`, only its shape is taken.

        Raises
        ------
        CardError
            When the card could not do it.
        OSError, ValueError
            When the kernel could not be made; the reason.
        """
        self._do("cuCtxSetCurrent", self._context)
        kernel = self._kernel((network, samples, job, lanes, results, scratch, wide, _CODE))
        # Each thread has its own order; all else of a Scratch is local memory.
        scratch = scratch._replace(order=np.empty(lanes.end * scratch.n_order, np.int32))
        arguments = network, samples, job, lanes, results, scratch, wide, _CODE
        places, total = _laid_out((samples, lanes, results, scratch.order))
        stream, memory = self._resources(total)
        written = [*results[2:], lanes.state, lanes.counts, *(lanes.held[5:] if lanes.held else ())]
        written += lanes.judged[4:] if lanes.judged else ()
        # What is written is read only where it holds what a call before this one has left.
        unread = {id(scratch.order), *(() if lanes.start else map(id, written))}
        for array, at in places.values():
            if id(array) not in unread:
                self._do("cuMemcpyHtoDAsync", memory + at, array.ctypes.data, array.nbytes, stream)
        values = tuple(numbers_of(arguments, lambda array: memory + places.get(id(array), (array, 0))[1]))
        kinds = tuple(c_types_of(kind_of(arguments)))
        blocks = -(-lanes.end // _THREADS)
        self._do("cuLaunchKernel", kernel, blocks, 1, 1, _THREADS, 1, 1, 0, stream, (values, kinds), 0)
        for array in written:
            if array.size:
                self._do("cuMemcpyDtoHAsync", array.ctypes.data, memory + places[id(array)][1], array.nbytes, stream)
        self._do("cuStreamSynchronize", stream)
        with self._lock:
            self._launches += 1

    def facts(self) -> dict[str, Any]:
        """What it is and how often it was called, for environment.json."""
        return {"name": self.name, "cuda": self.driver_version, "launches": self._launches}

    def __enter__(self) -> Card:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the card's memory back; nothing is trained on it any more."""
        self._do("cuCtxSetCurrent", self._context)
        for memory in self._taken:
            self._do("cuMemFree", memory)
        self._taken.clear()
        for module, _ in self._kernels.values():
            self._do("cuModuleUnload", module)
        self._kernels.clear()
        self._do("cuDevicePrimaryCtxRelease", self._device)

    def _kernel(self, arguments: tuple[Any, ...]) -> Any:
        """The function for such arguments: loaded, or made first."""
        code = lowered_for(arguments)
        request = request_for(arguments)
        path = special.place_of(request, code)
        with self._lock:
            lock = self._locks.setdefault(path.name, threading.Lock())
        with lock:
            if path.name not in self._kernels:
                content = cache.read(path)
                if content is None:
                    special.Making(request, code).wait()
                    content = cache.read(path)
                assert content is not None, "it has just been kept"
                limit = _REGISTERS if arguments[0].parameters <= special.MOST_PARAMETERS else _ALL_REGISTERS
                option = self._driver.CUjit_option.CU_JIT_MAX_REGISTERS
                module = self._do("cuModuleLoadDataEx", content + b"\0", 1, [option], [limit])
                self._kernels[path.name] = module, self._do("cuModuleGetFunction", module, specialise.LAUNCHED.encode())
            return self._kernels[path.name][1]

    def _resources(self, size: int) -> tuple[Any, int]:
        """This thread's stream, and so much memory of the card that it has for itself."""
        own = self._of_thread
        if not hasattr(own, "stream"):
            own.stream, own.memory, own.size = self._do("cuStreamCreate", 1), 0, 0
        if own.size < size:
            if own.memory:
                self._taken.remove(own.memory)
                self._do("cuMemFree", own.memory)
            own.size = 0
            own.memory = int(self._do("cuMemAlloc", size))
            self._taken.append(own.memory)
            own.size = size
        return own.stream, own.memory

    def _do(self, name: str, *arguments: Any) -> Any:
        """What a function of the driver gives.

        Raises
        ------
        CardError
            When it says that it failed.
        """
        status, *given = getattr(self._driver, name)(*arguments)
        if status != self._driver.CUresult.CUDA_SUCCESS:
            _, text = self._driver.cuGetErrorString(status)
            raise CardError(f"{text.decode() if isinstance(text, bytes) else status} ({name})")
        return given[0] if len(given) == 1 else given


def _bindings() -> Any:
    """The functions of CUDA's driver."""
    try:
        from cuda.bindings import driver
    except ImportError as error:
        reason = "device 'cuda' needs the package cuda-bindings: pip install 'runner[cuda]'"
        raise Refused(f"{reason} ({error})") from None
    return driver


def _rows(network: Network, wide: Width) -> int:
    return scratch_rows(network, int(network.whole[0, -1]), wide.tile.n // wide.lanes.n)


def _laid_out(values: Any) -> tuple[dict[int, tuple[NDArray[Any], int]], int]:
    """Where each array, by its identity, begins in one piece of memory, and the bytes that this has."""
    places, total = {}, _ALIGNED
    for array in _arrays(values):
        if array.size:
            places[id(array)] = array, total
            total += -(-array.nbytes // _ALIGNED) * _ALIGNED
    return places, total


def _arrays(value: Any) -> Iterator[NDArray[Any]]:
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _arrays(each)


def lowered_for(arguments: tuple[Any, ...]) -> Path:
    """The file with the code of `train_block` for arguments of these types, which is compiled first if need be.

    Raises
    ------
    ValueError
        When kernels can not be kept on disk.
    """
    train_block.prepare(*arguments)
    code = cache.lowered(train_block, kind_of(arguments))
    if code is None or not code.exists():
        raise ValueError("the kernels of a graphics card are made from files, and no kernel can be kept here")
    return code


def request_for(arguments: tuple[Any, ...]) -> specialise.Request:
    """What `specialise` is told to make for arguments of `train_block`."""
    network, samples, job, lanes, _, scratch, wide, _ = arguments
    dtype, clock = scratch.numbers.dtype, (lanes.clock0, lanes.clock1)
    request = special.make_request(network, samples, job, clock, wide, dtype)
    place = special.place_in
    constants = special.numbers_as_constants(network, "network") | special.numbers_as_constants(job, "job")
    constants[place(Data, "samples", "n")] = str(samples.n)
    constants[place(Scratch, "scratch", "n_order")] = str(scratch.n_order)
    for field, tick in zip(("clock0", "clock1"), clock, strict=True):
        constants[place(LaneArrays, "lanes", field)] = special.float_bits(tick)
    launch = specialise.Launch(
        function="kernels5train11train_block",
        constants=constants,
        places={
            _numbers(Network, "network", "whole"): ("whole", 0),
            _numbers(Network, "network", "real"): ("real", 0),
        },
        local={
            _numbers(Scratch, "scratch", "numbers"): (_rows(network, wide) * wide.lanes.n, request.number),
            _numbers(Scratch, "scratch", "counts"): (COUNTS * wide.lanes.n, "i64"),
        },
        apart={_numbers(Scratch, "scratch", "order"): (scratch.n_order * wide.lanes.n, "i32")},
        groups=(place(LaneArrays, "lanes", "first"), place(LaneArrays, "lanes", "end")),
        special=place(Code, "code", "special"),
    )
    return replace(request, launch=launch)


def _numbers(structure: Any, name: str, field: str) -> str:
    """The name of the argument of `train_block` for the address of an array: the fifth of those that make it up."""
    return f"{special.place_in(structure, name, field)}.4"
