-- Runs that linger hear at once of what they may claim. NOTIFY takes a lock of the whole cluster at commit, so nothing is
-- sent unless somebody lingers. PostgreSQL collapses what one transaction sends, so a statement costs one notification.

alter table workers add column lingers boolean not null default false;
comment on column workers.lingers is 'It listens: whoever enqueues sends a notification';

-- Notifications belong to a database, which may hold several installations.
create function job_channel() returns text language sql stable set search_path from current as
'select ''schedctl_'' || md5(current_schema())';
comment on function job_channel is 'Where runs that linger hear that there are jobs; the payload is empty';

create function listen_for_jobs(worker bigint) returns void language plpgsql set search_path from current as $$
begin
  update workers set lingers = true where id = worker;
  execute format('listen %I', job_channel());
end $$;
comment on function listen_for_jobs is 'From the commit on, this session, of this worker, hears of every job that is enqueued';

create function unlisten_for_jobs(worker bigint) returns void language plpgsql set search_path from current as $$
begin
  update workers set lingers = false where id = worker;
  execute format('unlisten %I', job_channel());
end $$;
comment on function unlisten_for_jobs is 'The opposite of listen_for_jobs';

-- With the rights of the owner: who may insert jobs need not be allowed to read workers.
create function notify_lingering_runs() returns trigger language plpgsql security definer set search_path from current as $$
begin
  if exists (select from workers where lingers) then
    perform pg_notify(job_channel(), '');
  end if;
  return null;
end $$;
comment on function notify_lingering_runs is 'Tells runs that linger to look into the queue';

create trigger job_queue_enqueued after insert on job_queue
  for each statement execute function notify_lingering_runs();
-- What people do that lets jobs be claimed.
create trigger audit_log_released after insert on audit_log
  for each row when (new.action in ('retry', 'resume')) execute function notify_lingering_runs();

revoke all on function job_channel, listen_for_jobs, unlisten_for_jobs, notify_lingering_runs from public;
