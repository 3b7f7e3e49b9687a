"""Blocks on all cores at once, for surrogates that use only one."""

from __future__ import annotations

import copy
import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import Any, TypeVar

from binn_cli.cores import available_cores

Block = TypeVar("Block")
Answer = TypeVar("Answer")

ONE_CORE = "binn_cli.models.binn.fitted"
"""The module of surrogates that work on one core; the others are compiled by JAX, which uses all."""


def on_all_cores(surrogate: Any, answer: Callable[[Any, Block], Answer], blocks: Iterable[Block]) -> Iterator[Answer]:
    """The answers in the order of the blocks, one or two blocks ahead.

    Every thread has a copy of the surrogate, which may remember what it was asked last.

    Args:
        surrogate: the surrogate.
        answer: what it is asked about a block.
        blocks: read only so far ahead as there are threads.
    """
    workers, remaining = available_cores() if _uses_one_core(surrogate) else 1, iter(blocks)
    first = list(islice(remaining, 2))
    if workers == 1 or len(first) < 2:
        yield from (answer(surrogate, block) for block in chain(first, remaining))
        return
    free: queue.SimpleQueue[Any] = queue.SimpleQueue()
    # Before any thread begins: a surrogate that is asked meanwhile cannot be copied.
    for own in (surrogate, *(copy.deepcopy(surrogate) for _ in range(workers - 1))):
        free.put(own)

    def asked(block: Block) -> Answer:
        own = free.get()
        try:
            return answer(own, block)
        finally:
            free.put(own)

    with ThreadPoolExecutor(workers, "predict") as pool:
        waiting: deque[Future[Answer]] = deque()
        for block in chain(first, remaining):
            waiting.append(pool.submit(asked, block))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _uses_one_core(surrogate: Any) -> bool:
    return type(getattr(surrogate, "inner", surrogate)).__module__ == ONE_CORE
