"""The launch side of Pannier: the program inside every dist. It knows no model and never imports `bundler`."""
