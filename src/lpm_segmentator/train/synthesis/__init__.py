"""Training images drawn from labelled Dixon pairs.

================  ==============================================================================
``config``        what to draw, and how often
``subjects``      labelled Dixon pairs as tensors
``warps``         displacements of a subject onto the muscle shapes of other subjects
``shapes``        the fit of these displacements to label maps
``tissue``        water, fat and labels of one sample, and their signal levels
``infiltration``  fat in the muscles, and fascia
``pelvis``        iliac bone and gluteal muscles beside the lowest slices
``negatives``     bodies without the muscles
``contrasts``     images of any contrast, composed from water and fat
``acquisition``   field of view, coil shading, blur, noise, normalisation
``synthesiser``   training batches from all of these
================  ==============================================================================
"""
