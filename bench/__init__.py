"""What is measured: `make bench` prints one table. Figures of one machine are in bench/README.md."""
