-- Definitions become jobs. All that a host needs to plan what another one declares is in the row.

alter table job_definitions
  add column hash text,
  add column written jsonb,
  add column waiting_since timestamptz,
  add column look_at timestamptz,
  add column used_until timestamptz;
alter table job_definitions
  add column due_at timestamptz generated always as (
    case when is_active and written is not null and next_run_at is not null
         then greatest(next_run_at, look_at,
                       case when paused_since is not null then coalesce(paused_until, 'infinity') end) end) stored;
comment on column job_definitions.is_active is 'It is planned: a host declares it, and does not disable it';
comment on column job_definitions.schedule is 'As written, for people; null: it is only run by hand';
comment on column job_definitions.hash is 'Of the declaration in force: the one that was changed last';
comment on column job_definitions.written is 'The keys of the schedule, which the planner reads';
comment on column job_definitions.last_slot is 'All slots up to this one are accounted for: each became a job, or one skipped execution stands for it';
comment on column job_definitions.next_run_at is 'The first slot that is not; null: there is none';
comment on column job_definitions.paused_until is 'With paused_since. One that has passed is a pause of which the planner has not yet accounted for the slots';
comment on column job_definitions.waiting_since is 'next_run_at has come and waits for dependencies';
comment on column job_definitions.look_at is 'The planner need not look before';
comment on column job_definitions.used_until is 'A clock was ahead: slots up to this one may have had their jobs already';
comment on column job_definitions.due_at is 'When the planner has to look';
create index job_definitions_due on job_definitions (due_at) where due_at is not null;
create index job_definitions_waiting on job_definitions (id) where waiting_since is not null;

-- What a host has handed over last, so that an unchanged file costs nothing; and the boot it ran under.
alter table hosts
  add column definitions_hash text not null default '',
  add column boot_id text;

-- Overlap looks for the unfinished jobs of a definition. A job without one is turned away by the first test.
create index job_queue_definition on job_queue (definition_id)
  where definition_id is not null and status in ('pending', 'running');
-- Attempts only: a slot that never became a job is not a run.
drop index job_executions_definition;
create index job_executions_definition on job_executions (job_definition_id, id)
  where job_definition_id is not null and job_queue_id is not null;

create function pause_fault(until timestamptz, reason text) returns text language sql stable set search_path from current as $$
  select case
    when until <= now() then
      'until ' || shown(until::text) || ' is over: use a later instant, or null for no end'
    when until > '9999-12-31 23:59:59+00' then
      'until ' || shown(until::text) || ': use an instant up to the year 9999, or null for no end'
    when octet_length(reason) > 1000 then 'reason ' || shown(reason) || ' is too long: use at most 1000 bytes'
  end
$$;
comment on function pause_fault is 'Why a pause may not be; null: it may';

-- A pause of everything that is over is one of each definition that was due in it: its next planning accounts for both in
-- one way.
create function leave_pause(since timestamptz, until timestamptz) returns void
language sql security definer set search_path from current as $$
  update job_definitions d
     set paused_since = least(d.paused_since, since),
         paused_until = case when d.paused_since is null then until
                             when d.paused_until is null or d.paused_until > until then d.paused_until
                             else until end,
         waiting_since = null, look_at = null
   where is_active and next_run_at <= until
$$;
comment on function leave_pause is 'What was due in a pause of everything is not caught up';

create function end_expired_pause(at timestamptz) returns boolean
language plpgsql security definer set search_path from current as $$
declare
  ended settings;
begin
  delete from settings
   where key = 'paused' and case when key = 'paused' then (value::json ->> 'until')::timestamptz <= at end
  returning * into ended;
  if ended.key is null then
    return false;
  end if;
  perform leave_pause(coalesce((ended.value::json ->> 'since')::timestamptz, ended.updated_at),
                      (ended.value::json ->> 'until')::timestamptz);
  return true;
end $$;
comment on function end_expired_pause is 'Ends the pause of everything if its time is over';

create or replace function pause(until timestamptz default null, reason text default null) returns timestamptz
language plpgsql security definer set search_path from current as $$
declare
  fault text := pause_fault(until, reason);
  since timestamptz;
begin
  if fault is not null then
    perform refuse(fault);
  end if;
  perform end_expired_pause(now());
  since := coalesce((select paused_since from current_pause), now());
  insert into settings (key, value)
  values ('paused', jsonb_build_object('since', since, 'until', until, 'reason', reason, 'by', session_user)::text)
  on conflict (key) do update set value = excluded.value, updated_at = now();
  insert into audit_log (who, action, detail)
  values (session_user, 'pause', jsonb_build_object('since', since, 'until', until, 'reason', reason));
  return since;
end $$;
comment on function pause is
'Stops all planning and claiming on all hosts, until then or until resume(). Jobs that run go on, and jobs can be enqueued. '
'Slots that fall into it are not caught up. Called again it replaces until and reason. Returns since when the installation '
'is paused. Bad values are refused with SQLSTATE 22023';

create or replace function resume() returns boolean language plpgsql security definer set search_path from current as $$
declare
  ended settings;
begin
  perform end_expired_pause(now());
  delete from settings where key = 'paused' returning * into ended;
  if ended.key is null then
    return false;
  end if;
  perform leave_pause(coalesce((ended.value::json ->> 'since')::timestamptz, ended.updated_at), now());
  insert into audit_log (who, action, detail) values (session_user, 'resume', ended.value::jsonb);
  return true;
end $$;

create function pause_definition(name text, until timestamptz default null, reason text default null)
returns timestamptz language plpgsql security definer set search_path from current as $$
declare
  fault text := pause_fault(until, reason);
  definition job_definitions;
  since timestamptz;
begin
  if fault is not null then
    perform refuse(fault);
  end if;
  select * into definition from job_definitions d where d.name = pause_definition.name for no key update;
  if not found then
    perform refuse('there is no definition ' || coalesce(shown(name), 'null'));
  end if;
  -- One that is over, but not accounted for, goes on.
  since := case when definition.paused_until > now() or definition.next_run_at <= definition.paused_until
                  or definition.paused_until is null
                then definition.paused_since end;
  since := coalesce(since, now());
  update job_definitions
     set paused_since = since, paused_until = until, pause_reason = reason, paused_by = session_user,
         waiting_since = null, look_at = null
   where id = definition.id;
  insert into audit_log (who, action, detail)
  values (session_user, 'pause', jsonb_build_object('definition', name, 'since', since, 'until', until, 'reason', reason));
  return since;
end $$;
comment on function pause_definition is
'Stops the planning of one definition, until then or until resume_definition(). Its jobs that wait or run go on, and it can '
'be run by hand. Slots that fall into it are not caught up. Called again it replaces until and reason. Returns since when it '
'is paused. Unknown names and bad values are refused with SQLSTATE 22023';

create function resume_definition(name text) returns boolean
language plpgsql security definer set search_path from current as $$
declare
  definition job_definitions;
  missed boolean;
begin
  select * into definition from job_definitions d where d.name = resume_definition.name for no key update;
  if not found then
    perform refuse('there is no definition ' || coalesce(shown(name), 'null'));
  end if;
  if definition.paused_since is null or definition.paused_until <= now() then
    return false;
  end if;
  missed := coalesce(definition.next_run_at <= now(), false);
  update job_definitions
     set paused_since = case when missed then paused_since end, paused_until = case when missed then now() end,
         pause_reason = null, paused_by = null
   where id = definition.id;
  insert into audit_log (who, action, detail)
  values (session_user, 'resume',
          jsonb_build_object('definition', name, 'since', definition.paused_since, 'until', definition.paused_until,
                             'reason', definition.pause_reason, 'by', definition.paused_by));
  return true;
end $$;
comment on function resume_definition is
'Ends the pause of one definition. Returns false when there was none. Unknown names are refused with SQLSTATE 22023';

create function run_definition(name text, payload text default null) returns bigint
language plpgsql security definer set search_path from current as $$
declare
  definition job_definitions;
  document jsonb;
  fault text;
  job_id bigint;
begin
  select * into definition from job_definitions d where d.name = run_definition.name;
  if not found then
    perform refuse('there is no definition ' || coalesce(shown(name), 'null'));
  end if;
  if not exists (select from declarations d where d.definition = run_definition.name) then
    perform refuse('definition ' || shown(name) || ' is declared by no host any more');
  end if;
  payload := coalesce(payload, definition.payload::text);
  begin
    document := payload::jsonb;
  exception when data_exception or program_limit_exceeded then
    perform refuse('payload ' || shown(payload) || ' is not valid: ' || json_fault(payload) || ': pass a JSON object');
  end;
  fault := enqueue_fault(definition.handler, document, octet_length(payload),
                         (select value::bigint from settings where key = 'payload_limit'), now(), definition.priority,
                         null, null, null, null, null);
  if fault is not null then
    perform refuse(fault);
  end if;
  insert into job_queue (job_type, priority, payload, max_attempts, timeout_ms, group_key, definition_id, limited)
  values (definition.handler, definition.priority, payload::json, definition.max_retries + 1, definition.timeout_ms,
          definition.policies ->> 'group', definition.id, definition.concurrency_limit is not null)
  returning id into job_id;
  insert into audit_log (who, action, job_id, detail)
  values (session_user, 'run', job_id, jsonb_build_object('definition', name));
  return job_id;
end $$;
comment on function run_definition is
'Makes one job of a definition, due now, with this payload or its own, whatever its schedule, overlap and pause say; its '
'concurrency_limit holds. Returns the job''s id. Unknown names and bad values are refused with SQLSTATE 22023';

revoke all on function pause_fault, leave_pause, end_expired_pause, pause_definition, resume_definition, run_definition
  from public;
