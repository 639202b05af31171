"""Sample cases: a real Dixon pair with its manual mask, and a synthetic phantom."""

from __future__ import annotations

from lpm_segmentator.samples.phantom import Phantom, make_phantom, phantom_sample
from lpm_segmentator.samples.real import real_sample
from lpm_segmentator.samples.sample import Sample

__all__ = ["Phantom", "Sample", "make_phantom", "phantom_sample", "real_sample"]
