"""The network of a run, from its row and its weights: to predict with, and as one of PyTorch, scikit-learn and ONNX.

`network` has the class, `load` finds the weights of a run or trains it again. `activations` says what each activation
is in NumPy, PyTorch and ONNX: a new one is a record there. `in_torch`, `in_sklearn` and `in_onnx` import the packages
that they are named after.
"""
