"""Train an nnU-Net of one's own with nnU-Net's code, from files to an installed model.

==============  ================================================================================
``cases``       pairs of images and label maps, checked before training
``dataset``     nnU-Net's raw dataset, and folds that separate subjects
``job``         the options of a training, and the process that runs it
``worker``      that process: plans, preprocesses, trains; the only module that imports nnU-Net
``evaluation``  scores of each fold's model on its held-out cases
``run``         all steps
==============  ================================================================================
"""

from __future__ import annotations
