"""Kernels that know their network: `train.stretch` made anew by LLVM for one network, data set and job.

The general kernel trains any network: sizes are loaded and compared, and activations, error signals and gradients pass
through memory. Its code as Numba lowered it, which `cache` keeps, is also that of a kernel for a single network: a
process of its own (`specialise`) puts constants in the place of arguments and makes LLVM optimise it once more. There
is one source, the operations and their order are the same, and no bit of a result depends on which of the two trains.

What is made is kept beside the kernels, by everything that it depends on: the sources (the folder), the kernel's types,
the constants, and the processor.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from runner.kernels import cache, specialise
from runner.kernels.absent import NONE
from runner.kernels.codes import ACCUMULATORS, RUNNING
from runner.kernels.lanes.entry import address_in
from runner.kernels.lanes.kinds import kind_of
from runner.kernels.specialise import Request
from runner.kernels.structs import Buffers, LaneArrays, Net, Runs
from runner.kernels.train import stretch_for
from runner.machine import compiles

# Networks of more weights and biases are left to the general kernel: their numbers do not fit into registers, so that
# unrolled loops are hardly faster or slower, and with loops that are kept no more than a tenth is gained.
MOST_PARAMETERS = 48
# LLVM's units of size up to which loops are unrolled: those of all networks of that size.
_UNROLLED = 30_000
# Bytes of local memory that a thread may have on its stack.
_MOST_LOCAL = 1 << 17
# What a request says of local memory and of pointers by the names of the fields of a tuple.
_LOCAL = ("A", "Z", "D", "T", "E", "F", "mask", "acc", "G")
_CARRIED, _WITH_STATE = ("W", "running"), ("S0", "S1", "clock")
_WHOLE = ("sizes", "units", "weights", "biases", "codes", "fan_ins", "seen", "readers")
_REAL = ("scales", "lows", "highs")


def is_worth_making(network: Any, width: Any, outputs: int) -> bool:
    """Whether a special kernel would be faster, so far as that can be told from the shape of the network."""
    if network.parameters > MOST_PARAMETERS:
        return False
    sizes = buffer_sizes(network, width, outputs)
    return 8 * sum(sizes[name] for name in (*_LOCAL, *_CARRIED, *_WITH_STATE)) <= _MOST_LOCAL


def buffer_sizes(network: Any, width: Any, outputs: int) -> dict[str, int]:
    """How many numbers each array of `structs.Buffers` has, but for `live`, `counts` and `order`."""
    L, S = width.lanes.n, width.tile.n
    parameters, units = network.parameters * L, network.n_units * S
    sizes = dict.fromkeys(("W", "S0", "S1", "G"), parameters) | dict.fromkeys(("A", "Z", "D", "F"), units)
    sizes |= dict.fromkeys(("T", "E"), outputs * S) | {"running": RUNNING * L, "clock": 2 * L, "mask": S}
    return sizes | {"acc": (ACCUMULATORS + 3 * outputs) * L}


def float_bits(number: float) -> str:
    """A float64 as LLVM writes it, to the last bit."""
    return f"0x{np.float64(number).view(np.uint64):016X}"


def numbers_as_constants(values: Any, name: str) -> dict[str, str]:
    """The numbers of a tuple as LLVM writes them, by the names of the arguments that they are."""
    numbers = {f"{name}.{k}": value for k, value in enumerate(values) if isinstance(value, int | float)}
    return {each: float_bits(value) if isinstance(value, float) else str(value) for each, value in numbers.items()}


def place_in(structure: Any, name: str, field: str) -> str:
    """The name of an argument of `stretch` for a field of one of its tuples."""
    return f"{name}.{structure._fields.index(field)}"


def make_request(
    network: Any, samples: Any, job: Any, clock: tuple[float, float], width: Any, dtype: np.dtype[Any]
) -> Request:
    """What LLVM is told of a network, its samples and its job.

    Parameters
    ----------
    network, samples, job, width
        As `train_block` takes them.
    clock : tuple of two floats
        The optimizer's clock before the first update.
    dtype : dtype
        Of the training.
    """
    rows = network.layers + 1
    whole, real = [str(n) for n in network.whole.reshape(-1)], [float_bits(x) for x in network.real.reshape(-1)]
    places = {place_in(Net, "net", field): ("whole", k * rows) for k, field in enumerate(_WHOLE)}
    places |= {place_in(Net, "net", field): ("real", k * rows) for k, field in enumerate(_REAL)}
    constants = {f"net.{k}": str(n) for k, n in enumerate((network.layers, network.parameters, network.n_units))}
    constants[place_in(Net, "net", "gain")] = float_bits(network.gain)
    constants |= {"data.0": str(samples.n), "looked": "0", "measuring": "0", **numbers_as_constants(job, "job")}
    for field, tick in zip(("clock0", "clock1"), clock, strict=True):
        constants[place_in(Runs, "runs", field)] = float_bits(tick)
    sizes = buffer_sizes(network, width, int(whole[rows - 1]))
    carried = (*_CARRIED, *(_WITH_STATE if job.states else ()))
    triple, processor, features = cache.processor()
    return Request(
        function="kernels5train7stretch",
        constants=constants,
        arrays={"whole": ("i64", whole), "real": ("double", real)},
        places=places,
        local={place_in(Buffers, "buf", name): sizes[name] for name in (*carried, *_LOCAL)},
        carried=[place_in(Buffers, "buf", name) for name in carried],
        # To the fault early_derivative, the inputs have weighted sums too: zeros, as the caller's memory begins with.
        zeroed=[place_in(Buffers, "buf", name) for name in (("G", "Z") if job.faults else ("G",))],
        number="double" if dtype == np.float64 else "float",
        lanes=width.lanes.n,
        unrolled=_UNROLLED,
        triple=triple,
        processor=processor,
        features=features,
    )


def general_code(network: Any, samples: Any, job: Any, width: Any) -> Path | None:
    """The file with the code of the general kernel for such arguments; None while there is none.

    That of a kernel without a schedule of learning rates, held-out samples, adjusted gradients and noise, and with a
    criterion that is judged by each evaluation alone: with any other, it takes other arguments.
    """
    if not compiles():
        return None
    wanted = tuple(map(kind_of, (network, samples, job, *([NONE] * 5), width)))
    apart = [LaneArrays._fields.index(field) for field in ("schedule", "held", "judged", "adjustment", "noise")]
    for kind in stretch_for.addresses:
        # Of a tuple, the first one is its name.
        own = kind[1:]
        if (*own[:3], *(own[3][1 + field] for field in apart), own[5]) == wanted:
            return cache.lowered(stretch_for, kind)
    return None


def place_of(request: Request, code: Path) -> Path:
    """The file of a special kernel, beside the code that it is made from."""
    key = f"{code.name} {request}".encode()
    kind = "object" if request.launch is None else "ptx"
    return code.with_name(f"special-{hashlib.blake2b(key, digest_size=8).hexdigest()}.{kind}")


_loaded: dict[Path, int] = {}


def load(path: Path) -> int:
    """The address of a special kernel that is kept in this file; 0 where none is.

    Raises
    ------
    ValueError
        When the file is not as it was written.
    """
    if path not in _loaded:
        content = cache.read(path)
        if content is None:
            return 0
        _loaded[path] = address_in(content, specialise.NAME)
    return _loaded[path]


class Making:
    """A process that makes a special kernel.

    Parameters
    ----------
    request : Request
    code : Path
        Of the general kernel (see `general_code`).

    Raises
    ------
    OSError, ValueError
        When it can not be begun.
    """

    def __init__(self, request: Request, code: Path) -> None:
        self.path = place_of(request, code)
        content = cache.lowered_code(code)
        if content is None:
            raise ValueError("the code of the general kernel is not kept")
        self._given, self._made, self._told = (tempfile.TemporaryFile() for _ in range(3))  # noqa: SIM115
        self._given.write(request.message(content))
        self._given.seek(0)
        # Not by the name of its module: this finds the file wherever Python was started. And out of reach of the
        # terminal's Ctrl-C, for the runs in flight are finished then.
        self._process = subprocess.Popen(
            [sys.executable, "-P", specialise.__file__],
            stdin=self._given,
            stdout=self._made,
            stderr=self._told,
            start_new_session=True,
        )

    def wait(self) -> None:
        """Wait until it is made and kept; it raises as `finished` does."""
        self._process.wait()
        self.finished()

    def finished(self) -> float | None:
        """Keep the kernel in its file as soon as it is made; None before.

        Returns
        -------
        float or None
            Seconds of the processor that it took.

        Raises
        ------
        OSError, ValueError
            When it could not be made or kept; the reason.
        """
        status = self._process.poll()
        if status is None:
            return None
        try:
            if status:
                raise ValueError(_last_line(self._told) or f"the process that makes it ended with {status}")
            self._made.seek(0)
            cache.write(self.path, self._made.read())
            return float(_last_line(self._told))
        finally:
            self.close()

    def close(self) -> None:
        """End the process, if it still works."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for file in (self._given, self._made, self._told):
            file.close()


def _last_line(file: IO[bytes]) -> str:
    file.seek(0)
    lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
