"""The disk cache of compiled kernels: what it holds is used only as it was written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runner.kernels import cache
from runner.kernels.lanes.entry import Entry, KernelError
from runner.kernels.lanes.kinds import kind_of
from runner.kernels.lanes.lowering import compiling

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")


def _double(x: float, out: Any) -> None:
    out[0] = 2.0 * x


class Kernel(Entry):
    """A kernel that writes one number."""

    def of(self, x: float) -> float:
        """What it writes for x."""
        out = np.zeros(1)
        self(x, out)
        return float(out[0])


class Told:
    """Remembers what a cache tells."""

    def __init__(self) -> None:
        self.not_kept: list[str] = []
        self.not_used: list[str] = []

    def kernel(self, function: Any = _double) -> Kernel:
        """A kernel as another process would make it: nothing of it is compiled."""
        made = Kernel(function)
        cache.enable(
            made, not_kept=self.not_kept.append, not_used=lambda file, reason: self.not_used.append(f"{file}: {reason}")
        )
        return made


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """A cache in a folder of its own."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    yield Told()
    assert not list(tmp_path.rglob("*.tmp"))


class NotLoadedError(Exception):
    """A kernel is not taken from its file."""


def loads(kernel: Kernel) -> bool:
    """Whether the kernel for one float64 is taken from its file."""

    def signature() -> tuple[Any, ...]:
        raise NotLoadedError

    kind = kind_of((1.5, np.zeros(1)))
    lowered = cache.lowered(kernel, kind)
    assert lowered is not None
    hidden = lowered.rename(lowered.with_suffix(".hidden"))
    try:
        kernel.prepare_for(kind, signature)
    except KernelError as error:
        if isinstance(error.__cause__, NotLoadedError):
            return False
        raise
    finally:
        hidden.rename(lowered)
    return True


def the_file(tmp_path: Path) -> Path:
    (file,) = tmp_path.rglob("*.kernel")
    return file


def test_a_kernel_is_compiled_once(tmp_path: Path, told: Told) -> None:
    assert told.kernel().of(1.5) == 3.0
    content = the_file(tmp_path).read_bytes()
    again = told.kernel()
    assert loads(again)
    assert again.of(1.5) == 3.0
    assert the_file(tmp_path).read_bytes() == content
    # Other types of arguments are another kernel, in a file of its own.
    assert again.of(1) == 2.0
    assert len(list(tmp_path.rglob("*.kernel"))) == 2
    assert (told.not_kept, told.not_used) == ([], [])


def test_a_kernel_that_wants_a_symbol_which_is_nowhere_is_not_loaded(tmp_path: Path, told: Told) -> None:
    """It would end the process."""
    assert told.kernel().of(1.5) == 3.0
    file = the_file(tmp_path)
    line, _, code = (cache.read(file) or b"").partition(b"\n")
    facts = json.loads(line)
    assert facts["wants"] == []
    cache.write(file, json.dumps(facts | {"wants": ["malloc", "no_symbol_of_this_process"]}).encode() + b"\n" + code)
    assert not loads(told.kernel())
    assert told.not_used == [f"{file}: this process has no no_symbol_of_this_process"]


def test_no_damage_is_loaded_and_the_next_call_mends_it(tmp_path: Path, told: Told) -> None:
    """A loss of power leaves files empty, short or of zeros; a disk or a memory turns single bits."""
    told.kernel().of(1.5)
    file, random = the_file(tmp_path), np.random.default_rng(0)
    content = file.read_bytes()
    damages = [b"", content[:10], content[: len(content) // 2], content[:-1], content + b"\0", bytes(len(content))]
    damages += [random.bytes(len(content)), b"\0" * 32 + content[32:]]
    for bit in random.integers(8 * len(content), size=100).tolist():
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        damages.append(bytes(flipped))
    for damage in damages:
        file.write_bytes(damage)
        assert not loads(told.kernel())
    assert told.not_used == [f"{file}: its checksum is wrong"] * len(damages)
    assert told.kernel().of(1.5) == 3.0
    assert loads(told.kernel())


def test_a_kernel_under_the_name_of_another_one_is_not_used(tmp_path: Path, told: Told) -> None:
    told.kernel().of(1.5)
    file = the_file(tmp_path)
    told.kernel().of(1)
    (other,) = set(tmp_path.rglob("*.kernel")) - {file}
    file.write_bytes(other.read_bytes())
    assert not loads(told.kernel())
    assert told.kernel().of(1.5) == 3.0


def test_what_can_not_be_loaded_though_it_is_whole_is_compiled_anew(tmp_path: Path, told: Told) -> None:
    """As after an update of a library that left its version as it was."""
    told.kernel().of(1.5)
    file = the_file(tmp_path)
    content = b'"no kernel"\n'
    file.write_bytes(cache._checksum(file, content) + content)
    assert told.kernel().of(1.5) == 3.0
    assert len(told.not_used) == 1
    assert loads(told.kernel())


def test_a_file_that_can_not_be_read_or_written_is_told(tmp_path: Path, told: Told) -> None:
    told.kernel().of(1.5)
    file = the_file(tmp_path)
    file.unlink()
    file.mkdir()
    assert told.kernel().of(1.5) == 3.0
    assert told.not_kept == ["Is a directory"]


def test_a_kernel_that_can_not_be_compiled_is_no_reason_of_a_run(told: Told) -> None:
    def wrong(x: float, out: Any) -> None:
        out[0] = x.nothing  # type: ignore[attr-defined]

    with pytest.raises(KernelError, match=r"^TypingError: "):
        told.kernel(wrong).of(1.5)


def _object(file: Path) -> bytes:
    """The machine code in the file of a kernel."""
    return (cache.read(file) or b"").partition(b"\n")[2]


def _triple(x: float, out: Any) -> None:
    out[0] = 3.0 * x


def test_machine_code_is_made_from_lowered_code_without_numba(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the own cache, after a change of processor, and of a wheel: the bytes that Numba would have made."""
    monkeypatch.setattr(cache, "SHIPPED", tmp_path / "wheel")
    before = cache.origins()
    assert told.kernel(_triple).of(1.5) == 4.5
    file = the_file(tmp_path)
    compiled, (lowered,) = _object(file), tmp_path.rglob("*.lowered")
    file.unlink()

    def never(*arguments: Any) -> Any:
        raise AssertionError("Numba compiles")

    with monkeypatch.context() as patch:
        patch.setattr(compiling, "lowered", never)
        assert told.kernel(_triple).of(1.5) == 4.5
        assert _object(file) == compiled
        file.unlink()
        cache.shipped().mkdir(parents=True)
        in_wheel = lowered.rename(cache.shipped() / lowered.name)
        assert told.kernel(_triple).of(1.5) == 4.5
        assert _object(file) == compiled
        # A special kernel is made from the copy.
        assert lowered.read_bytes() == in_wheel.read_bytes()
    counts = {name: n - before[name] for name, n in cache.origins().items()}
    assert counts == {"loaded": 0, "lowered": 1, "shipped": 1, "compiled": 1}
    assert (told.not_kept, told.not_used) == ([], [])


_LARGE = np.arange(200_000.0)


def _of_large(x: float, out: Any) -> None:
    out[0] = x * _LARGE[3]


def test_a_kernel_that_holds_an_address_of_its_process_is_not_kept(tmp_path: Path, told: Told) -> None:
    """Of a large array, Numba knows the place alone: at the next start it lies elsewhere."""
    assert told.kernel(_of_large).of(1.5) == 4.5
    assert not [*tmp_path.rglob("*.kernel"), *tmp_path.rglob("*.lowered")]
    assert (told.not_kept, told.not_used) == ([], [])


def test_damaged_lowered_code_is_not_used(tmp_path: Path, told: Told) -> None:
    assert told.kernel(_triple).of(1.5) == 4.5
    file, (lowered,) = the_file(tmp_path), tmp_path.rglob("*.lowered")
    file.unlink()
    content = bytearray(lowered.read_bytes())
    content[len(content) // 2] ^= 1
    lowered.write_bytes(content)
    assert told.kernel(_triple).of(1.5) == 4.5
    assert told.not_used == [f"{lowered}: its checksum is wrong"]
    assert cache.lowered_code(lowered)


def test_a_wheel_suits_the_versions_that_it_was_made_with(monkeypatch: pytest.MonkeyPatch) -> None:
    places = {cache.shipped()}
    with monkeypatch.context() as patch:
        patch.setattr(cache.metadata, "version", lambda package: "0.1")
        places.add(cache.shipped())
    with monkeypatch.context() as patch:
        patch.setattr("platform.machine", lambda: "m68k")
        places.add(cache.shipped())
    # Of the same version of Python, other builds will do.
    with monkeypatch.context() as patch:
        patch.setattr("sys.version", "another build")
        places.add(cache.shipped())
    assert len(places) == 3
