"""The job in Polars: runs cohort_polars.py.

python peer_polars.py DATA OUT --start ISO --end ISO
"""

import os

from peer import arguments


def main() -> None:
    args = arguments(__doc__)
    # Polars reads this when it is imported.
    os.environ["POLARS_MAX_THREADS"] = str(args.threads)
    import cohort_polars

    cohort_polars.run(args)


if __name__ == "__main__":
    main()
