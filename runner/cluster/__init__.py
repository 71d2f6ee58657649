"""One study on several machines, with the bytes of one: parts that are merged, and workers of a Dask cluster.

Both are ways to get at the finished runs of a plan (`runner.training.session.Trainer`), so that the folder of results,
its lock, its journal and its promises are those of a study on one machine.
"""
