"""The service as a whole: real processes, real HTTP, a real broker, and the sandbox as everybody else."""
