"""Train the compact segmentation model.

=================  =============================================================================
``config``         the settings of a training run
``recipe``         the YAML file that names subjects, settings and model
``data``           the files that a recipe names, read into memory
``pseudo_labels``  unlabelled water images as subjects, labelled by a trained model
``warm_start``     weights of an exported model as the start of a training
``training``       the training loop
``evaluation``     scores of a model on labelled images
``run``            all steps of a recipe
=================  =============================================================================
"""
