-- Most lists hold jobs that differ in their payloads only. Of such a list the first job is held against the rules; each
-- other one is, as a text, the first with a payload of its own in that place. This spares a second parser for the whole list
-- and most of the rules, and is exact: nothing that the rules would tell apart can hide in equal texts.

-- Replaced, not made anew: who may call it stays as it was.
create or replace function enqueue_many(jobs text) returns table (id bigint, inserted boolean)
language plpgsql security definer set search_path from current set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  payload_limit bigint := (select value::bigint from settings where key = 'payload_limit');
  small boolean := octet_length(jobs) <= payload_limit;  -- then each payload is
  list json;
  documents jsonb;
  ids bigint[];
  first json;
  job record;
  before text;  -- of the first job, what surrounds its payload
  after text;
begin
  if strpos(jobs, '"unique_key"') = 0 then  -- else this would most likely be in vain
    begin
      list := jobs;
      first := list -> 0;
      select * into job
        from json_to_record(first)
             as (job_type text, payload json, scheduled_for timestamptz, priority bigint, max_attempts bigint,
                 group_key text, unique_key text, timeout_ms bigint, expires_at timestamptz);
      job.scheduled_for := coalesce(job.scheduled_for, now());
      before := left(first::text, strpos(first::text, job.payload::text) - 1);
      after := substr(first::text, length(before || job.payload::text) + 1);
      if small and before ~ '"payload"\s*:\s*$'  -- its place, not that of a text like it
         and element_fault(first::jsonb) is null
         and enqueue_fault(job.job_type, job.payload::jsonb, octet_length(job.payload::text), payload_limit,
                           job.scheduled_for, case when first::jsonb ? 'priority' then job.priority else 5 end,
                           job.max_attempts, job.group_key, job.unique_key, job.timeout_ms, job.expires_at) is null
         and job.unique_key is null
      then
        return query
          with element as materialized (
            select payload, coalesce(element::text = before || payload::text || after
                                     and jsonb_typeof(payload::jsonb) = 'object', false) as alike
              from (select element, element -> 'payload' as payload from json_array_elements(list) as element
                    offset 0) as e  -- so that each payload is looked up once
          )
          insert into job_queue (job_type, payload, scheduled_for, priority, max_attempts, group_key, timeout_ms, expires_at)
          select job.job_type, payload, job.scheduled_for, coalesce(job.priority, 5), job.max_attempts, job.group_key,
                 job.timeout_ms, job.expires_at
            from element where not exists (select from element where not alike)
          returning id, true;
        if found then
          return;
        end if;
      end if;

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
           and enqueue_fault(job_type, coalesce(document -> 'payload', '{}'),
                             case when small then 0 else octet_length(payload::text) end, payload_limit,
                             coalesce(scheduled_for, now()),
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
