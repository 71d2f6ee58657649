"""A Numba type whose values are vectors, one lane per run: the arithmetic of many networks, written like that of one.

`vector` defines the type; `operations`, `bits`, `tiles` and `rows` say what can be done with it; `elementary` has exp,
log and their relatives, `switch` calls one function of several by its number, and `compiling` makes all of it compile
quickly. The kernels use all of this, the members of `runner.ops` use `elementary`, `operations` and the tables of
`switch`, and other packages only `vector.Lanes` and `compiling.collection_paused`.
"""
