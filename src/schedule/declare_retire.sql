-- Definitions are planned no more; their history stays.
--   $1 ids bigint[]   $2 last_slot timestamptz[] (null: as it was)
update job_definitions d
   set is_active = false, last_slot = coalesce(r.last_slot, d.last_slot), next_run_at = null, waiting_since = null,
       look_at = null, updated_at = now()
  from unnest($1::bigint[], $2::timestamptz[]) as r (id, last_slot)
 where d.id = r.id
