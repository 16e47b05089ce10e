"""HTTP: one module per dialect over one inner request; errors, keys, the door, the page."""
