"""What callers call, with defaults and documentation; `_core` computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

from cohort_events import _core
from cohort_events._core import Cohorted, Registered, Table
from cohort_events._settings import instant, runs_of, settings

if TYPE_CHECKING:
    from cohort_events._types import ArrowFrame, Inputs


def cohort(
    reports: ArrowFrame,
    scores: ArrowFrame | None = None,
    sales: ArrowFrame | None = None,
    campaigns: ArrowFrame | None = None,
    context: ArrowFrame | None = None,
    *,
    start: str | date,
    end: str | date,
    gap: str | timedelta = "PT30M",
    max_event_duration: str | timedelta = "P7D",
    max_lookback: str | timedelta = "P30D",
    max_reject_ratio: float | None = 0.01,
    run_id: str = "adhoc",
) -> Cohorted:
    """Return the rows of both logs that a run over `[start, end)` writes.

    Frames may have their rows in any order, and any columns besides those of their log; a column
    that is optional may be missing. They must reach back far enough: an event is known only from
    its first tick on, so `reports` must hold what lies before `start` too, up to
    `gap + 3 * max_event_duration + gap`, and the prediction logs what lies in the lines' windows,
    up to `max_lookback` more. Rows that no event needs are skipped.

    Args:
        reports: `minority_reports_detected_log`: a row per store, SKU and tick of an anomaly, at
            least `store_id` and `detected_at`.
        scores: `anomaly_classifier_model_prediction_log`: `store_id`, `tick_at`, `anomaly_score`.
        sales: `baseline_sales_model_prediction_log`: `store_id`, `tick_at`, `baseline_sales`.
        campaigns: `all_campaign_data`, candidates for causes.
        context: `contextual_data`, candidates for causes.
        start: The interval's first instant: a `datetime` or `date`, which without a zone is UTC, or
            a text in RFC 3339 with its zone.
        end: The first instant after the interval.
        gap: The longest quiet time inside an event: a `timedelta`, or a text in ISO 8601.
        max_event_duration: The period at whose boundaries long events are cut.
        max_lookback: How old an onset may be at its tick; older ones are ignored.
        max_reject_ratio: Which share of a log's rows in the interval may be rejected. `None` leaves
            the judgement to the caller.
        run_id: The text of the column `run_id`: 1 to 250 characters of `A-Za-z0-9._:+@=~-`.

    Returns:
        `mrch` with 31 columns and `melog` with 25, in the order of the contract; amounts are
        `decimal(18,4)`, instants microseconds of UTC.

    Raises:
        UsageError: An argument says what cannot be: an interval that ends before it starts.
        DataError: A frame lacks a column or has one of a wrong type, cannot be read, or has too
            many rows that must be rejected; or a sum does not fit its column.
        TypeError: An argument is no Arrow frame, or of a wrong type.
        BugError: This package is at fault.
    """
    written = settings(start, end, gap, max_event_duration, max_lookback, run_id, max_reject_ratio)
    return _core.cohort(reports, scores, sales, campaigns, context, written)


def windows(
    reports: ArrowFrame,
    *,
    start: str | date,
    end: str | date,
    gap: str | timedelta = "PT30M",
    max_event_duration: str | timedelta = "P7D",
    max_lookback: str | timedelta = "P30D",
) -> Table:
    """Return where the events of `[start, end)` need predictions.

    An engine filters the prediction logs by it before it hands them to a `Kernel`. Arguments and
    errors are those of `cohort`; rows that must be rejected are left out.

    Returns:
        `store_id`, `sku` (null: the store as a whole), `window_start` and `window_end`, both
        included, in microseconds of UTC. The windows of one store and SKU share no instant.
    """
    written = settings(start, end, gap, max_event_duration, max_lookback)
    return _core.windows(reports, written)


def registry(
    melog: ArrowFrame,
    edits: ArrowFrame | None = None,
    mrch: ArrowFrame | None = None,
    *,
    runs: Mapping[str, tuple[str | date, str | date]] | None = None,
    as_of: str | date | None = None,
) -> Registered:
    """Return one row per event, with people's edits applied: what `cohort registry` shows.

    Rows may be in any order, and runs may overlap: each event counts once.

    Args:
        melog: `minority_event_log` of all runs, as `cohort` gives it or the job writes it.
        edits: `user_minority_events_edits_log`: `edit_id`, `event_id`, `field`, `new_value`,
            `edited_by`, `edited_at`, `reason`.
        mrch: `minority_reports_cohorted_log` of the same runs. Without it, an open event shows the
            figures of its first tick, and not today's, and totals of merged events are null.
        runs: The runs of the set, with start and end of each by its `run_id`, as lineages have
            them. Rows of other runs are left out, and what a run that is missing might have said is
            `undetermined`. Without it, all rows count, and nothing is known to be missing.
        as_of: Show the registry as it was for data and edits up to this instant, which is written
            as in `cohort`.

    Returns:
        `events`, sorted by `store_id` and `created_at`, and `unapplied`, the edits that do not
        apply.

    Raises:
        UsageError: A run ends before it starts, or an instant is none.
        DataError: A frame lacks a column or has one of a wrong type, or cannot be read; a row is
            none that the job writes; or a sum does not fit its column.
        TypeError: An argument is no Arrow frame, or of a wrong type.
        BugError: This package is at fault.
    """
    written = None if runs is None else runs_of(runs)
    until = None if as_of is None else instant("as_of", as_of)
    return _core.registry(melog, edits, mrch, written, until)


class Kernel:
    """Cohorts a stream of rows of many stores, in the memory of its largest store.

    The stream holds rows of all three logs, those of one store together, stores in the ascending
    order of their bytes (as engines sort UTF-8). A column `log` says `reports`, `scores` or
    `sales` of each row; without it, all rows are reports. The other columns are those of the logs:
    `detected_at` of reports, `tick_at` of the two others, and so on. Arguments are those of
    `cohort`. How many rejected rows are too many is for the engine to judge: only it sees the
    whole, and `inputs` counts them.

        kernel = Kernel(start=..., end=...)
        for batch in batches:
            for log, rows in kernel.push(batch):
                ...
        for log, rows in kernel.finish():
            ...
    """

    def __init__(
        self,
        campaigns: ArrowFrame | None = None,
        context: ArrowFrame | None = None,
        *,
        start: str | date,
        end: str | date,
        gap: str | timedelta = "PT30M",
        max_event_duration: str | timedelta = "P7D",
        max_lookback: str | timedelta = "P30D",
        run_id: str = "adhoc",
    ) -> None:
        written = settings(start, end, gap, max_event_duration, max_lookback, run_id)
        self._core = _core.KernelCore(written, campaigns, context)

    def push(self, batch: ArrowFrame) -> Iterator[tuple[Literal["mrch", "melog"], Table]]:
        """Take rows, and return an iterator over the rows of both logs that are ready.

        Rows that the caller leaves in the iterator come with the next one.

        Raises:
            UsageError: The stream is not sorted by store, or the kernel has finished.
            DataError: As in `cohort`. The iterator raises both.
        """
        self._core.push(batch)
        return self._rows()

    def finish(self) -> Iterator[tuple[Literal["mrch", "melog"], Table]]:
        """End the stream, and return an iterator over the rows that are left."""
        self._core.finish()
        return self._rows()

    def _rows(self) -> Iterator[tuple[Literal["mrch", "melog"], Table]]:
        while (rows := self._core.next()) is not None:
            yield rows

    @property
    def counts(self) -> dict[str, int]:
        """What was counted, as in the lineage. There once all rows of `finish` are taken."""
        return self._core.counts

    @property
    def inputs(self) -> dict[str, Inputs]:
        """What was found in each log, under its argument's name; there like `counts`."""
        return self._core.inputs

    @property
    def rejects(self) -> Table:
        """The rejected rows as in `Cohorted`, numbered through the stream; there like `counts`."""
        return self._core.rejects

    @property
    def lookback_start(self) -> str:
        """The earliest instant that had to be looked at; there like `counts`."""
        return self._core.lookback_start
