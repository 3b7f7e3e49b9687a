"""Sums of products of vectors as trains of small ranks, exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from binn_cli.models.galerkin.train import Core


def summed(coefficients: Sequence[float], terms: Sequence[Sequence[np.ndarray]]) -> list[Core]:
    """A sum of products of vectors as a train of small ranks, exactly.

    Where two beginnings of terms have the same endings, they share a state, as in a finite automaton that is made
    minimal: then the Laplacian has the rank 2. Singular values would drown what is small in the round-off of what is
    large, and the entries of stiffness matrices and boundary terms differ by many orders.
    """
    words, alphabets = _spelt(terms)
    states: list[dict[tuple[int, ...], float]] = [{}]
    for word, coefficient in zip(words, coefficients, strict=True):
        states[0][word] = states[0].get(word, 0.0) + coefficient
    cores = []
    for alphabet in alphabets:
        known: dict[tuple[tuple[tuple[int, ...], float], ...], int] = {}
        following: list[dict[tuple[int, ...], float]] = []
        steps = []
        for state, endings in enumerate(states):
            for letter in sorted({word[0] for word in endings}):
                left = {word[1:]: value for word, value in endings.items() if word[0] == letter}
                scale = left[min(left)]
                scaled = {word: value / scale for word, value in left.items()}
                key = tuple(sorted(scaled.items()))
                if key not in known:
                    known[key] = len(following)
                    following.append(scaled)
                steps.append((state, letter, known[key], scale))
        core = np.zeros((len(states), alphabet.shape[1], len(following)))
        for state, letter, after, scale in steps:
            core[state, :, after] += scale * alphabet[letter]
        cores.append(core)
        states = following
    return cores


def _spelt(terms: Sequence[Sequence[np.ndarray]]) -> tuple[list[tuple[int, ...]], list[np.ndarray]]:
    """Every term as a word whose letters number the different vectors of each dimension."""
    words: list[list[int]] = [[] for _ in terms]
    alphabets = []
    for dimension in range(len(terms[0])):
        known: dict[bytes, int] = {}
        different: list[np.ndarray] = []
        for word, term in zip(words, terms, strict=True):
            key = np.ascontiguousarray(term[dimension]).tobytes()
            if key not in known:
                known[key] = len(different)
                different.append(term[dimension])
            word.append(known[key])
        alphabets.append(np.stack(different))
    return [tuple(word) for word in words], alphabets
