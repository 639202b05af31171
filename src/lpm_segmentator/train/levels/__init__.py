"""Train the level model.

===============  ===============================================================================
``config``       the settings of both trainings
``recipe``       the YAML file that states settings and description
``subjects``     labelled sagittal volumes, and their folds
``acquisition``  contrast and slice thickness of the samples
``samples``      training planes of the network that marks discs
``patches``      training patches of the network that names and centres discs
``marking``      training of the first network
``naming``       training of the second network
``evaluation``   scores of a model on labelled volumes
``run``          all steps of a recipe, with cross-validation
===============  ===============================================================================
"""
