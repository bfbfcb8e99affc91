-- All that `schedctl status` says, as one JSON object from one snapshot, so that its numbers agree. No parameters.
-- Returns document text, now timestamptz.
-- Indexes: job_queue_due (a walk over what is pending), job_queue_running, job_queue_dead, job_executions_completed (a
-- count by index alone), job_executions_failed, job_executions_definition. Nothing reads the finished jobs one by one.
with pending as materialized (
  select job_type, count(*) as pending, count(*) filter (where scheduled_for <= now()) as due,
         min(scheduled_for) filter (where isfinite(scheduled_for)) as first
    from job_queue
   where status = 'pending'
   group by job_type
), dead as materialized (
  select count(*) filter (where status = 'failed') as failed,
         count(*) filter (where status = 'timeout') as timeout,
         count(*) filter (where status = 'cancelled') as cancelled
    from job_queue
   where locked_by is null and status <> 'pending'
), running as materialized (
  select q.execution_id as id, q.id as job_queue_id, q.definition_id as job_definition_id, q.job_type, q.status,
         to_char(q.locked_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as started_at,
         q.attempts as attempt, w.host || ':' || w.pid as worker,
         round(greatest(extract(epoch from now() - q.locked_at), 0), 3) as age_s
    from job_queue q left join workers w on w.id = q.locked_by
   where q.locked_by is not null
), other_24h as materialized (
  select count(*) filter (where status in ('failed', 'timeout', 'lost')) as failed
    from job_executions
   where finished_at > now() - interval '24 hours' and status <> 'completed'
), failures as (
  select id, job_queue_id, job_definition_id, job_type, status,
         to_char(started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as started_at,
         to_char(finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as finished_at,
         duration_ms, attempt, worker, exit_code, signal, error_class, error_message
    from job_executions
   where finished_at > now() - interval '24 hours' and status <> 'completed'
     and status in ('failed', 'timeout', 'lost')
   order by job_executions.finished_at desc, id desc
   limit 10
), last_ticks as (
  select host, to_char(last_tick_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as last_tick_at, version,
         job_types
    from hosts
), live_workers as (
  select id, host, pid, to_char(started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as started_at,
         to_char(lease_until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as lease_until
    from workers
), planned as (
  select d.id, d.name, d.handler, d.state in ('active', 'waiting', 'paused') as is_active, d.state, d.schedule, d.timezone,
         to_char(d.next_run_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as next_run_at,
         to_char(d.last_slot at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as last_slot, d.paused,
         to_char(d.paused_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as paused_since,
         to_char(d.paused_until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as paused_until,
         d.pause_reason,
         to_char(d.waiting_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as waiting_since, d.last_status,
         to_char(d.last_finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as last_finished_at,
         d.differing_hosts
    from definitions d
), unhandled as (
  select job_type, due as pending
    from pending p
   where due > 0
     and not exists (select from hosts h where h.last_tick_at > now() - interval '24 hours' and p.job_type = any (h.job_types))
)
select row_to_json(document)::text as document, now() as now
  from (select
    1 as schema_version,
    pause.paused_since is not null as paused,
    to_char(pause.paused_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as paused_since,
    to_char(pause.paused_until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as paused_until,
    pause.pause_reason, pause.paused_by,
    (select row_to_json(counts)
       from (select (select coalesce(sum(pending), 0) from pending) as pending,
                    (select count(*) from running) as running, dead.*
               from dead) counts) as queue,
    (select coalesce(sum(due), 0) from pending) as due,
    (select round(extract(epoch from now() - min(first)), 3) from pending where first <= now()) as oldest_due_age_s,
    (select count(*) from job_executions where finished_at > now() - interval '24 hours' and status = 'completed')
      as completed_24h,
    (select failed from other_24h) as failed_24h,
    to_json(array(select row_to_json(r) from running r order by r.age_s desc, r.id)) as running,
    to_json(array(select row_to_json(f) from failures f order by f.finished_at desc, f.id desc)) as failures,
    to_json(array(select row_to_json(h) from last_ticks h order by h.host)) as hosts,
    to_json(array(select row_to_json(w) from live_workers w order by w.id)) as workers,
    to_json(array(select row_to_json(d) from planned d order by d.name)) as definitions,
    to_json(array(select row_to_json(u) from unhandled u order by u.job_type)) as unhandled_types
     from (select) as always left join current_pause pause on true
  ) document
