"""The figures of this machine: `make bench`. Contenders run interleaved; ratios are what counts."""
