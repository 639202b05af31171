"""``python -m lpm_segmentator`` is ``lpm``."""

from __future__ import annotations

from lpm_segmentator.cli.main import main

if __name__ == "__main__":
    main()
