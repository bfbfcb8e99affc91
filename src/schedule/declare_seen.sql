-- What the database knows of definitions that a host declares. To be run behind declare_lock.sql.
--   $1 host text   $2 names text[]   $3 their hashes text[]
-- changed: by the host's own file, since it last handed them over. orphaned: no host declares what is in force any more.
select n.name, d.id, d.is_active, d.written, d.timezone, d.last_slot, d.next_run_at,
       coalesce(d.hash = n.hash, false) as in_force,
       mine.hash is distinct from n.hash as changed,
       not exists (select from declarations other
                    where other.definition = n.name and other.host <> $1::text and other.hash = d.hash) as orphaned
  from unnest($2::text[], $3::text[]) as n (name, hash)
  left join job_definitions d on d.name = n.name
  left join declarations mine on mine.definition = n.name and mine.host = $1::text
