"""Which networks of a study get a kernel of their own: those whose training that is left is worth making it.

The general kernel trains meanwhile, and whatever goes wrong here, it goes on. As a study is trained evenly
(`runner.studies.schedule`), what a network has taken so far tells what it will still take: the share of the study that
is left, at the speed so far.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runner.kernels import special

if TYPE_CHECKING:
    from pathlib import Path

    from runner.kernels.specialise import Request
    from runner.training.blocks.arguments import Shared

# Of the time that training takes, the part that is surely saved; it was 22 to 47% in what was measured.
_SAVED = 0.2
# Seconds to make a kernel, before one has been made: about what it takes on a machine that has other work too.
_SECONDS = 2.0
# How much of a study must be done before what is left is judged by it.
_LEAST_DONE = 0.005
# Seconds of training by either kernel after which they are compared.
_COMPARED = 0.3


@dataclass(eq=False)
class _Network:
    """What is known of the runs that share their arguments.

    Attributes
    ----------
    shared : Shared
    general, own : list of two floats
        Multiply-adds that the general kernel, and the special one, have computed for them, and seconds of the processor
        that it took.
    request : Request or None
        What a special kernel is made by; None where it would not be faster.
    code : Path or None
        What it is made from; None while the general kernel has not been used.
    address : int
        Of the special kernel; 0 while there is none.
    given_up : bool
        Whether none will be.
    """

    shared: Shared
    general: list[float] = field(default_factory=lambda: [0.0, 0.0])
    own: list[float] = field(default_factory=lambda: [0.0, 0.0])
    request: Request | None = None
    code: Path | None = None
    address: int = 0
    given_up: bool = False

    @property
    def is_slower(self) -> bool:
        """Whether the special kernel has turned out to be slower."""
        (general, before), (own, since) = self.general, self.own
        return min(before, since) > _COMPARED and own / since < general / before


class Specials:
    """The special kernels of one start of a study.

    Parameters
    ----------
    updates : int
        Changes of weights that it has to make.
    """

    def __init__(self, updates: int) -> None:
        self._updates, self._done = max(updates, 1), 0
        self._networks: dict[int, _Network] = {}
        self._making: tuple[special.Making, _Network] | None = None
        self._seconds = _SECONDS
        self._loaded = self._made = self._slower = 0
        self._failed: str | None = None

    def address(self, shared: Shared) -> int:
        """Of the kernel to train runs with; 0 for the general one."""
        # A kernel that is in use stays, whatever has failed since; but none is looked for any more.
        if self._failed is not None:
            return 0
        network = self._networks.setdefault(id(shared), _Network(shared))
        try:
            if network.code is None and not network.given_up:
                self._look_for(network)
        except Exception as error:  # training goes on without
            self._fail(error)
        return network.address

    def add(self, shared: Shared, address: int, updates: int, multiply_adds: float, seconds: float) -> None:
        """Take account of a block that has been trained, and make or load the kernel that is most worth it.

        Parameters
        ----------
        shared : Shared
        address : int
            Of the kernel that has trained it, as `address` gave it.
        updates : int
            Changes of weights that are not to be made any more.
        multiply_adds, seconds : float
            What it computed, and the processor's time; 0 when that is not known.
        """
        self._done += updates
        if self._failed is not None:
            return
        network = self._networks.setdefault(id(shared), _Network(shared))
        if seconds:
            total = network.own if address else network.general
            total[0] += multiply_adds
            total[1] += seconds
        if network.address and network.is_slower:
            network.address, network.given_up = 0, True
            self._slower += 1
        try:
            self._finish()
            self._begin()
        except Exception as error:  # training goes on without
            self._fail(error)

    @property
    def is_making(self) -> bool:
        """Whether a kernel is being made."""
        return self._making is not None

    def close(self) -> None:
        """End what is still being made."""
        if self._making:
            self._making[0].close()
            self._making = None

    def facts(self) -> dict[str, Any]:
        """What became of it, for environment.json."""
        failed = {"failed": self._failed} if self._failed is not None else {}
        return {"made": self._made, "loaded": self._loaded, "slower": self._slower, **failed}

    def _look_for(self, network: _Network) -> None:
        """Load the special kernel of a network, if an earlier start has made it."""
        shared = network.shared
        given = (shared.net, shared.data, shared.job)
        outputs = int(shared.sizes[-1])
        plain = shared.faults is None and shared.iteration is None and shared.held is None
        # Runs that have samples of their own are trained by other code.
        plain = plain and shared.judged is None and shared.data_of is None and not shared.is_regularised
        suits = plain and not (shared.job.band or shared.job.pairwise or shared.is_scheduled)
        if not (suits and special.is_worth_making(shared.net, shared.width, outputs)):
            network.given_up = True
            return
        network.code = special.general_code(*given, shared.width)
        if network.code is None:
            return
        network.request = special.make_request(*given, shared.clock, shared.width, shared.dtype)
        network.address = special.load(special.place_of(network.request, network.code))
        self._loaded += network.address != 0

    def _begin(self) -> None:
        """Begin to make the kernel that saves the most time, if one saves more than it takes."""
        share = self._done / self._updates
        if self._making or share < _LEAST_DONE:
            return
        waiting = [each for each in self._networks.values() if each.code and not (each.address or each.given_up)]
        network = max(waiting, key=lambda each: each.general[1], default=None)
        if network is None or network.general[1] * (1 - share) / share * _SAVED < self._seconds:
            return
        assert network.request is not None
        assert network.code is not None
        self._making = special.Making(network.request, network.code), network

    def _finish(self) -> None:
        """Take the kernel that has been made."""
        if self._making is None:
            return
        making, network = self._making
        seconds = making.finished()
        if seconds is None:
            return
        self._making = None
        self._seconds = seconds
        network.address = special.load(making.path)
        self._made += 1

    def _fail(self, error: Exception) -> None:
        """Train with what there is from now on."""
        self._failed = f"{type(error).__name__}: {error}".rstrip(": ")
        self.close()
