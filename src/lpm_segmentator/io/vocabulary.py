"""The words of file names: keys of BIDS, contrasts, and usual names of series."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from lpm_segmentator.core.contrast import Contrast

# fmt: off
#: keys of BIDS 1.11 that raw images and derivatives of them may have
BIDS_KEYS = frozenset({
    "sub", "ses", "task", "acq", "ce", "trc", "stain", "rec", "dir", "run", "mod", "echo",
    "flip", "inv", "mt", "part", "recording", "split", "hemi", "space", "res", "den", "label",
    "seg", "desc", "chunk", "tracksys", "nuc", "voi", "atlas", "scale", "cohort", "from", "to",
    "mode", "hash",
})
# fmt: on
#: entities that say what was done to an image, not which image it was
DERIVED_KEYS = frozenset({"desc", "label", "seg", "space", "res", "den", "atlas", "hash"})

LABEL_TOKENS = frozenset({"dseg", "label", "labels", "levels", "mask", "seg", "segmentation"})
#: parts of a file name that say what kind of file it is, not whose it is
KIND_TOKENS = LABEL_TOKENS | {"image", "img", "manual", "edited", "reference", "water", "fat"}

#: tokens that state a contrast by themselves
CONTRASTS: Mapping[str, Contrast] = MappingProxyType(
    {
        "t1": Contrast.T1W,
        "t1w": Contrast.T1W,
        "t2": Contrast.T2W,
        "t2w": Contrast.T2W,
        "water": Contrast.WATER,
        "fat": Contrast.FAT,
        "inphase": Contrast.IN_PHASE,
        "ip": Contrast.IN_PHASE,
        "opphase": Contrast.OPPOSED_PHASE,
        "outphase": Contrast.OPPOSED_PHASE,
        "opposedphase": Contrast.OPPOSED_PHASE,
        "opp": Contrast.OPPOSED_PHASE,
        "oop": Contrast.OPPOSED_PHASE,
        "fatfraction": Contrast.FAT_FRACTION,
        "fatfrac": Contrast.FAT_FRACTION,
        "ff": Contrast.FAT_FRACTION,
        "pdff": Contrast.FAT_FRACTION,
    }
)
#: letters that halves of Dixon pairs are called by, between underscores only
LETTERS: Mapping[str, Contrast] = MappingProxyType({"w": Contrast.WATER, "f": Contrast.FAT})
#: what a following word makes of "fat" or "water": a suppression or another image
AFTER_FAT = frozenset(
    ["sat", "saturated", "saturation", "sup", "supp", "suppressed", "suppression", "sep", "nulled"]
)
AFTER_WATER = frozenset(
    ["sat", "saturated", "sup", "suppressed", "excitation", "excited", "exc", "only"]
)
PHASE = {"in": Contrast.IN_PHASE, "opp": Contrast.OPPOSED_PHASE, "out": Contrast.OPPOSED_PHASE,
          "op": Contrast.OPPOSED_PHASE, "opposed": Contrast.OPPOSED_PHASE}  # fmt: skip
#: sequences whose images are no halves of a Dixon pair: beside them a letter W or F is another's
NO_DIXON_LETTER = frozenset({"t1", "t1w", "t2", "t2w", "pd", "pdw", "stir", "tirm", "flair"})
#: sequences that separate water and fat: beside them a letter means one of the two
DIXON_SEQUENCES = frozenset({"dixon", "mdixon", "qdixon", "ideal", "lava", "flex", "dixonvibe"})

#: parts of a file name that say which image of a subject it is, not of whom
SERIES_TOKEN = re.compile(
    r"acq|ax|axial|axt[12]w?|back|cor|coronal|dixon|fat|fatsat|flair|flex|frfse|fs|fse|haste|ideal"
    r"|images?|img|in|iso|label|labels|lava|levels|loc|locali[sz]er\d*|lspine|lumbar|lwk|lws|manual|mask"
    r"|mdixon|mr|mri|muscles?|obl|oblique|ophase|opp|out|para|paracor|parasag|pdw?|phase|plane|run"
    r"|sag|sagittal|sat|scout\d*|se|seg|segmentation|series\d*|space|spair|spine|spinecho|spir"
    r"|stack\d*|stir|sup|survey|t[12]w?|tirm|tra|trans|transversal|transverse|tse|vibe|water|[wf]"
    r"|[23]d|\d{1,2}mm|dseg"
)
#: what may follow a series token and still belong to the series: a number or a letter
SERIES_NUMBER = re.compile(r"\d{1,4}|[a-z]")
#: a range or single level, as `L4-L5`, which is split into two tokens
LEVEL = re.compile(r"(t1[0-2]|th1[0-2]|l[1-6]|s[12])")
