"""nnU-Net models, versions 1 and 2: read without running their code, run without their package.

ITK's z-y-x axis order and nnU-Net's own vocabulary (plans, folds, configurations) stay inside this
sub-package; the rest of the program sees a :class:`~lpm_segmentator.segment.predictor.Predictor`.

==================  ==============================================================================
``unpickle``        pickles as data: only listed names are allowed
``checkpoint``      torch checkpoints, tensors only
``plans_v1/_v2``    plans of either version → :class:`~.spec.ModelSpec`
``reader``          the axes in which nnU-Net's image readers pass an image
``source``          a folder as nnU-Net writes it → :class:`~.bundle.NnUnetModel`
``bundle``          the same in this package's own files (JSON and plain arrays)
``shapes``          the weights that a network must have
``engine``          the network on the CPU (OpenVINO)
``resample``        the resampling that both versions use
``preprocess``      image → network input
``sliding``         tiles and their weighted average
``tile_skipping``   fewer tiles, in fast mode
``export``          class scores → labels on the image's grid
``labels``          the model's labels → this package's
``predictor``       these steps in order
==================  ==============================================================================
"""

from __future__ import annotations
