"""Two studies, or two parts of one, side by side: what tells them apart, and what that changes on the same seeds.

`sides` reads both and finds the runs that are partners: the same seed and the same settings but for those that tell the
sides apart. `comparison` computes what differs between partners, `result` holds it, and `show` writes it.
"""
