"""jaxgan beside PyTorch, and beside what the machine can do: `python -m benchmarks --list`."""
