"""Two studies, or two parts of one, side by side: what tells them apart, and what that changes on the same seeds.

`sides` reads both and finds the runs that are partners: the same seed and the same settings but for those that tell the
sides apart. `paired` has the statistics of partners, `comparison` puts the parts together, and `show` writes them.
"""
