"""nnU-Net models, versions 1 and 2: read without running their code, run without their package.

ITK's z-y-x axis order and nnU-Net's own vocabulary (plans, folds, configurations) stay inside this
sub-package; the rest of the program sees a :class:`~lpm_segmentator.segment.predictor.Predictor`.

==================  ==============================================================================
``unpickle``        pickles as data: a short list of names, everything else is refused
``checkpoint``      torch checkpoints, tensors only
``plans_v1/_v2``    plans of either version → :class:`~.spec.ModelSpec`
``source``          a folder as nnU-Net leaves it → :class:`~.bundle.NnUnetModel`
``bundle``          the same in this package's own files (JSON and plain arrays)
``network``         the U-Net, built from a :class:`~.spec.NetworkSpec` (torch)
``engine``          what runs the network: torch, OpenVINO or onnxruntime
``resample``        the resizing both versions use
``preprocess``      image → network input
``sliding``         tiles, weights, sums
``export``          class scores → labels on the image's grid
``predictor``       the steps in a row
==================  ==============================================================================
"""

from __future__ import annotations
