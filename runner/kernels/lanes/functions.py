"""The decorators of what kernels are made of: a function stays plain Python until a kernel that calls it is compiled.

Numba is imported by whatever compiles, and by nothing else: a start whose kernels are all on disk does without it,
which saves it a quarter of a second. So a decorator only keeps a function and how it is to be compiled, and
`lowering.functions` tells Numba what to make of it.

Called from Python, all of them run in Python, with a NumPy array in the place of a vector and of a pointer. So does a
whole kernel with `NUMBA_DISABLE_JIT=1` (see `entry.entry`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any

Function = Callable[..., Any]


class _Deferred:
    """A function that becomes one of Numba's when a kernel that calls it is compiled."""

    def __init__(self, function: Function) -> None:
        update_wrapper(self, function)
        self.py_func = function

    def __call__(self, *args: Any) -> Any:
        """What the function gives in Python."""
        return self.py_func(*args)


class Part(_Deferred):
    """A function that only compiled functions call; see `lowering.compiling`.

    Parameters
    ----------
    function : callable
    **options
        Of `numba.njit`.
    """

    def __init__(self, function: Function, **options: Any) -> None:
        super().__init__(function)
        # Numba looks here for what it is to merge into the caller.
        self.targetoptions = options
        # What Numba has made of it.
        self.dispatcher: Any = None


class ByType(_Deferred):
    """A function that is another one for arguments of other types, told apart when a kernel is compiled.

    Parameters
    ----------
    function : callable
        Whose name, arguments and documentation it has.
    choose : callable
        From the arguments, or from their Numba types, to the Part that takes them.
    """

    def __init__(self, function: Function, choose: Function) -> None:
        super().__init__(function)
        self.choose = choose

    def __call__(self, *args: Any) -> Any:
        """What the function for these arguments gives in Python."""
        return self.choose(*args)(*args)


class Operation(_Deferred):
    """What LLVM does in an instruction or a few, told to it in `lowering`; in Python it does the same to arrays."""

    lowering: Function
    """Makes the instructions: a function as `numba.extending.intrinsic` takes it."""
    numba_type: Any = None
    """What Numba takes the operation for."""

    def lowered_by(self, typing_function: Function) -> Function:
        """Decorator of that function."""
        self.lowering = typing_function
        return typing_function


# The decorators. LLVM may inline a `kernel`, and always inlines what is `inlined`.
operation, kernel = Operation, Part
inlined = partial(Part, forceinline=True)
# Small functions of vectors, such as activations: a call would move vectors through memory.
lane_function = inlined
# Numba itself merges a `step` into its caller, before it infers types. As a function of its own it would be linked with
# everything that it calls once more: what is only one step of a longer function is merged to save compilation.
step = partial(Part, inline="always")


def by_type(choose: Function) -> Callable[[Function], Any]:
    """Decorator: the function is one of several, which are told apart by the types of its arguments.

    Parameters
    ----------
    choose : callable
        From the arguments to the function that is called with them. It is asked about arguments, and when a kernel is
        compiled about their Numba types: `is_none`, `is_a`, `field` and the attribute `dtype` are for both.
    """
    return partial(ByType, choose=choose)


@inlined
def _nothing(*args: Any) -> None:
    pass


def where_given(argument: str, otherwise: Function = _nothing) -> Callable[[Function], Any]:
    """Decorator: where an argument is NONE, another function takes the place of this one, and none of it is compiled.

    Parameters
    ----------
    argument : str
        Its name; or the name of an argument that is a named tuple, a dot, and a field of that.
    otherwise : callable
        With the same arguments; by default it does nothing.
    """
    return _where(lambda value: not is_none(value), argument, otherwise)


def where_a(structure: type, argument: str, otherwise: Function = _nothing) -> Callable[[Function], Any]:
    """Decorator: the same, where an argument is no named tuple of this class."""
    return _where(lambda value: is_a(value, structure), argument, otherwise)


def _where(suits: Callable[[Any], bool], argument: str, otherwise: Function) -> Callable[[Function], Any]:
    name, _, place = argument.partition(".")

    def decorate(function: Function) -> Any:
        code = function.__code__
        number = code.co_varnames[: code.co_argcount].index(name)
        some, none = inlined(function), otherwise if isinstance(otherwise, Part) else inlined(otherwise)

        def choose(*args: Any) -> Any:
            value = args[number]
            return some if suits(field(value, place) if place and not is_none(value) else value) else none

        return by_type(choose)(function)

    return decorate


def is_none(value: Any) -> bool:
    """Whether a value is an empty tuple, or a Numba type that of one."""
    return len(value) == 0 if isinstance(value, tuple) else getattr(value, "count", None) == 0


def is_a(value: Any, structure: type) -> bool:
    """Whether a value is a named tuple of this class, or a Numba type that of one."""
    return isinstance(value, structure) or getattr(value, "instance_class", None) is structure


def field(value: Any, name: str) -> Any:
    """A field of a named tuple, or its type where the value is the Numba type of one."""
    if isinstance(value, tuple):
        return getattr(value, name)
    return value.types[value.instance_class._fields.index(name)]
