-- Slots that do not run are history all the same: one execution for each gap.
--   $1 definitions bigint[]   $2 first slots timestamptz[]   $3 last slots timestamptz[]   $4 counts bigint[]
--   $5 reasons text[]   $6 messages text[]   $7 timestamptz[]: the slot whose run stands for the gap, null for none
--   $8 now timestamptz
-- Index: job_queue_slot.
insert into job_executions (id, job_definition_id, finished_at, slot, attempt, status, job_type, error_class, error_message,
                            metadata)
select nextval('execution_ids'), d.id, $8::timestamptz, g.last, 0, 'skipped', d.handler, g.reason, g.message,
       jsonb_strip_nulls(jsonb_build_object(
         'first', to_char(g.first at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
         'last', to_char(g.last at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'count', g.count, 'reason', g.reason,
         'job_queue_id', (select q.id from job_queue q where q.definition_id = d.id and q.slot = g.run)))
  from unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::text[], $6::text[], $7::timestamptz[])
       with ordinality as g (id, first, last, count, reason, message, run, nth)
  join job_definitions d on d.id = g.id
 order by g.nth
