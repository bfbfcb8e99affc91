-- Active definitions that no host declares any more. To be run behind declare_lock.sql.
select d.id, d.name, d.written, d.timezone, d.next_run_at
  from job_definitions d
 where d.is_active and d.hash is not null and not exists (select from declarations where definition = d.name)
