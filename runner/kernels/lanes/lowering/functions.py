"""What Numba makes of the functions of `lanes.functions`, when a compiled function uses one."""

from __future__ import annotations

from typing import Any

from numba import njit, typeof, types
from numba.core.imputils import lower_constant
from numba.core.typing.templates import make_intrinsic_template
from numba.extending import models, register_model, typeof_impl

from runner.kernels.lanes.functions import ByType, Operation, Part
from runner.kernels.lanes.lowering.compiling import PartCompiler


@typeof_impl.register(Part)
def _typeof_part(value: Part, context: Any) -> types.Type:
    if value.dispatcher is None:
        # Division by zero gives infinity or NaN, as in NumPy: the check of Python's error model would make divisions
        # scalar code.
        compiled = njit(nogil=True, error_model="numpy", pipeline_class=PartCompiler, **value.targetoptions)
        value.dispatcher = compiled(value.py_func)
    return typeof(value.dispatcher)


@typeof_impl.register(Operation)
def _typeof_operation(value: Operation, context: Any) -> types.Type:
    if value.numba_type is None:
        value.numba_type = types.Function(make_intrinsic_template(value, value.lowering, value.py_func.__name__))
    return value.numba_type


class ChosenByType(types.Callable, types.Dummy):  # type: ignore[misc]
    """The Numba type of a `ByType`: a call of it is one of the function that it chooses.

    Parameters
    ----------
    function : ByType
    """

    def __init__(self, function: Any) -> None:
        self._function = function
        # By the types that a chosen function takes: one with any number of arguments takes them as a tuple.
        self._chosen: dict[Any, Any] = {}
        super().__init__(f"ByType({function.__module__}.{function.__qualname__})")

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        """The signature for some arguments. A number known to the compiler is any number: one form serves all."""
        chosen = typeof(self._function.choose(*args))
        signature = chosen.get_call_type(context, tuple(map(types.unliteral, args)), kws)
        self._chosen[signature.args] = chosen
        return signature

    def get_call_signatures(self) -> tuple[list[Any], bool]:
        """None is known beforehand."""
        return [], True

    def get_impl_key(self, sig: Any) -> Any:
        """What stands for the compiled function."""
        return self._chosen[sig.args].get_impl_key(sig)


register_model(ChosenByType)(models.OpaqueModel)


@typeof_impl.register(ByType)
def _typeof_by_type(value: ByType, context: Any) -> ChosenByType:
    return ChosenByType(value)


@lower_constant(ChosenByType)
def _constant_function(context: Any, builder: Any, ty: ChosenByType, value: Any) -> Any:
    return context.get_dummy_value()
