"""Training: subjects, synthetic training images, networks, export and evaluation.

==============  ================================================================================
``synthesis``   training images drawn from labelled Dixon pairs: anatomy, contrasts, acquisition
``compact``     the compact segmentation model: recipe, training, export, evaluation
``levels``      the level model: recipe, training of its two networks, evaluation
``adapt``       a compact model, adapted to a few corrected cases
``nnunet``      an nnU-Net of one's own, trained by nnU-Net's code in a separate process
``draw``        the random numbers of one training sample
``network``     the U-Net of the compact model and the level model
``labelled``    subjects from names, folds, and checks of masks
``claim``       whether the folder and the name of a model are free for a training
``recipe``      reading and checking of recipes
``optimise``    loss, learning rate, update of the weights, and their moving average
``checkpoint``  the loop over the steps of a training, which can be resumed
``scores``      scores of trained models, as files and tables
``export``      from a trained network to an ONNX file
==============  ================================================================================
"""
