"""What tracking costs: leading on those who click, and rewriting the links of a mail as it leaves.

Run with `make bench-track`. The halves are told in bench/support/rewrite_bench.py and
bench/support/redirect_bench.py.
"""

from bench.support import redirect_bench, rewrite_bench


def main() -> None:
    redirect_bench.main()
    rewrite_bench.main()


if __name__ == "__main__":
    main()
