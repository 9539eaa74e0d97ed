"""Read the name of a GPU kernel: which core does its arithmetic, in which types, and which part of the name says so.

`classify` answers for one name, `classify_all` for the distinct names of a trace, `explain` takes a name apart. Only
names are read here: hardware counters know better, and `trtprof verify` lets them overrule.
"""

from trtprof.kernels.explain import explain
from trtprof.kernels.family import Token
from trtprof.kernels.registry import classify, classify_all

__all__ = ["Token", "classify", "classify_all", "explain"]
