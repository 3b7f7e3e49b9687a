"""Which kind a file is, found by its first bytes rather than its name, and why it cannot be read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from binn_cli.errors import DataError

HDF5 = b"\x89HDF\r\n\x1a\n"
NETCDF3 = (b"CDF\x01", b"CDF\x02", b"CDF\x05")
PARQUET, NPY, ZIP = b"PAR1", b"\x93NUMPY", (b"PK\x03\x04", b"PK\x05\x06")
COMPRESSED: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
NAMED_FOR_BINARY = {
    **dict.fromkeys((".h5", ".hdf5", ".he5", ".hdf"), "an HDF5 file"),
    **dict.fromkeys((".nc", ".nc4", ".cdf", ".netcdf"), "a NetCDF file"),
    **dict.fromkeys((".parquet", ".pq"), "a Parquet file"),
    **dict.fromkeys((".npz", ".zip"), "a zip archive"),
    **dict.fromkeys((".npy",), "an array of NumPy"),
    **dict.fromkeys((".gz",), "compressed by gzip"),
    **dict.fromkeys((".bz2",), "compressed by bzip2"),
    **dict.fromkeys((".xz",), "compressed by xz"),
}
"""What a file should be by its ending, where it is not text."""
ELSEWHERE = {
    b"\xd0\xcf\x11\xe0": "an Excel workbook (xls) or another file of Microsoft Office; save the sheet as CSV",
    b"MATLAB 5.0": 'a MAT-file of version 5; save it with -v7.3 ("save file.mat -v7.3"), which is HDF5, or as CSV',
    b"\x80\x04": "a pickle, which could run any program while it is read and so is never opened; save the table as "
    "CSV, HDF5 or Parquet",
    b"\x80\x05": "a pickle, which could run any program while it is read and so is never opened; save the table as "
    "CSV, HDF5 or Parquet",
    b"\x28\xb5\x2f\xfd": "compressed by Zstandard; unpack it (zstd -d), or compress it by gzip",
    b"\x04\x22\x4d\x18": "compressed by LZ4; unpack it (lz4 -d), or compress it by gzip",
    b"\x1f\x9d": "compressed by compress; unpack it (uncompress)",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it and name the file",
    b"Rar!": "a RAR archive; unpack it and name the file",
    b"# vtk DataFile": "a mesh of VTK; a folder of such files is read by dataset=snapshots",
    b"<?xml": "an XML file; if it is a mesh, a folder of such files is read by dataset=snapshots",
    b"<VTKFile": "a mesh of VTK; a folder of such files is read by dataset=snapshots",
    b"#!TDV": "a binary Tecplot file; export the zone as CSV",
    **dict.fromkeys((b"TITLE =", b"TITLE=", b"VARIABLES =", b"VARIABLES="), "a Tecplot file; export the zone as CSV"),
    b"ARROW1": "an Arrow or Feather file; save the table as Parquet",
    b"SQLite format 3": "an SQLite database; export the table as CSV",
    b"%PDF": "a PDF document; save the table as CSV",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself; fetch that with git lfs pull",
    **dict.fromkeys(
        (b"<html", b"<HTML", b"<!doctype", b"<!DOCTYPE"),
        "a web page, perhaps what a server said in place of the file; download it again",
    ),
    **dict.fromkeys((b'{"', b"{\n", b"[{", b"[\n"), "JSON; save the table as CSV"),
}
"""What a file that is never read may be, by its first bytes, and what to do."""


def kind_of(path: Path) -> str:
    """One of `hdf5`, `netcdf3`, `parquet`, `npy`, `npz` and `text`; a compressed text is a text.

    Raises:
        DataError: if there is no such file, it cannot be opened, is empty, or is of another kind.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder, not a file; a folder of simulations is read by dataset=snapshots")
    with reported(path), path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise DataError(f"{path}: is empty: it has no byte")
    if head.startswith(PARQUET) and _is_no_text(head[len(PARQUET) :]):
        return "parquet"
    for magic, kind in ((HDF5, "hdf5"), (NPY, "npy"), *((magic, "netcdf3") for magic in NETCDF3)):
        if head.startswith(magic):
            return kind
    if head.startswith(ZIP):
        return _kind_of_zip(path)
    for magic, what in ELSEWHERE.items():
        if head.startswith(magic):
            raise DataError(f"{path}: is {what}")
    if head[257:262] == b"ustar":
        raise DataError(f"{path}: is a tar archive; unpack it and name the file")
    # An HDF5 file may begin with a block of the user's own, as MAT-files of version 7.3 do.
    if _has_hdf5_behind(path):
        return "hdf5"
    expected = NAMED_FOR_BINARY.get(path.suffix.lower())
    if expected and not any(head.startswith(magic) for magic in COMPRESSED):
        raise DataError(
            f"{path}: is not {expected}, as its name says: it begins with {head[:12]!r}; write or copy it again"
        )
    return "text"


def _is_no_text(head: bytes) -> bool:
    """Whether there are bytes that no text has; a name such as PAR1 may also begin a table."""
    return any(byte < 32 and byte not in b"\t\r\n\f" for byte in head)


def _has_hdf5_behind(path: Path) -> bool:
    with path.open("rb") as file:
        for offset in (512, 1024, 2048):
            file.seek(offset)
            if file.read(8) == HDF5:
                return True
    return False


def _kind_of_zip(path: Path) -> str:
    members = _members(path)
    if "[Content_Types].xml" in members:
        raise DataError(f"{path}: is an Excel workbook; save the sheet as CSV")
    if members and all(name.endswith(".npy") for name in members):
        return "npz"
    if len(members) != 1:
        listed = ", ".join(members[:5]) + (" …" if len(members) > 5 else "")
        raise DataError(
            f"{path}: holds {len(members)} files ({listed}); a zip must hold one table: unpack it and name the file"
        )
    return "text"


def _members(path: Path) -> list[str]:
    with reported(path), zipfile.ZipFile(path) as archive:
        return [
            name
            for name in archive.namelist()
            if not name.endswith("/") and not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
        ]


def require_text(path: Path, head: bytes) -> None:
    """Raise where what a compressed file holds is no text, but a file of another kind.

    Args:
        path: the file.
        head: the first bytes of what is within.

    Raises:
        DataError: saying what it is.
    """
    if not is_compressed(path):
        return
    kinds = {
        HDF5: "an HDF5 file",
        NPY: "an array of NumPy",
        **dict.fromkeys(NETCDF3, "a NetCDF file"),
        **dict.fromkeys(ZIP, "a zip"),
        **dict.fromkeys(COMPRESSED, "another compressed file"),
    }
    found = next((what for magic, what in kinds.items() if head.startswith(magic)), "")
    if head.startswith(PARQUET) and _is_no_text(head[len(PARQUET) :]):
        found = "a Parquet file"
    if head[257:262] == b"ustar":
        found = "a tar archive"
    if found:
        raise DataError(f"{path}: holds {found}; unpack it and name the file")
    for magic, what in ELSEWHERE.items():
        if head.startswith(magic):
            raise DataError(f"{path}: holds what is {what}")


def is_compressed(path: Path) -> bool:
    """Whether a text is compressed."""
    with path.open("rb") as file:
        head = file.read(6)
    return head.startswith((*ZIP, *COMPRESSED))


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, decompressed if it is compressed by gzip, bzip2, xz or zip.

    Raises:
        DataError: if it cannot be opened.
    """
    with reported(path):
        with path.open("rb") as file:
            head = file.read(6)
        if head.startswith(ZIP):
            with zipfile.ZipFile(path) as archive, archive.open(_members(path)[0]) as member:
                yield member
            return
        for magic, decompressed in COMPRESSED.items():
            if head.startswith(magic):
                with decompressed(path) as stream:
                    yield stream
                return
        with path.open("rb") as file:
            yield file


@contextmanager
def reported(path: Path) -> Iterator[None]:
    """Turn what the system or a library says of a file that cannot be read into a sentence."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except PermissionError as error:
        raise DataError(f"{path}: there is no permission to read it; change its permissions, or copy it") from error
    except BlockingIOError as error:
        raise DataError(
            f"{path}: is locked by another program; wait until that has closed it, or read a copy"
        ) from error
    except (EOFError, lzma.LZMAError) as error:
        raise DataError(f"{path}: is cut short within its compressed data ({error}); write or copy it again") from error
    except zipfile.BadZipFile as error:
        raise DataError(
            f"{path}: is a zip that is cut short or was changed ({error}); write or copy it again"
        ) from error
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise DataError(f"{path}: its compressed data were changed ({error}); write or copy it again") from error
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
