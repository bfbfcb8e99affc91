-- Most jobs have no unique_key: one statement with one plan stores them, and takes no notes of what becomes of each.
-- What it does not store, jobs with keys and bad ones, is left to what enqueue_many was before.

alter function enqueue_many(text) rename to enqueue_each;
alter function enqueue_each set plan_cache_mode = force_generic_plan;
comment on function enqueue_each is 'What enqueue_many does with jobs that have keys, and to find the one to blame';

create function enqueue_many(jobs text) returns table (id bigint, inserted boolean)
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  payload_limit bigint := (select value::bigint from settings where key = 'payload_limit');
  list json;
  documents jsonb;
  ids bigint[];
begin
  if strpos(jobs, '"unique_key"') = 0 then  -- else this would most likely be in vain
    begin
      list := jobs;
      documents := jobs;
      with stored as (
        insert into job_queue (job_type, payload, scheduled_for, priority, max_attempts, group_key, timeout_ms, expires_at)
        select job_type, coalesce(payload, '{}'), coalesce(scheduled_for, now()), coalesce(priority, 5), max_attempts,
               group_key, timeout_ms, expires_at
          from rows from (json_to_recordset(list)
                            as (job_type text, payload json, scheduled_for timestamptz, priority bigint,
                                max_attempts bigint, group_key text, unique_key text, timeout_ms bigint,
                                expires_at timestamptz),
                          jsonb_array_elements(documents))
               as e (job_type, payload, scheduled_for, priority, max_attempts, group_key, unique_key, timeout_ms,
                     expires_at, document)
         where unique_key is null and element_fault(document) is null
           and enqueue_fault(job_type, case when document ? 'payload' then document -> 'payload' else '{}' end,
                             octet_length(payload::text), payload_limit, coalesce(scheduled_for, now()),
                             case when document ? 'priority' then priority else 5 end,
                             max_attempts, group_key, unique_key, timeout_ms, expires_at) is null
        returning id
      )
      select array_agg(id) into ids from stored;
      if cardinality(ids) = jsonb_array_length(documents) then
        return query select unnest(ids), true;
        return;
      end if;
      raise exception using errcode = 'SC002', message = 'not every job can be stored this way';
    exception when sqlstate 'SC002' or data_exception or program_limit_exceeded then  -- undone to the last row
    end;
  end if;
  return query select * from enqueue_each(jobs);
end $$;
comment on function enqueue_many(text) is
'Stores many jobs at once, all or none: an array of objects whose keys are the parameters of enqueue. One row per element, '
'in order; inserted is false where a pending or running job, or an earlier element, already holds the unique_key, and '
'id is then the id of that job. Bad values are refused with SQLSTATE 22023 and the index of the element';

revoke all on function enqueue_many(text) from public;
