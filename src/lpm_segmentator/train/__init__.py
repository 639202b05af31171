"""Training: subjects, synthetic training images, networks, export and evaluation.

==============  ================================================================================
``synthesis``   training images drawn from labelled Dixon pairs: anatomy, contrasts, acquisition
``compact``     the compact segmentation model: recipe, training, export, evaluation
``levels``      the level model: recipe, training of its two networks, evaluation
``nnunet``      an nnU-Net of one's own, trained by nnU-Net's code in a separate process
``draw``        the random numbers of one training sample
``network``     the U-Net of the compact model and the level model
``checkpoint``  resumable training, and the moving average of the weights
``export``      from a trained network to an ONNX file
==============  ================================================================================
"""
