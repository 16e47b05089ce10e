"""The build side of Pannier: turns a dist-spec, a model and a kit into one self-contained file."""
