"""What a study sweeps: from the keys under `sweep` to numbered cells, without ever listing them.

`axes`, `ranges` and `sampling` read values, `model` checks the mapping, `space` turns it into levels and rules,
`product` counts what they allow, `numbering` finds a cell by its number, and `trajectories` groups cells that differ
only in their budget. Others use `Sweep`, `SweepSpace`, `Expansion` and `Trajectories`.
"""
