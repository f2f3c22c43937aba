"""Linear algebra on one thread, so that a suggestion depends on nothing but what it is made from."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager[object]:
    """Within it numpy's and scipy's products run on the calling thread.

    On several threads sums are rounded in another order, and matrices of some hundred rows take longer: a suggestion
    after 1,000 trials 155 ms on two threads of one core and 37 ms on one (``python -m tests.benchmarks.suggestion``).
    """
    limit: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limit


@functools.cache
def _controller() -> ThreadpoolController:
    """Made at the first suggestion: it knows the libraries that are loaded by then, and looking takes milliseconds."""
    return ThreadpoolController()
