"""From an MRI of the lower back to masks, numbers and a report of the paraspinal muscles."""

from __future__ import annotations

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("lpm-segmentator")
