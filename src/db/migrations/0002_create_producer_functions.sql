-- What producers and operators call from SQL, inside their own transaction. Each function keeps the search_path of
-- the migration. Only the rules in plain SQL (shown, enqueue_fault, element_fault) have none: the planner inlines them
-- into their callers, which do, so that they cost no call.

create function shown(value text) returns text language sql immutable as $$
  select to_json(case when length(value) > 60 then left(value, 60) || '…' else value end)::text
$$;
comment on function shown is 'A value as messages quote it: escaped, at most 60 characters';

-- Every rule for a job's columns, once. What most jobs look like is tested first in each group.
create function enqueue_fault(job_type text, document jsonb, payload_bytes bigint, payload_limit bigint,
                              scheduled_for timestamptz, priority bigint, max_attempts bigint, group_key text,
                              unique_key text, timeout_ms bigint, expires_at timestamptz) returns text
language sql stable as $$
  select coalesce(
    case
      when job_type ~ '^[!-~]+$' and octet_length(job_type) <= 200 then null
      when job_type is null then 'job_type is null: name a handler'
      when job_type !~ '\S' then 'job_type ' || shown(job_type) || ' is blank: name a handler'
      when octet_length(job_type) > 200 then 'job_type ' || shown(job_type) || ' is too long: use at most 200 bytes'
      when job_type ~ '[\u0001-\u001f\u007f-\u009f]' then
        'job_type ' || shown(job_type) || ' holds control characters: leave them out'
    end,
    case
      when document is null then 'payload is null: pass a JSON object, for example {}'
      when jsonb_typeof(document) <> 'object' then
        'payload ' || shown(document::text) || ' is no object: pass a JSON object, for example {}'
      when payload_bytes > payload_limit then
        'payload ' || shown(left(document::text, 80)) || ' has ' || payload_bytes || ' bytes: at most ' || payload_limit ||
        ' are allowed (settings.payload_limit), store large data elsewhere and pass a reference'
      when priority between 0 and 100 then null
      when priority is null then 'priority is null: use 0 (last) to 100 (first)'
      else 'priority ' || priority || ': use 0 (last) to 100 (first)'
    end,
    case
      when scheduled_for not between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59+00' then
        'scheduled_for ' || shown(scheduled_for::text) || ': use an instant in the years 1 to 9999'
      when num_nonnulls(max_attempts, timeout_ms, expires_at, group_key, unique_key) = 0 then null
      when max_attempts not between 1 and 10000 then
        'max_attempts ' || max_attempts || ': use 1 to 10000, or null for the handler''s own'
      when timeout_ms not between 1 and 31536000000 then
        'timeout_ms ' || timeout_ms || ': use 1 to 31536000000 milliseconds (365 days), or null for the handler''s own'
      when expires_at not between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59+00' then
        'expires_at ' || shown(expires_at::text) || ': use an instant in the years 1 to 9999, or null for never'
      when expires_at <= scheduled_for then
        'expires_at ' || shown(expires_at::text) || ' is not after scheduled_for ' || shown(scheduled_for::text) ||
        ': use a later instant, or null for never'
      when group_key = '' then 'group_key is empty: use null for no group'
      when octet_length(group_key) > 500 then 'group_key ' || shown(group_key) || ' is too long: use at most 500 bytes'
      when group_key ~ '[\u0001-\u001f\u007f-\u009f]' then
        'group_key ' || shown(group_key) || ' holds control characters: leave them out'
      when unique_key = '' then 'unique_key is empty: use null for none'
      when octet_length(unique_key) > 500 then 'unique_key ' || shown(unique_key) || ' is too long: use at most 500 bytes'
      when unique_key ~ '[\u0001-\u001f\u007f-\u009f]' then
        'unique_key ' || shown(unique_key) || ' holds control characters: leave them out'
    end)
$$;
comment on function enqueue_fault is 'Why a job may not be stored; null: it may';

create function refuse(message text) returns void language plpgsql set search_path from current as $$
begin
  raise exception using errcode = '22023', message = message;
end $$;
comment on function refuse is 'Raises an error with SQLSTATE 22023';

create function json_fault(value text) returns text language plpgsql set search_path from current as $$
declare
  detail text;
begin
  perform value::jsonb;
  return null;
exception when data_exception or program_limit_exceeded then
  get stacked diagnostics detail = pg_exception_detail;
  return translate(left(concat_ws(', ', sqlerrm, nullif(detail, '')), 150), E'\n\r', '  ');
end $$;
comment on function json_fault is 'Why a text is no JSON that jsonb can hold; null: it can';

create function enqueue(job_type text, payload text default '{}', scheduled_for timestamptz default null,
                        priority bigint default 5, max_attempts bigint default null, group_key text default null,
                        unique_key text default null, timeout_ms bigint default null,
                        expires_at timestamptz default null) returns bigint
language plpgsql set search_path from current as $$
#variable_conflict use_column
declare
  job_id bigint;
  document jsonb;
  payload_limit bigint;
  fault text;
begin
  begin
    document := payload::jsonb;
  exception when data_exception or program_limit_exceeded then
    perform refuse('payload ' || shown(payload) || ' is not valid: ' || json_fault(payload) || ': pass a JSON object');
  end;
  select value::bigint into payload_limit from settings where key = 'payload_limit';
  scheduled_for := coalesce(scheduled_for, now());
  fault := enqueue_fault(job_type, document, octet_length(payload), payload_limit, scheduled_for, priority,
                         max_attempts, group_key, unique_key, timeout_ms, expires_at);
  if fault is not null then
    perform refuse(fault);
  end if;

  if unique_key is null then
    insert into job_queue (job_type, payload, scheduled_for, priority, max_attempts, group_key, timeout_ms, expires_at)
    values (job_type, payload::json, scheduled_for, priority, max_attempts, group_key, timeout_ms, expires_at)
    returning id into job_id;
    return job_id;
  end if;

  loop
    insert into job_queue (job_type, payload, scheduled_for, priority, max_attempts, group_key, unique_key, timeout_ms,
                           expires_at)
    values (job_type, payload::json, scheduled_for, priority, max_attempts, group_key, unique_key, timeout_ms,
            expires_at)
    on conflict (unique_key) where unique_key is not null and status in ('pending', 'running') do nothing
    returning id into job_id;
    if found then
      return job_id;
    end if;
    select id into job_id from job_queue
     where job_queue.unique_key = enqueue.unique_key and status in ('pending', 'running');
    if found then
      return job_id;
    end if;  -- else the other job ended in between: try again
  end loop;
end $$;

create function enqueue(job_type text, payload json, scheduled_for timestamptz default null, priority bigint default 5,
                        max_attempts bigint default null, group_key text default null, unique_key text default null,
                        timeout_ms bigint default null, expires_at timestamptz default null) returns bigint
language plpgsql set search_path from current as $$
begin
  return enqueue(job_type, payload::text, scheduled_for, priority, max_attempts, group_key, unique_key, timeout_ms,
                 expires_at);
end $$;

create function enqueue(job_type text, payload jsonb, scheduled_for timestamptz default null, priority bigint default 5,
                        max_attempts bigint default null, group_key text default null, unique_key text default null,
                        timeout_ms bigint default null, expires_at timestamptz default null) returns bigint
language plpgsql set search_path from current as $$
begin
  return enqueue(job_type, payload::text, scheduled_for, priority, max_attempts, group_key, unique_key, timeout_ms,
                 expires_at);
end $$;

comment on function enqueue(text, text, timestamptz, bigint, bigint, text, text, bigint, timestamptz) is
'Stores a job and returns its id. The payload is a JSON object and is kept byte for byte. scheduled_for null: now. '
'max_attempts and timeout_ms null: the handler''s own. Jobs with one group_key run one at a time. unique_key is unique '
'among pending and running jobs: while one holds it, its id is returned and nothing is stored or changed; once it has '
'ended, the key is free again. Bad values are refused with SQLSTATE 22023';
comment on function enqueue(text, json, timestamptz, bigint, bigint, text, text, bigint, timestamptz) is
'The same for a payload of type json';
comment on function enqueue(text, jsonb, timestamptz, bigint, bigint, text, text, bigint, timestamptz) is
'The same for a payload of type jsonb';

create function element_fault(element jsonb) returns text language sql stable as $$
  select case
    when jsonb_typeof(element) <> 'object' then shown(element::text) || ' is no object: use {"job_type": ...}'
    when element - '{job_type,payload}'::text[] = '{}' and jsonb_typeof(element -> 'job_type') = 'string' then null
    when element - '{job_type,payload,scheduled_for,priority,max_attempts,group_key,unique_key,timeout_ms,expires_at}'::text[]
         <> '{}' then
      'unknown key ' || shown((element - '{job_type,payload,scheduled_for,priority,max_attempts,group_key,unique_key,timeout_ms,expires_at}'::text[])::text) ||
      ': use job_type, payload, scheduled_for, priority, max_attempts, group_key, unique_key, timeout_ms, expires_at'
    when jsonb_typeof(element -> 'job_type') not in ('string', 'null') then
      'job_type ' || shown(element ->> 'job_type') || ' is no string: name a handler'
    when jsonb_typeof(element -> 'scheduled_for') not in ('string', 'null') then
      'scheduled_for ' || shown(element ->> 'scheduled_for') || ' is no string: use a time such as 2026-11-22T06:12:00Z'
    when jsonb_typeof(element -> 'expires_at') not in ('string', 'null') then
      'expires_at ' || shown(element ->> 'expires_at') || ' is no string: use a time such as 2026-11-22T06:12:00Z'
    when jsonb_typeof(element -> 'priority') not in ('number', 'null') then
      'priority ' || shown(element ->> 'priority') || ' is no number: use 0 (last) to 100 (first)'
    when jsonb_typeof(element -> 'max_attempts') not in ('number', 'null') then
      'max_attempts ' || shown(element ->> 'max_attempts') || ' is no number: use 1 to 10000'
    when jsonb_typeof(element -> 'timeout_ms') not in ('number', 'null') then
      'timeout_ms ' || shown(element ->> 'timeout_ms') || ' is no number: use milliseconds'
    when jsonb_typeof(element -> 'group_key') not in ('string', 'null') then
      'group_key ' || shown(element ->> 'group_key') || ' is no string: put it in quotes'
    when jsonb_typeof(element -> 'unique_key') not in ('string', 'null') then
      'unique_key ' || shown(element ->> 'unique_key') || ' is no string: put it in quotes'
  end
$$;
comment on function element_fault is 'Why an element of enqueue_many cannot be read; null: it can';

-- Finds the element to blame once it is known that there is one.
create function jobs_fault(jobs text, payload_limit bigint) returns text
language plpgsql set search_path from current as $$
declare
  job record;
  element json;
  position bigint;
  fault text;
begin
  if jobs is null then
    return 'jobs is null: pass a JSON array of objects';
  end if;
  begin
    if json_typeof(jobs::json) <> 'array' then
      return 'jobs ' || shown(jobs) || ' is no array: pass a JSON array of objects';
    end if;
  exception when data_exception or program_limit_exceeded then
    return 'jobs ' || shown(jobs) || ' is not valid: ' || json_fault(jobs) || ': pass a JSON array of objects';
  end;
  for element, position in
    select value, ordinality - 1 from json_array_elements(jobs::json) with ordinality
  loop
    fault := json_fault(element::text);
    if fault is not null then
      return 'jobs[' || position || ']: ' || shown(element::text) || ' is not valid: ' || fault || ': correct this element';
    end if;
    fault := element_fault(element::jsonb);
    if fault is null then
      begin
        select * into job
          from json_to_record(element)
               as (job_type text, payload json, scheduled_for timestamptz, priority bigint, max_attempts bigint,
                   group_key text, unique_key text, timeout_ms bigint, expires_at timestamptz);
        fault := enqueue_fault(job.job_type,
                               case when element::jsonb ? 'payload' then job.payload::jsonb else '{}' end,
                               octet_length(job.payload::text), payload_limit, coalesce(job.scheduled_for, now()),
                               case when element::jsonb ? 'priority' then job.priority else 5 end,
                               job.max_attempts, job.group_key, job.unique_key, job.timeout_ms, job.expires_at);
      exception when data_exception then
        fault := left(sqlerrm, 150) || ': use whole numbers, and times such as 2026-11-22T06:12:00Z';
      end;
    end if;
    if fault is not null then
      return 'jobs[' || position || ']: ' || fault;
    end if;
  end loop;
  return null;
end $$;
comment on function jobs_fault is 'Why enqueue_many may not store these jobs, naming the first bad element; null: it may';

create function enqueue_many(jobs text) returns table (id bigint, inserted boolean)
language plpgsql set search_path from current as $$
#variable_conflict use_column
declare
  payload_limit bigint := (select value::bigint from settings where key = 'payload_limit');
  ids bigint[];
  fresh boolean[];
  keys text[];
  fault text;
begin
  loop
    begin
      with element as materialized (
        select ordinality, nextval('job_queue_id_seq') as id, job_type,
               coalesce(payload, '{}') as payload, coalesce(scheduled_for, now()) as scheduled_for,
               coalesce(priority, 5) as priority, max_attempts, group_key, unique_key, timeout_ms, expires_at
          from rows from (json_to_recordset(jobs::json)
                            as (job_type text, payload json, scheduled_for timestamptz, priority bigint,
                                max_attempts bigint, group_key text, unique_key text, timeout_ms bigint,
                                expires_at timestamptz),
                          jsonb_array_elements(jobs::jsonb)) with ordinality
               as e (job_type, payload, scheduled_for, priority, max_attempts, group_key, unique_key, timeout_ms,
                     expires_at, document, ordinality)
         where element_fault(document) is null
           and enqueue_fault(job_type, case when document ? 'payload' then document -> 'payload' else '{}' end,
                             octet_length(payload::text), payload_limit, coalesce(scheduled_for, now()),
                             case when document ? 'priority' then priority else 5 end,
                             max_attempts, group_key, unique_key, timeout_ms, expires_at) is null
      ), plain as (
        insert into job_queue (id, job_type, payload, scheduled_for, priority, max_attempts, group_key, timeout_ms,
                               expires_at)
        select id, job_type, payload, scheduled_for, priority, max_attempts, group_key, timeout_ms, expires_at
          from element where unique_key is null
      ), keyed as (  -- in the order of the keys, so that two callers with the same keys cannot deadlock
        insert into job_queue (id, job_type, payload, scheduled_for, priority, max_attempts, group_key, unique_key,
                               timeout_ms, expires_at)
        select id, job_type, payload, scheduled_for, priority, max_attempts, group_key, unique_key, timeout_ms,
               expires_at
          from element where unique_key is not null order by unique_key, ordinality
        on conflict (unique_key) where unique_key is not null and status in ('pending', 'running') do nothing
        returning id
      )
      select array_agg(id), array_agg(unique_key), array_agg(fresh) into ids, keys, fresh
        from (select id, unique_key, unique_key is null or id in (select id from keyed) as fresh
                from element order by ordinality) as stored;
      if false = any (fresh) then
        select array_agg(case when mine.fresh then mine.id else other.id end order by mine.ordinality) into ids
          from unnest(ids, fresh, keys) with ordinality as mine (id, fresh, unique_key, ordinality)
          left join job_queue other
            on not mine.fresh and other.unique_key = mine.unique_key and other.status in ('pending', 'running');
      end if;
      exit when array_position(ids, null) is null;
      raise exception using errcode = 'SC001', message = 'a job that held a unique_key ended in between';
    exception
      when sqlstate 'SC001' then  -- undone to the last row, so that the order of the keys still holds: try again
      when data_exception or program_limit_exceeded then
        fault := jobs_fault(jobs, payload_limit);
        if fault is null then
          raise;
        end if;
        perform refuse(fault);
    end;
  end loop;
  if coalesce(cardinality(ids), 0) is distinct from json_array_length(jobs::json) then
    perform refuse(jobs_fault(jobs, payload_limit));
  end if;
  return query select * from unnest(ids, fresh);
end $$;

create function enqueue_many(jobs json) returns table (id bigint, inserted boolean)
language sql set search_path from current as 'select * from enqueue_many(jobs::text)';

create function enqueue_many(jobs jsonb) returns table (id bigint, inserted boolean)
language sql set search_path from current as 'select * from enqueue_many(jobs::text)';

comment on function enqueue_many(text) is
'Stores many jobs at once, all or none: an array of objects whose keys are the parameters of enqueue. One row per element, '
'in order; inserted is false where a pending or running job, or an earlier element, already holds the unique_key, and '
'id is then the id of that job. Bad values are refused with SQLSTATE 22023 and the index of the element';
comment on function enqueue_many(json) is 'The same for jobs of type json';
comment on function enqueue_many(jsonb) is 'The same for jobs of type jsonb';

create function cancel(job_id bigint, reason text default null) returns text
language plpgsql set search_path from current as $$
declare
  job job_queue;
begin
  if job_id is null then
    perform refuse('job_id is null: name a job');
  end if;
  if octet_length(reason) > 1000 then
    perform refuse('reason ' || shown(reason) || ' is too long: use at most 1000 bytes');
  end if;
  select * into job from job_queue where id = job_id for update;
  if not found then
    perform refuse('there is no job ' || job_id || ' in the queue');
  end if;
  if job.status not in ('pending', 'running') then
    perform refuse('job ' || job_id || ' is ' || job.status || ': only pending and running jobs can be cancelled');
  end if;

  -- A running job is ended by its worker; the first one to ask is the one whose reason counts.
  update job_queue
     set status = case job.status when 'pending' then 'cancelled' else 'running' end,
         cancel_requested_at = coalesce(cancel_requested_at, now()),
         cancel_requested_by = coalesce(cancel_requested_by, session_user),
         cancel_reason = case when cancel_requested_at is null then reason else cancel_reason end,
         updated_at = now()
   where id = job_id;
  if job.status = 'pending' then
    insert into job_executions (id, job_queue_id, job_definition_id, finished_at, job_scheduled_for, job_created_at, slot,
                                attempt, priority, status, job_type, error_class, error_message, group_key, unique_key,
                                payload)
    values (nextval('execution_ids'), job_id, job.definition_id, clock_timestamp(), job.scheduled_for, job.created_at,
            job.slot, job.attempts, job.priority, 'cancelled', job.job_type, 'cancelled',
            'cancelled by ' || session_user || coalesce(': ' || reason, ''), job.group_key, job.unique_key, job.payload);
  end if;
  insert into audit_log (who, action, job_id, detail)
  values (session_user, 'cancel', cancel.job_id, jsonb_build_object('reason', reason, 'status', job.status));
  return case job.status when 'pending' then 'cancelled' else 'running' end;
end $$;
comment on function cancel is
'Cancels a job: a pending one at once, a running one as soon as its worker sees the request. Returns the status after the '
'call, cancelled or running. Dead and unknown jobs are refused with SQLSTATE 22023';

create function retry(job_id bigint) returns bigint
language plpgsql set search_path from current as $$
declare
  job job_queue;
  base integer;
begin
  if job_id is null then
    perform refuse('job_id is null: name a job');
  end if;
  select * into job from job_queue where id = job_id for update;
  if not found then
    perform refuse('there is no job ' || job_id || ' in the queue');
  end if;
  if job.status not in ('failed', 'timeout', 'cancelled') then
    perform refuse('job ' || job_id || ' is ' || job.status || ': only failed, timeout and cancelled jobs can be retried');
  end if;

  -- What was granted or used so far; interruptions may have let attempts pass max_attempts.
  base := greatest(job.attempts, job.max_attempts);
  begin
    update job_queue
       set status = 'pending', scheduled_for = now(), attempts_base = base,
           max_attempts = base + max_attempts - attempts_base,
           interruptions = 0, snoozes = 0, expires_at = case when expires_at > now() then expires_at end,
           cancel_requested_at = null, cancel_requested_by = null, cancel_reason = null, updated_at = now()
     where id = job_id;
  exception when unique_violation then
    perform refuse('job ' || job_id || ' cannot be retried: another pending or running job holds its unique_key ' ||
                   shown(job.unique_key) || ': retry when that job has ended');
  end;
  insert into audit_log (who, action, job_id, detail)
  values (session_user, 'retry', retry.job_id,
          jsonb_build_object('status', job.status, 'attempts', job.attempts, 'max_attempts', job.max_attempts));
  return job_id;
end $$;
comment on function retry is
'Sends a dead job back to the queue, due now. Attempts go on, max_attempts grows by its original, interruptions and snoozes '
'become 0, an expiry that has passed is dropped. Refused with SQLSTATE 22023 unless the job is failed, timeout or '
'cancelled, and while another pending or running job holds its unique_key';

revoke all on function
  shown, enqueue_fault, refuse, json_fault, element_fault, jobs_fault, cancel, retry,
  enqueue(text, text, timestamptz, bigint, bigint, text, text, bigint, timestamptz),
  enqueue(text, json, timestamptz, bigint, bigint, text, text, bigint, timestamptz),
  enqueue(text, jsonb, timestamptz, bigint, bigint, text, text, bigint, timestamptz),
  enqueue_many(text), enqueue_many(json), enqueue_many(jsonb)
  from public;
