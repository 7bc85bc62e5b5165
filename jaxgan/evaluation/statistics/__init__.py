"""Statistics of features, of classes and of images: arrays in, figures out; no network, no file, no run."""
