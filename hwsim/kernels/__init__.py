"""Compiled kernels: plain functions of arrays.

A kernel allocates nothing per event, raises nothing, prints nothing, and knows no file, no dataclass, no joule. The
caller owns the memory; a kernel writes its last arguments. A kernel's helpers stay in its own file, where they are
read together; `accumulate` is the one exception.
"""
