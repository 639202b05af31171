"""Learn: subjects, synthesis of contrasts, the phantom, training, export."""
