-- The job as a data engineer would write it in SQL, for Spark: SPEC.md sections 2 to 6, without
-- causes, carried columns and cuts. peer_spark.py fills in the placeholders.
-- Placeholders in braces: eq = equality that can be a hash key beside "is not distinct from";
-- start, end, gap, lookback, no_time = literals;
-- newest_baseline, newest_score = rank among duplicates; sha_*, iso_*, micros = identities and
-- texts. The last two statements are the two logs.
create table reports as
  select * from (
    select store_id, sku, detected_at, first_detected_from, severity, sales_total, ingested_at,
        anomaly_id,
           row_number() over (partition by store_id, sku, detected_at, first_detected_from
                              order by ingested_at desc nulls last, anomaly_id desc nulls last,
                                  severity desc nulls last, sales_total desc nulls last) as nth
    from (select store_id, sku, detected_at, case when first_detected_from >= detected_at -
        {lookback} then first_detected_from end as first_detected_from, severity, sales_total,
        ingested_at, anomaly_id from mrdl) m
    where store_id <> '' and detected_at < {end} and (first_detected_from is null or
        first_detected_from <= detected_at))
  where nth = 1;

create table ticks as
  with t as (select distinct store_id, detected_at from reports),
       g as (select store_id, detected_at, case when detected_at <= lag(detected_at) over (partition
           by store_id order by detected_at) + {gap} then 0 else 1 end as fresh from t),
       n as (select store_id, detected_at, sum(fresh) over (partition by store_id order by
           detected_at rows unbounded preceding) as event_no from g)
  select store_id, detected_at, min(detected_at) over (partition by store_id, event_no) as
      opened_at, max(detected_at) over (partition by store_id, event_no) as last_tick from n;

create table line_rows as
  with r as (select reports.*, t.opened_at, t.last_tick,
               coalesce(first_detected_from, min(case when first_detected_from is null then
                   reports.detected_at end) over (partition by reports.store_id, t.opened_at, sku))
                   as onset
             from reports join ticks t on t.store_id = reports.store_id and t.detected_at =
                 reports.detected_at),
       d as (select store_id, sku, opened_at, last_tick, onset, detected_at, severity, sales_total,
               row_number() over (partition by store_id, opened_at, sku, onset, detected_at order by
                   ingested_at desc nulls last, anomaly_id desc nulls last,
                                  first_detected_from desc nulls last, severity desc nulls last,
                                      sales_total desc nulls last) as nth from r)
  select store_id, sku, opened_at, last_tick, onset, detected_at, severity, sales_total from d where
      nth = 1;

create table lines as
  select store_id, sku, opened_at, onset, max(last_tick) as last_tick, min(detected_at) as t1,
      max(detected_at) as tn, cast(count(*) as int) as n
  from line_rows group by store_id, sku, opened_at, onset;

-- every instant that counts for a line (a prediction inside its window, or its own row), with the
-- totals so far
create table states as
  with b as (
    select /*+ broadcast(l) */ l.store_id, l.sku, l.opened_at, l.onset, b.tick_at, b.baseline_sales,
        b.actual_sales, {newest_baseline} as nth
    from baseline b join lines l on (b.store_id {eq} l.store_id) and (b.sku is not distinct from
        l.sku) and b.tick_at >= l.onset and b.tick_at <= l.tn),
  c as (
    select /*+ broadcast(r) */ r.store_id, r.sku, r.opened_at, r.onset, r.detected_at,
        c.anomaly_score, {newest_score} as nth
    from classifier c join line_rows r on (c.store_id {eq} r.store_id) and (c.sku is not distinct
        from r.sku) and (c.tick_at {eq} r.detected_at)),
  u as (
    select store_id, sku, opened_at, onset, tick_at as p, baseline_sales, actual_sales, null as
        sales_total, null as anomaly_score, null as severity, 0 as own from b where nth = 1
    union all select store_id, sku, opened_at, onset, detected_at, null, null, null, anomaly_score,
        null, 0 from c where nth = 1
    union all select store_id, sku, opened_at, onset, detected_at, null, null, sales_total, null,
        severity, 1 from line_rows),
  points as (
    select store_id, sku, opened_at, onset, p, max(baseline_sales) as baseline_sales,
        coalesce(max(actual_sales), max(sales_total)) as actual,
           coalesce(max(anomaly_score), max(severity)) as severity, max(own) as own
    from u group by store_id, sku, opened_at, onset, p)
  select *, sum(actual) over w as attributed, sum(baseline_sales) over w as baseline, max(severity)
      over w as severity_score, cast(sum(own) over w as int) as version
  from points window w as (partition by store_id, sku, opened_at, onset order by p rows unbounded
      preceding);

-- reports in an event so far
create table sizes as
  with o as (select store_id, opened_at, onset, min(t1) as t1 from lines group by store_id,
      opened_at, onset),
       c as (select store_id, opened_at, t1, count(*) as fresh from o group by store_id, opened_at,
           t1)
  select t.store_id, t.detected_at, cast(sum(coalesce(c.fresh, 0)) over (partition by t.store_id,
      t.opened_at order by t.detected_at rows unbounded preceding) as int) as cohort_size
  from ticks t left join c on c.store_id = t.store_id and c.opened_at = t.opened_at and c.t1 =
      t.detected_at;

with w as (
  select store_id, sku, opened_at, onset, 'active' as event_status, case when version = 1 then 'new'
      else 'ongoing' end as report_status, version,
         {no_time} as window_end, severity_score, attributed, baseline, p as written_at, p as
             seen_at from states where own = 1
  union all
  select l.store_id, l.sku, l.opened_at, l.onset, 'ended', 'closed', cast(l.n + 1 as int), l.tn,
      s.severity_score, s.attributed, s.baseline, l.last_tick + {gap}, l.last_tick
  from lines l join states s on (s.store_id {eq} l.store_id) and (s.sku is not distinct from l.sku)
      and (s.opened_at {eq} l.opened_at) and (s.onset {eq} l.onset) and (s.p {eq} l.tn))
select {sha_onset} as report_id, {sha_opened} as report_group_id, event_status, report_status,
    version, w.store_id, sku, onset as window_start, window_end, severity_score,
       cast(attributed - baseline as decimal(18,4)) as impact_estimate, 'peer' as run_id,
           cast(attributed as decimal(18,4)) as attributed_sales_total, cast(baseline as
           decimal(18,4)) as baseline_sales_total,
       w.store_id || ':' || {iso_basic} || case when {micros} <> '.000000' then {micros} else '' end
           || 'Z' as cohort_id, 'Store ' || w.store_id || ', ' || {iso_minute} || ' UTC' as
           cohort_name,
       case when cohort_size = 1 then 'single report' else 'temporal adjacency' end as
           cohort_reason, cohort_size, written_at
from w join sizes z on z.store_id = w.store_id and z.detected_at = w.seen_at
where written_at >= {start} and written_at < {end}
order by w.store_id, written_at, onset, sku nulls first;

with v as (
  select store_id, sku, opened_at, onset, last_tick, 1 as version, opened_at as written_at from
      lines where t1 = opened_at
  union all select store_id, sku, opened_at, onset, last_tick, 2, last_tick + {gap} from lines),
agg as (
  select store_id, opened_at, version, max(last_tick) as last_tick, max(written_at) as written_at,
      min(onset) as window_start,
         cast(count(distinct onset) as int) as report_count, cast(count(distinct sku) + max(case
             when sku is null then 1 else 0 end) as int) as sku_count
  from v group by store_id, opened_at, version),
-- each (sku, instant) of an event once, the least onset first
o as (
  select v.store_id, v.opened_at, v.version, s.actual, s.baseline_sales, s.severity_score,
         row_number() over (partition by v.store_id, v.opened_at, v.version, v.sku, s.p order by
             case when s.actual is null then 1 else 0 end, s.onset) as nth
  from v join states s on (s.store_id {eq} v.store_id) and (s.sku is not distinct from v.sku) and
      (s.opened_at {eq} v.opened_at) and (s.onset {eq} v.onset) where s.p <= v.written_at),
totals as (
  select store_id as store, opened_at as opened, version as v, max(severity_score) as
      severity_score, sum(case when nth = 1 then actual end) as attributed, sum(case when nth = 1
      then baseline_sales end) as baseline
  from o group by store_id, opened_at, version)
select {sha_opened} as event_id, w.store_id, window_start, case when w.version = 2 then last_tick
    end as window_end, case when w.version = 2 then 'ended' else 'active' end as event_status,
       w.opened_at as created_at, case when w.version = 2 then written_at end as finalized_at,
           cast(w.version as int) as version, report_count, sku_count, severity_score,
       cast(attributed - baseline as decimal(18,4)) as impact_estimate, cast(attributed as
           decimal(18,4)) as attributed_sales_total, cast(baseline as decimal(18,4)) as
           baseline_sales_total,
       'peer' as run_id, written_at
from agg w join totals t on t.store = w.store_id and t.opened = w.opened_at and t.v = w.version
where written_at >= {start} and written_at < {end}
order by w.store_id, written_at
