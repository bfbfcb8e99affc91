-- A pause of the whole installation: while it holds, runs claim nothing. It is one row of settings, so that it is seen
-- whole or not at all.

delete from settings where key = 'paused';  -- not written by any version before this one

create view current_pause as
select coalesce((pause ->> 'since')::timestamptz, updated_at) as paused_since,
       (pause ->> 'until')::timestamptz as paused_until,
       pause ->> 'reason' as pause_reason,
       pause ->> 'by' as paused_by
  -- The offset keeps the cast away from the other settings, which are no JSON.
  from (select value::json as pause, updated_at from settings where key = 'paused' offset 0) as setting
 where coalesce((pause ->> 'until')::timestamptz > now(), true);
comment on view current_pause is 'The pause that holds now; no row: none. One whose end has passed does not hold';

create function pause(until timestamptz default null, reason text default null) returns timestamptz
language plpgsql set search_path from current as $$
declare
  since timestamptz := coalesce((select paused_since from current_pause), now());
begin
  if until <= now() then
    perform refuse('until ' || shown(until::text) || ' is over: use a later instant, or null for no end');
  end if;
  if until > '9999-12-31 23:59:59+00' then
    perform refuse('until ' || shown(until::text) || ': use an instant up to the year 9999, or null for no end');
  end if;
  if octet_length(reason) > 1000 then
    perform refuse('reason ' || shown(reason) || ' is too long: use at most 1000 bytes');
  end if;
  insert into settings (key, value)
  values ('paused', jsonb_build_object('since', since, 'until', until, 'reason', reason, 'by', session_user)::text)
  on conflict (key) do update set value = excluded.value, updated_at = now();
  insert into audit_log (who, action, detail)
  values (session_user, 'pause', jsonb_build_object('since', since, 'until', until, 'reason', reason));
  return since;
end $$;
comment on function pause is
'Stops all claiming on all hosts, until then or until resume(). Jobs that run go on, and jobs can be enqueued. Called again '
'it replaces until and reason. Returns since when the installation is paused. Bad values are refused with SQLSTATE 22023';

create function resume() returns boolean language plpgsql set search_path from current as $$
declare
  held boolean := exists (select from current_pause);
  ended text;
begin
  delete from settings where key = 'paused' returning value into ended;
  if ended is null or not held then
    return false;
  end if;
  insert into audit_log (who, action, detail) values (session_user, 'resume', ended::jsonb);
  return true;
end $$;
comment on function resume is 'Ends the pause. Returns false when there was none';

revoke all on function pause, resume from public;
