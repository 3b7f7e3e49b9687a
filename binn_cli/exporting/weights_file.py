"""The file weights.bin, which holds the named arrays for the evaluator in C: no library is needed to read it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

MAGIC, FORMAT = b"BINNEVAL", 1
LONGEST_NAME = 90


def write_weights(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays of numbers (as doubles) and of texts, little-endian, one after the other.

    Each is: length of its name (int64) and the name; `d` or `s`; number of dimensions and their lengths (int64); then
        its
    doubles in C order, or the number of bytes (int64) of its texts and these, each ended by a zero.
    """
    with open(path, "wb") as file:
        file.write(MAGIC + struct.pack("<qq", FORMAT, len(arrays)))
        for name, array in arrays.items():
            encoded = name.encode()
            assert len(encoded) < LONGEST_NAME
            is_text = array.dtype.kind in "US"
            file.write(struct.pack("<q", len(encoded)) + encoded + (b"s" if is_text else b"d"))
            file.write(struct.pack(f"<q{array.ndim}q", array.ndim, *array.shape))
            if is_text:
                texts = b"".join(str(text).replace("\0", "").encode() + b"\0" for text in array.ravel())
                file.write(struct.pack("<q", len(texts)) + texts)
            else:
                file.write(np.ascontiguousarray(array, dtype="<f8").tobytes())
