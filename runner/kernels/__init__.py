"""Everything that is compiled: the training loop, initial weights, random numbers, and rows of numbers as CSV text.

A kernel is given named tuples of arrays (`structs`) whose shapes and types its caller has checked, and nothing here
knows of YAML, tables or the command line. `runner.ops` makes tables of functions (`lanes.switch.Table`)
that are written with `lanes` and `loops`; all others use `train.train_block`, `initial.initial_weights` and
`csv_rows.write_rows`, what these take (`structs`, `codes`, `buffers.carried_rows`, `buffers.scratch_rows`,
`lanes.vector.Lanes`, `decimals.powers_of_ten`), `cache` to keep them on disk, and `apart` to compile two at a time.

Until something has to be compiled, all of it is plain Python, and Numba is not imported (`lanes.functions`).
"""
