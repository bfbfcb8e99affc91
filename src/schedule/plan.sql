-- Slots become jobs, and the definitions move on. To be run behind plan_lock.sql.
--   For each definition: $1 ids bigint[]   $2 last_slot timestamptz[] (null: as it was)   $3 next_run_at timestamptz[]
--   $4 waiting_since timestamptz[]   $5 look_at timestamptz[]   $6 boolean[]: a pause that is over has been accounted for
--   For each job: $7 definitions bigint[]   $8 slots timestamptz[]   $9 scheduled_for timestamptz[]
--   $10 now timestamptz
-- last_slot only moves forward, and a slot that has a job gets no second one, whatever the planner thinks. Answers the
-- definitions that have moved, each with the number of its new jobs.
with moved as (
  update job_definitions d
     set last_slot = coalesce(p.last_slot, d.last_slot), next_run_at = p.next_run_at, waiting_since = p.waiting_since,
         look_at = p.look_at,
         used_until = case when d.used_until > coalesce(p.last_slot, d.last_slot) then d.used_until end,
         paused_since = case when not p.pause_is_over then d.paused_since end,
         paused_until = case when not p.pause_is_over then d.paused_until end,
         pause_reason = case when not p.pause_is_over then d.pause_reason end,
         paused_by = case when not p.pause_is_over then d.paused_by end
    from unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::boolean[])
         as p (id, last_slot, next_run_at, waiting_since, look_at, pause_is_over)
   where d.id = p.id and (p.last_slot is null or d.last_slot is null or d.last_slot < p.last_slot)
  returning d.id
), made as (
  insert into job_queue (job_type, priority, payload, scheduled_for, max_attempts, timeout_ms, group_key, definition_id,
                         slot, limited, created_at, updated_at)
  select d.handler, d.priority, d.payload, j.scheduled_for, d.max_retries + 1, d.timeout_ms, d.policies ->> 'group', d.id,
         j.slot, d.concurrency_limit is not null, $10::timestamptz, $10::timestamptz
    from unnest($7::bigint[], $8::timestamptz[], $9::timestamptz[]) with ordinality as j (id, slot, scheduled_for, nth)
    join moved on moved.id = j.id
    join job_definitions d on d.id = j.id
   where d.used_until is null
      or not exists (select from job_executions e
                      where e.job_definition_id = d.id and e.job_queue_id is not null and e.slot = j.slot)
   order by j.nth
  on conflict (definition_id, slot) where slot is not null do nothing
  returning definition_id
)
select moved.id, (select count(*) from made where made.definition_id = moved.id) as jobs from moved
