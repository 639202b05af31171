"""Show it: overlays, figures and the HTML page, from results alone."""
