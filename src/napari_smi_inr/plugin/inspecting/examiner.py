"""Looking at one place of a fit after another."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...acquisition import Acquisition, Shell, voxel_gradients
from ...inr.voxel_points import voxel_offsets
from ...parameters import FOD, SCALARS
from ...sampling.coordinates import voxel_to_world
from ...signal_model.around_axis import main_axis, powder_average, range_at_angles, response, signal_at_angles
from ...signal_model.noise import rician_mean
from ...signal_model.spherical_harmonics import lmax_of
from ...signal_model.standard_model import predict_signal
from .evidence import ANGLES, AgainstAngle, AgainstB, Evidence, Question, Volumes
from .measurements import Measurements, Voxel, nearest_voxel
from .subject import Subject

if TYPE_CHECKING:
    from ...estimation.estimate import Estimate

_QUICK = 0.012
"""Seconds an answer may take to be worked out where it is asked."""

_B_STEPS = 48
_BEYOND = 1.03  # curves reach a little past the strongest shell
_COSINES = np.cos(np.radians(ANGLES))


class Examiner:
    """Answers questions one after another, and remembers what the next one is likely to need."""

    def __init__(self) -> None:
        self._subject: Subject | None = None
        self._noise: tuple[Voxel, tuple[float, str] | None] | None = None
        self._seconds = np.inf

    def is_quick(self, question: Question) -> bool:
        """Whether the answer is likely to take no longer than a few milliseconds, going by the one before."""
        return self._is_about(question) and self._seconds < _QUICK

    def answer(self, question: Question) -> Evidence:
        """Look at one place; not to be called from two threads at once."""
        started = time.thread_time()
        evidence = self._examine(question)
        self._seconds = time.thread_time() - started
        return evidence

    def _examine(self, question: Question) -> Evidence:
        subject = self._subject_of(question)
        field, point = subject.field, np.asarray(question.point, dtype=np.float64)
        voxel = nearest_voxel(field.affine, field.mask.shape, point)
        if voxel is None:
            return Evidence(subject, point, None, "outside the scan", False, {}, np.zeros(3))
        centres = _points_of(field, voxel)
        values = field.evaluate(np.concatenate([point[None], centres]))
        here, fod = {symbol: float(values[symbol][0]) for symbol in SCALARS}, np.asarray(values[FOD][0], np.float64)
        axis = main_axis(fod)
        place, trusted = _place(subject, point, voxel)
        return Evidence(
            subject=subject,
            point=point,
            voxel=voxel,
            place=place,
            trusted=trusted,
            values=here,
            axis=axis,
            against_b=_against_b(subject, here, fod, axis),
            against_angle=_against_angle(_chosen(subject, question.shell), here, fod, axis),
            volumes=self._volumes(subject, voxel, {key: column[1:] for key, column in values.items()}, axis),
        )

    def _subject_of(self, question: Question) -> Subject:
        if self._subject is None or not self._is_about(question):
            self._subject, self._noise = Subject(question.field, question.measurements), None
        return self._subject

    def _is_about(self, question: Question) -> bool:
        kept = self._subject
        return kept is not None and kept.field is question.field and kept.measurements is question.measurements

    def _volumes(
        self, subject: Subject, voxel: Voxel, values: dict[str, NDArray[np.float32]], axis: NDArray[np.float64]
    ) -> Volumes | None:
        scan = subject.measurements
        there = None if scan is None else scan.voxel_at(voxel_to_world(subject.field.affine, np.array(voxel)))
        if scan is None or there is None:
            return None
        if self._noise is None or self._noise[0] != voxel:
            self._noise = voxel, subject.noise_at(voxel, there)
        sigma, source = self._noise[1] or (None, "unknown")
        deviation = _deviation(scan, there)
        b, b_delta, directions = _as_seen(subject.acquisition, deviation)
        return Volumes(
            b=b,
            b_delta=b_delta,
            angle=_angles(directions, axis),
            measured=np.asarray(scan.signal[there], dtype=np.float64),
            predicted=_predicted(subject.field, values, deviation, sigma),
            sigma=sigma,
            sigma_source=source,
        )


def _points_of(field: Estimate, voxel: Voxel) -> NDArray[np.float64]:
    """(K, 3) points whose tissue makes the signal of a voxel [RAS mm]."""
    average = bool(getattr(field.config, "voxel_average", False))
    return np.asarray(voxel_to_world(field.affine, np.array(voxel)) + voxel_offsets(field.affine, average))


def _place(subject: Subject, point: NDArray[np.float64], voxel: Voxel) -> tuple[str, bool]:
    inside, fitted = bool(subject.inside(point[None])[0]), bool(subject.field.mask[voxel])
    if inside:
        return ("inside mask" if fitted else "at mask edge"), True
    return ("just outside mask" if fitted else "outside mask"), False


def _chosen(subject: Subject, shell: int | None) -> list[Shell]:
    if shell is None or shell >= len(subject.shells):
        return [shape.strongest for shape in subject.shapes]
    return [subject.shells[shell]]


def _against_b(
    subject: Subject, values: dict[str, float], fod: NDArray[np.float64], axis: NDArray[np.float64]
) -> tuple[AgainstB, ...]:
    """One curve a shape; the fibre response of all of them is found at once."""
    shapes = subject.shapes
    b = np.concatenate([np.linspace(0.0, _BEYOND * shape.strongest.b, _B_STEPS) for shape in shapes])
    responses = response(values, b, np.repeat([shape.b_delta for shape in shapes], _B_STEPS), lmax_of(len(fod)))
    powder, ends = powder_average(responses, fod), signal_at_angles(responses, fod, axis, (1.0, 0.0))
    parts = [slice(n * _B_STEPS, (n + 1) * _B_STEPS) for n in range(len(shapes))]
    return tuple(AgainstB(b[part], powder[part], ends[part, 0], ends[part, 1]) for part in parts)


def _against_angle(
    shells: list[Shell], values: dict[str, float], fod: NDArray[np.float64], axis: NDArray[np.float64]
) -> tuple[AgainstAngle, ...]:
    responses = response(values, [s.b for s in shells], [s.b_delta for s in shells], lmax_of(len(fod)))
    mean = signal_at_angles(responses, fod, axis, _COSINES)
    low, high = range_at_angles(responses, fod, axis, _COSINES)
    return tuple(AgainstAngle(shell, *curves) for shell, *curves in zip(shells, mean, low, high, strict=True))


def _deviation(scan: Measurements, there: Voxel) -> NDArray[np.float64] | None:
    """(1, 3, 3) gradient deviation of a voxel, where one is known."""
    if scan.deviation is None:
        return None
    found = np.asarray(scan.deviation[there], dtype=np.float64)[None]
    return found if np.isfinite(found).all() else None


def _as_seen(
    acquisition: Acquisition, deviation: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    if deviation is None:
        return acquisition.b, acquisition.b_delta, acquisition.directions
    seen = voxel_gradients(acquisition, deviation)
    undirected = ~np.any(acquisition.directions != 0, axis=1, keepdims=True)
    return seen.b[0], seen.b_delta[0], np.where(undirected, 0.0, seen.directions[0])


def _angles(directions: NDArray[np.float64], axis: NDArray[np.float64]) -> NDArray[np.float64]:
    angle = np.degrees(np.arccos(np.clip(np.abs(directions @ axis), 0.0, 1.0)))
    return np.where(np.any(directions != 0, axis=1), angle, np.nan)


def _predicted(
    field: Estimate,
    values: dict[str, NDArray[np.float32]],
    deviation: NDArray[np.float64] | None,
    sigma: float | None,
) -> NDArray[np.float64]:
    """(V,) what the fit expects the scanner to have measured, the Rician bias included if it was fitted with that."""
    scalars = {symbol: values[symbol] for symbol in SCALARS}
    everywhere = None if deviation is None else np.repeat(deviation, len(values[FOD]), axis=0)
    signal = predict_signal(scalars, values[FOD], field.acquisition, everywhere).mean(axis=0)
    if sigma is not None and getattr(field.config, "loss", "") == "rician":
        return rician_mean(np.maximum(signal, 0.0), sigma)
    return np.asarray(signal)
