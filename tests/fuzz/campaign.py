"""Damaged files read one after the other in a process of its own, under a limit of time and memory for each."""

import gzip
import multiprocessing
import resource
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from napari_smi_inr.errors import InputError

from .kinds import KINDS, judge, make
from .mutations import mutate

SECONDS = 5.0
"""For one file of a few kB, which takes some milliseconds."""
MEGABYTES = 256
"""More than the process needs to read the sound files."""

OUTCOMES = {
    "refused": "refused with InputError",
    "equal": "loaded equal",
    "voxels": "different: numbers of voxels",
    "text": "different: numbers of a text",
    "lone": "different: scaling or type, said once",
    "plausible": "wrong but plausible",
    "crashed": "crashed",
    "hung": "hung",
    "memory": "over memory",
}
FATAL = ("plausible", "crashed", "hung", "memory")


@dataclass
class Result:
    """Outcomes by kind, and what was fatal."""

    counts: dict = field(default_factory=lambda: {kind.name: Counter() for kind in KINDS})
    findings: list = field(default_factory=list)

    def add(self, kind, case, outcome, told):
        self.counts[kind.name][outcome] += 1
        if outcome in FATAL:
            self.findings.append((kind.name, case, outcome, told))


def damaged_file(kind_index, case, seed, sound):
    """The file of a case: the same for ever."""
    kind = KINDS[kind_index]
    return mutate(np.random.default_rng([seed, kind_index, case]), sound[kind.file], kind.form)


def run(kind_index, cases, seed, result):
    """Read the files of some cases; a process that dies or hangs is replaced by another."""
    cases, kind = list(cases), KINDS[kind_index]
    context = multiprocessing.get_context("fork")
    while cases:
        here, there = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(kind_index, cases, seed, there), daemon=True)
        worker.start()
        there.close()
        outcome = _listen(here, cases, kind, result)
        if outcome:
            result.add(kind, cases.pop(0), *outcome)
        worker.kill()
        worker.join()


def _listen(pipe, cases, kind, result):
    """Note outcomes as they come; what a file did that ended the process otherwise."""
    patience = 60.0  # the first needs time to write the sound files
    while cases:
        if not pipe.poll(patience):
            return "hung", ""
        try:
            outcome, told = pipe.recv()
        except EOFError:
            return "crashed", "the process died"
        if outcome != "ready":
            result.add(kind, cases.pop(0), outcome, told)
        patience = SECONDS
    return None


def _work(kind_index, cases, seed, pipe):
    kind = KINDS[kind_index]
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        before = (folder / kind.file).read_bytes()
        sound = kind.read(folder)
        _limit_memory()
        pipe.send(("ready", ""))
        for case in cases:
            damaged = damaged_file(kind_index, case, seed, {kind.file: before})
            (folder / kind.file).write_bytes(damaged)
            pipe.send(_outcome(kind, folder, before, damaged, sound))


def _limit_memory():
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEGABYTES * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _outcome(kind, folder, before, damaged, sound):
    def reread(raw):
        (folder / kind.file).write_bytes(gzip.compress(raw, 1) if kind.form == "nii.gz" else raw)
        return kind.read(folder)

    try:
        return judge(kind, before, damaged, kind.read(folder), sound, reread), ""
    except InputError as error:
        if _ran_out(error):
            return "memory", str(error)
        return ("refused", "") if folder.name in error.where or "kept" in error.where else ("crashed", repr(error))
    except MemoryError as error:
        return "memory", repr(error)
    except BaseException as error:
        return "crashed", repr(error)


def _ran_out(error):
    """Whether a refusal hides that memory ran out."""
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False
