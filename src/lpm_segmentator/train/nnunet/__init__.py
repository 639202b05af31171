"""Train an nnU-Net of one's own with nnU-Net's own code, from files to an installed model.

=============  =================================================================================
``cases``      which label map belongs to which image, and whether both can be trained on
``dataset``    the folder nnU-Net starts from, and the folds: no subject in two of them
``job``        the options of a training, and the process that does it
``worker``     that process: plans, preprocesses and trains; the only module that imports nnU-Net
``evaluate``   the models of the folds on the cases they have not seen
``run``        the steps in a row
=============  =================================================================================
"""

from __future__ import annotations
