"""What `benchmarks.staging` starts and measures."""
