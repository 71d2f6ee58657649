"""Special kernels whatever they cost: every network that may have one gets it before its next block."""

from __future__ import annotations

import time

from runner.kernels import special
from runner.training.blocks.arguments import Shared
from runner.training.specials import Specials


class AtOnce(Specials):
    """Makes the special kernel of a network when it is asked for."""

    def __init__(self, updates: int = 1) -> None:
        super().__init__(updates)
        self.used = 0

    def address(self, shared: Shared) -> int:
        """Of the special kernel, wherever there may be one."""
        address = super().address(shared)
        network = self._networks.get(id(shared))
        if network is not None and not address and network.code and network.request:
            making = special.Making(network.request, network.code)
            while making.finished() is None:
                time.sleep(0.01)
            network.address = address = special.load(making.path)
            self._made += 1
        self.used += address != 0
        return address
