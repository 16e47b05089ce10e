"""Does this model run here, and how? Pure arithmetic over its shape and the memory that is free, before loading."""
