-- The job as a data engineer would write it in SQL, for DuckDB: SPEC.md sections 2 to 6, without
-- causes and carried columns. peer_duckdb.py fills in the placeholders:
-- {mrdl} {classifier} {baseline} lists of files; {gap} {duration} {lookback} seconds; {start} {end}
-- instants;
-- {dedupe_baseline} {dedupe_classifier} the choice among duplicates; {run_id}; {out} a folder.

create or replace temp table rows as
  with r as (
    select
      store_id, sku, detected_at, ingested_at, anomaly_id, sales_total,
      case when not isnan(severity) then severity end as severity,
      case when first_detected_from >= detected_at - to_seconds({lookback})
        then first_detected_from end as first_detected_from
    from read_parquet({mrdl}, hive_partitioning = false)
    where store_id is not null and store_id <> '' and detected_at < timestamptz '{end}'
      and (first_detected_from is null or first_detected_from <= detected_at))
  from r
  qualify row_number() over (
    partition by store_id, sku, detected_at, first_detected_from
    order by ingested_at desc nulls last, anomaly_id desc nulls last,
             severity desc nulls last, sales_total desc nulls last) = 1;

-- Each tick with its event. A chain is cut at every boundary that it reaches and that lies a whole
-- period or more after its first tick; the last one up to a tick tells the tick's piece.
create or replace temp table ticks as
  with
    t as (select distinct store_id, detected_at from rows),
    g as (
      select *, detected_at - lag(detected_at) over (partition by store_id order by detected_at)
                > to_seconds({gap}) as fresh
      from t),
    n as (
      select store_id, detected_at,
             count(*) filter (where coalesce(fresh, true))
               over (partition by store_id order by detected_at) as chain_no
      from g),
    c as (
      select *, min(detected_at) over (partition by store_id, chain_no) as chain_start,
             time_bucket(to_seconds({duration}), detected_at, timestamptz '1970-01-01 00:00:00+00')
               as boundary
      from n),
    p as (
      select * exclude (boundary),
             case when chain_start <= boundary - to_seconds({duration}) then boundary end as cut
      from c),
    e as (
      select *, min(detected_at) over w as opened_at, max(detected_at) over w as last_tick
      from p
      window w as (partition by store_id, chain_no, cut)),
    b as (
      select *, time_bucket(to_seconds({duration}), last_tick, timestamptz '1970-01-01 00:00:00+00')
                  as boundary
      from e),
    f as (
      select * exclude (boundary),
             boundary + to_seconds({duration})
               * case when boundary >= chain_start then 1 else 2 end as boundary
      from b)
  select
    store_id, detected_at, opened_at, last_tick, cut,
    least(last_tick + to_seconds({gap}), boundary) as closed_at,
    case when boundary <= last_tick + to_seconds({gap}) then 'max_duration' else 'quiet' end
      as end_reason,
    case when cut is not null then
      max(opened_at) over (
        partition by store_id, chain_no order by opened_at
        range between unbounded preceding and interval 1 microsecond preceding)
    end as continues_opened_at
  from f;

create or replace temp table line_rows as
  with r as (
    select
      rows.*, opened_at, last_tick, closed_at, cut,
      coalesce(first_detected_from,
               min(detected_at) filter (where first_detected_from is null)
                 over (partition by store_id, opened_at, sku)) as onset
    from rows join ticks using (store_id, detected_at))
  select
    store_id, sku, opened_at, last_tick, closed_at, onset, greatest(onset, cut) as window_start,
    detected_at, severity, sales_total
  from r
  qualify row_number() over (
    partition by store_id, sku, opened_at, onset, detected_at
    order by ingested_at desc nulls last, anomaly_id desc nulls last,
             severity desc nulls last, sales_total desc nulls last) = 1;

create or replace temp table lines as
  select
    store_id, sku, opened_at, last_tick, closed_at, onset, window_start,
    min(detected_at) as t1, max(detected_at) as tn, count(*)::int as n
  from line_rows
  group by all;

create or replace temp table base as
  select b.store_id, b.sku, b.tick_at, b.baseline_sales, b.actual_sales
  from read_parquet({baseline}, hive_partitioning = false) b
  where exists (
    select 1 from lines l where l.store_id = b.store_id and l.sku is not distinct from b.sku)
  {dedupe_baseline};

create or replace temp table score as
  select
    c.store_id, c.sku, c.tick_at,
    case when not isnan(c.anomaly_score) then c.anomaly_score end as anomaly_score
  from read_parquet({classifier}, hive_partitioning = false) c
  where exists (
    select 1 from line_rows l
    where l.store_id = c.store_id and l.sku is not distinct from c.sku
      and l.detected_at = c.tick_at)
  {dedupe_classifier};

-- Every instant that counts for a line: a prediction inside its window, or its own row.
create or replace temp table points as
  select
    l.store_id, l.sku, l.opened_at, l.onset, l.window_start,
    coalesce(b.tick_at, r.detected_at) as p,
    b.baseline_sales, coalesce(b.actual_sales, r.sales_total) as actual,
    r.detected_at is not null as own, r.severity
  from (
      select l.*, b.tick_at, b.baseline_sales, b.actual_sales
      from lines l join base b
        on b.store_id = l.store_id and b.sku is not distinct from l.sku
        and b.tick_at between l.window_start and l.tn) b
    full join line_rows r
      on r.store_id = b.store_id and r.sku is not distinct from b.sku
      and r.opened_at = b.opened_at and r.onset = b.onset and r.detected_at = b.tick_at
    join lines l
      on l.store_id = coalesce(b.store_id, r.store_id)
      and l.opened_at = coalesce(b.opened_at, r.opened_at)
      and l.onset = coalesce(b.onset, r.onset)
      and l.sku is not distinct from (case when b.store_id is null then r.sku else b.sku end);

create or replace temp table states as
  select
    p.*, sum(actual) over w as attributed, sum(baseline_sales) over w as baseline,
    max(coalesce(case when own then s.anomaly_score end, severity)) over w as severity_score,
    (count(*) filter (where own) over w)::int as version
  from points p
    left join score s
      on p.own and s.store_id = p.store_id and s.sku is not distinct from p.sku and s.tick_at = p.p
  window w as (partition by p.store_id, p.sku, p.opened_at, p.onset order by p.p);

-- Reports in an event so far.
create or replace temp table sizes as
  with o as (
    select store_id, opened_at, onset, min(t1) as t1 from lines group by all)
  select t.store_id, t.detected_at, count(o.onset)::int as cohort_size
  from ticks t
    join o on o.store_id = t.store_id and o.opened_at = t.opened_at and o.t1 <= t.detected_at
  group by all;

create or replace temp table mrch as
  with
    active as (
      select
        s.store_id, s.sku, s.opened_at, s.onset, s.window_start, 'active' as event_status,
        case when version = 1 then 'new' else 'ongoing' end as report_status, version,
        null::timestamptz as window_end, severity_score, attributed, baseline, cohort_size,
        p as written_at
      from states s join sizes z on z.store_id = s.store_id and z.detected_at = s.p
      where own),
    closing as (
      select
        l.store_id, l.sku, l.opened_at, l.onset, l.window_start, 'ended', 'closed', l.n + 1, l.tn,
        s.severity_score, s.attributed, s.baseline, z.cohort_size, l.closed_at
      from lines l
        join states s
          on s.store_id = l.store_id and s.sku is not distinct from l.sku
          and s.opened_at = l.opened_at and s.onset = l.onset and s.p = l.tn
        join sizes z on z.store_id = l.store_id and z.detected_at = l.last_tick)
  select * from (select * from active union all select * from closing)
  where written_at >= timestamptz '{start}' and written_at < timestamptz '{end}';

copy (
  select
    sha256(store_id || strftime(onset, '%Y-%m-%dT%H:%M:%S.%fZ')) as report_id,
    sha256(store_id || strftime(opened_at, '%Y-%m-%dT%H:%M:%S.%fZ')) as report_group_id,
    event_status, report_status, version, store_id, sku, window_start, window_end,
    severity_score, (attributed - baseline)::decimal(18,4) as impact_estimate,
    '{run_id}' as run_id, attributed::decimal(18,4) as attributed_sales_total,
    baseline::decimal(18,4) as baseline_sales_total,
    store_id || ':' || strftime(opened_at, '%Y%m%dT%H%M%S')
      || case when microsecond(opened_at) % 1000000 <> 0 then strftime(opened_at, '.%f') else '' end
      || 'Z' as cohort_id,
    'Store ' || store_id || ', ' || strftime(opened_at, '%Y-%m-%d %H:%M') || ' UTC' as cohort_name,
    case when cohort_size = 1 then 'single report' else 'temporal adjacency' end as cohort_reason,
    cohort_size, written_at
  from mrch
  order by store_id, written_at, opened_at, onset, sku nulls first
) to '{out}/mrch.parquet' (format parquet, compression zstd);

copy (
  with
    -- Each (sku, instant) of an event once, the least onset first.
    union_points as (
      select
        store_id, opened_at, sku, p, any_value(baseline_sales) as baseline_sales,
        arg_min(actual, onset) as actual, min(onset) as onset
      from points
      group by all),
    w as (
      select
        store_id, opened_at, last_tick, continues_opened_at, null as end_reason,
        opened_at as written_at, 'active' as event_status, 1 as version
      from ticks where detected_at = opened_at
      union all
      select store_id, opened_at, last_tick, continues_opened_at, end_reason, closed_at, 'ended', 2
      from ticks where detected_at = opened_at),
    live as (
      select w.*, l.onset, l.window_start, l.sku, l.t1, l.tn
      from w join lines l using (store_id, opened_at)
      where l.t1 <= w.written_at),
    agg as (
      select
        store_id, opened_at, version, min(window_start) as window_start,
        count(distinct onset)::int as report_count,
        (count(distinct sku) + max((sku is null)::int))::int as sku_count
      from live
      group by all),
    first_points as (
      select distinct
        p.store_id, p.opened_at, p.sku, p.p, p.baseline_sales,
        arg_min(p.actual, p.onset)
          over (partition by p.store_id, p.opened_at, p.sku, p.p) as actual
      from points p
        join live v
          on v.version = 1 and v.store_id = p.store_id and v.opened_at = p.opened_at
          and v.onset = p.onset and v.sku is not distinct from p.sku
      where p.p <= p.opened_at),
    totals as (
      select
        store_id, opened_at, 1 as version, sum(actual) as attributed,
        sum(baseline_sales) as baseline
      from first_points
      group by all
      union all
      select store_id, opened_at, 2, sum(actual), sum(baseline_sales)
      from union_points
      group by all),
    sev as (
      select s.store_id, s.opened_at, v.version, max(s.severity_score) as severity_score
      from states s
        join live v
          on v.store_id = s.store_id and v.opened_at = s.opened_at and v.onset = s.onset
          and v.sku is not distinct from s.sku and s.p <= v.written_at
      group by all)
  select
    sha256(store_id || strftime(opened_at, '%Y-%m-%dT%H:%M:%S.%fZ')) as event_id,
    store_id, window_start, case when version = 2 then last_tick end as window_end, event_status,
    opened_at as created_at, case when version = 2 then written_at end as finalized_at, version,
    report_count, sku_count, severity_score,
    (attributed - baseline)::decimal(18,4) as impact_estimate,
    attributed::decimal(18,4) as attributed_sales_total,
    baseline::decimal(18,4) as baseline_sales_total,
    sha256(store_id || strftime(continues_opened_at, '%Y-%m-%dT%H:%M:%S.%fZ'))
      as continues_event_id,
    end_reason, '{run_id}' as run_id, written_at
  from w
    join agg using (store_id, opened_at, version)
    left join totals using (store_id, opened_at, version)
    left join sev using (store_id, opened_at, version)
  where written_at >= timestamptz '{start}' and written_at < timestamptz '{end}'
  order by store_id, written_at, opened_at
) to '{out}/melog.parquet' (format parquet, compression zstd);
