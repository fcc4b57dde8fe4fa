"""What only maintainers run: the records, the shipped images, the benchmarks."""
