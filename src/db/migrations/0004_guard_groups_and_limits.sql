-- Groups and limits. Jobs that must not run beside certain others are claimed by a statement of their own under one lock,
-- those that were cut off before one at a time, in case they are what kills their workers. Each class of claims stands
-- apart in the index, so that the fast path sees nothing but its own.

alter table job_queue add column limited boolean not null default false;
comment on column job_queue.limited is
  'A concurrency_limit counts this job: of its definition, from its making; of its handler, from its first claim';
alter table job_queue add column claim_class smallint not null
  generated always as (case when interruptions > 0 then 2 when group_key is not null or limited then 1 else 0 end) stored;
comment on column job_queue.claim_class is '0 open: may run beside any other, 1 guarded: in a group or limited, 2 interrupted';

-- What every claim checks anew is kept short, in constraints and in the predicates of indexes: the cheap tests come first.
do $$
declare
  name text;
begin
  for name in select conname from pg_constraint where conrelid = 'job_queue'::regclass and contype = 'c' loop
    execute format('alter table job_queue drop constraint %I', name);
  end loop;
end $$;
alter table job_queue
  add constraint job_queue_state check (
    case when locked_by is null then claim_token is null and status in ('pending', 'failed', 'timeout', 'cancelled')
         else claim_token is not null and status = 'running' end),
  add constraint job_queue_values check (
    attempts >= 0 and priority between 0 and 100 and max_attempts > 0 and timeout_ms > 0);

drop index job_queue_due, job_queue_interrupted, job_queue_running, job_queue_dead;
create index job_queue_due on job_queue (job_type, claim_class, priority desc, scheduled_for, id) where status = 'pending';
create index job_queue_running on job_queue (locked_by) where locked_by is not null;
create index job_queue_dead on job_queue (updated_at) where locked_by is null and status <> 'pending';
-- A lane holds the jobs that wait for each other: a group, or a limited definition. The claim hops from lane to lane
-- where one lane's jobs fill the front of the line.
create index job_queue_lanes
  on job_queue (job_type, priority desc, (coalesce('group ' || group_key, 'definition ' || definition_id, '')),
                scheduled_for, id)
  where claim_class = 1 and status = 'pending';
-- At most one job of a group runs, whoever claims it. Versions before this one did not see to that.
do $$
declare
  busy text := (select group_key from job_queue where group_key is not null and locked_by is not null
                 group by group_key having count(*) > 1 limit 1);
begin
  if busy is not null then
    raise exception using errcode = '55000', message =
      'two jobs of group ' || to_json(busy) || ' are running: wait until they have ended, or end them with the version that '
      || 'started them (schedctl cleanup-stuck), then migrate again';
  end if;
end $$;
create unique index job_queue_group on job_queue (group_key) where group_key is not null and locked_by is not null;
create index job_queue_limited on job_queue (job_type, definition_id) where limited and locked_by is not null;
