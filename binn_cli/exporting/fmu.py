"""FMUs of an exported surrogate: FMI 2 and 3 for co-simulation, compiled from its C version, with nothing that they
need at run time."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from binn_cli import __version__
from binn_cli.errors import BinnError
from binn_cli.models.scope import Scope

SOURCES = ("surrogate.h", "surrogate.c", "fmu.h", "fmu.c")
PARTS = ("mean", "std_epistemic", "std_total")
WHAT = {
    "mean": "predictive mean",
    "std_epistemic": "standard deviation of what the surrogate does not know",
    "std_total": "standard deviation of a new observation",
}
SYSTEMS = {
    "Linux": ("linux", "linux", ".so"),
    "Darwin": ("darwin", "darwin", ".dylib"),
    "Windows": ("win", "windows", ".dll"),
}
FLAGS = ("-std=c99", "-O3", "-shared", "-fPIC", "-fvisibility=hidden")


def write_fmus(directory: Path, scope: Scope, weights: Path) -> list[Path]:
    """Compile and pack `surrogate_fmi2.fmu` and `surrogate_fmi3.fmu`.

    Args:
        directory: where they are written.
        scope: names, units and ranges.
        weights: weights.bin.

    Raises:
        BinnError: if there is no C compiler, or it fails.
    """
    compiler = os.environ.get("CC") or next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    if compiler is None:
        raise BinnError(
            "an FMU is compiled, but there is no C compiler (cc, gcc or clang); install one, or name it with CC=…"
        )
    return [_packed(directory, scope, weights, version, compiler) for version in (2, 3)]


def source(name: str) -> str:
    """A file of the C version."""
    return (files("binn_cli.exporting") / "c" / name).read_text(encoding="utf-8")


def _packed(directory: Path, scope: Scope, weights: Path, version: int, compiler: str) -> Path:
    token = hashlib.sha256(weights.read_bytes() + str(version).encode()).hexdigest()
    token = f"{{{token[:8]}-{token[8:12]}-{token[12:16]}-{token[16:20]}-{token[20:32]}}}"
    sources = {name: source(name) for name in (*SOURCES, f"fmi{version}.c")} | {"fmu_start.h": _start(scope, token)}
    system, long_name, suffix = SYSTEMS[platform.system()]
    target = directory / f"surrogate_fmi{version}.fmu"
    with tempfile.TemporaryDirectory(prefix="binn-fmu-") as temporary:
        library = _compiled(Path(temporary), sources, compiler, suffix)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("modelDescription.xml", (_description2 if version == 2 else _description3)(scope, token))
            machine = platform.machine().lower().replace("amd64", "x86_64")
            folder = f"{system}64" if version == 2 else f"{machine}-{long_name}"
            archive.write(library, f"binaries/{folder}/surrogate{suffix}")
            archive.write(weights, "resources/weights.bin")
            for name, text in sources.items():
                archive.writestr(f"sources/{name}", text)
    return target


def _compiled(folder: Path, sources: Mapping[str, str], compiler: str, suffix: str) -> Path:
    for name, text in sources.items():
        (folder / name).write_text(text, encoding="utf-8")
    library = folder / f"surrogate{suffix}"
    command = [compiler, *FLAGS, *(name for name in sources if name.endswith(".c")), "-o", library.name, "-lm"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except OSError as error:
        raise BinnError(
            f"the C compiler {compiler} cannot be run ({error.strerror}); name another with CC=…"
        ) from error
    if done.returncode:
        raise BinnError(f"the C compiler {compiler} failed: {' '.join(done.stderr.split())[:300]}")
    return library


def middle(scope: Scope) -> list[float]:
    """Start values of the inputs: the middle of their training ranges, or the first of their choices."""
    known = np.isfinite(scope.low) & np.isfinite(scope.high)
    values = np.where(known, 0.5 * (scope.low + scope.high), 0.0)
    return [0.0 if name in scope.choices else float(value) for name, value in zip(scope.inputs, values, strict=True)]


def _start(scope: Scope, token: str) -> str:
    values = ", ".join(f"{value!r}" for value in middle(scope))
    return f'#define START {{{values}}}\n#define TOKEN "{token}"\n'


def _variables(scope: Scope) -> list[tuple[str, str, str, float | None]]:
    """Name, unit, description and start value of every variable, in the order of their references."""
    bounds = zip(scope.low, scope.high, strict=True)
    inputs = [
        (name, unit, f"input, learned from {low:g} to {high:g}", value)
        for name, unit, (low, high), value in zip(scope.inputs, scope.input_units, bounds, middle(scope), strict=True)
    ]
    outputs = [
        (f"{name}_{part}", unit, f"{WHAT[part]} of {name}", None)
        for name, unit in zip(scope.outputs, scope.output_units, strict=True)
        for part in PARTS
    ]
    return [*inputs, *outputs]


def _units(scope: Scope) -> str:
    units = dict.fromkeys(unit for unit in (*scope.input_units, *scope.output_units) if unit)
    return (
        f"<UnitDefinitions>{''.join(f'<Unit name={quoteattr(unit)}/>' for unit in units)}</UnitDefinitions>"
        if units
        else ""
    )


def _description2(scope: Scope, token: str) -> str:
    variables, inputs = _variables(scope), len(scope.inputs)
    lines = []
    for reference, (name, unit, what, value) in enumerate(variables):
        causality = 'causality="input"' if value is not None else 'causality="output" initial="calculated"'
        start = "" if value is None else f' start="{value!r}"'
        own = f" unit={quoteattr(unit)}" if unit else ""
        head = (
            f'<ScalarVariable name={quoteattr(name)} valueReference="{reference}" {causality} '
            f"description={quoteattr(what)}"
        )
        lines.append(f'{head} variability="continuous"><Real{start}{own}/></ScalarVariable>')
    unknowns = "".join(f'<Unknown index="{k + 1}"/>' for k in range(inputs, len(variables)))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<fmiModelDescription fmiVersion="2.0" modelName="surrogate" guid="{token}" generationTool="binn {__version__}"
  variableNamingConvention="flat">
<CoSimulation modelIdentifier="surrogate" canHandleVariableCommunicationStepSize="true"/>
{_units(scope)}
<DefaultExperiment startTime="0" stopTime="1" stepSize="0.1"/>
<ModelVariables>
{chr(10).join(lines)}
</ModelVariables>
<ModelStructure><Outputs>{unknowns}</Outputs><InitialUnknowns>{unknowns}</InitialUnknowns></ModelStructure>
</fmiModelDescription>
"""


def _description3(scope: Scope, token: str) -> str:
    variables, inputs = _variables(scope), len(scope.inputs)
    lines = []
    for reference, (name, unit, what, value) in enumerate(variables):
        causality = 'causality="input"' if value is not None else 'causality="output" initial="calculated"'
        start = "" if value is None else f' start="{value!r}"'
        own = f" unit={quoteattr(unit)}" if unit else ""
        head = f'<Float64 name={quoteattr(name)} valueReference="{reference}" {causality} description={quoteattr(what)}'
        lines.append(f'{head} variability="continuous"{start}{own}/>')
    lines.append(
        f'<Float64 name="time" valueReference="{len(variables)}" causality="independent" variability="continuous"/>'
    )
    outputs = "".join(f'<Output valueReference="{k}"/>' for k in range(inputs, len(variables)))
    unknowns = "".join(f'<InitialUnknown valueReference="{k}"/>' for k in range(inputs, len(variables)))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<fmiModelDescription fmiVersion="3.0" modelName="surrogate" instantiationToken="{token}"
    generationTool="binn {__version__}"
  variableNamingConvention="flat">
<CoSimulation modelIdentifier="surrogate" canHandleVariableCommunicationStepSize="true"/>
{_units(scope)}
<DefaultExperiment startTime="0" stopTime="1" stepSize="0.1"/>
<ModelVariables>
{chr(10).join(lines)}
</ModelVariables>
<ModelStructure>{outputs}{unknowns}</ModelStructure>
</fmiModelDescription>
"""
