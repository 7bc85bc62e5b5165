"""Networks that others trained: their weights, out of the files that they are published as."""
