"""Adapt the embedded model, or another compact one, to a few corrected cases.

==============  ================================================================================
``config``      the settings of an adaptation
``cases``       corrected cases, and the checks before anything is trained on them
``samples``     training samples of these cases
``rehearsal``   images of the kind that the base was trained on
``training``    the training of one network
``evaluation``  Dice before and after, cross-validated by subject
``trainings``   the trainings on parts of the cases, and their export
``card``        what is stated about an adapted model
``run``         all steps, from cases to an installed model
==============  ================================================================================
"""
