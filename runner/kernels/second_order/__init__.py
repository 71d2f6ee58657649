"""Second-order methods: their training loop, apart from that of `runner.kernels.train`, and one file for each of them.

A first-order optimizer changes each weight by what it knows of this weight. A method of second order looks at all
weights of a network at once, and tries steps before it makes one, by passes over the data of its own. So it is compiled
apart: a study without such a method has kernels that know nothing of them.

Every run has its line search or damping in its own lane. All lanes of a group go through the same passes, and what a
lane does not need it computes and does not use.
"""
