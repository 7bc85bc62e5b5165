"""How a system is trained: one loop, checkpoints, metrics, and the run directory that holds what they leave."""
