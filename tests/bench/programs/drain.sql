-- The lean tables of bench_drain: nothing but what the drain itself needs. Priorities ascend (sooner = smaller), so that one
-- row comparison fits the index.
create schema bench;
create table bench.bench_job (
  id bigint generated always as identity primary key,
  priority integer not null default 0,
  scheduled_for timestamptz not null default now(),
  status smallint not null default 0,  -- 0 pending, 1 claimed
  attempts smallint not null default 0,
  locked_by integer,
  locked_at timestamptz,
  job_type text not null,
  payload json not null
);
create index bench_job_due on bench.bench_job (priority, scheduled_for, id) where status = 0;
create table bench.bench_execution (
  id bigint generated always as identity primary key,
  job_id bigint not null,
  started_at timestamptz not null,
  finished_at timestamptz not null,
  duration_us bigint not null,
  attempt smallint not null,
  status smallint not null,
  job_type text not null,
  payload json not null
);
