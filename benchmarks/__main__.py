"""``python -m benchmarks``: what ``make bench`` runs."""

from benchmarks import bench

bench.main()
