-- The roles of an installation, as `migrate --roles` prints them, behind a search_path at the schema, for which SCHEMA stands
-- where a name is needed. Run twice it changes nothing.
do $$
declare
  role text;
begin
  foreach role in array array['schedctl_owner', 'schedctl_worker', 'schedctl_producer', 'schedctl_viewer'] loop
    if not exists (select from pg_roles where rolname = role) then
      execute format('create role %I nologin', role);
    end if;
  end loop;
end $$;
comment on role schedctl_owner is 'Runs schedctl migrate: owns the schema and all in it. Everyday work needs no member of it';
comment on role schedctl_worker is 'Runs schedctl process and what people do by hand: claims, records, cancels, pauses. No DDL';
comment on role schedctl_producer is 'Enqueues, cancels and retries by the functions; reads and writes no table of jobs';
comment on role schedctl_viewer is 'Reads everything but payloads; for those: grant select (payload) on the tables and on jobs';

do $$
begin
  execute format('grant create on database %I to schedctl_owner', current_database());
end $$;

-- So that what the functions do with the rights of their owner is not done as a superuser.
do $$
declare
  owned record;
begin
  for owned in
    select case relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end as kind, oid::regclass::text as name
      from pg_class c
     where relnamespace = quote_ident(current_schema())::regnamespace and relkind in ('r', 'v', 'S')
       and not exists (select from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass
                          and d.deptype = 'i' and c.relkind = 'S')
    union all
    select 'function', oid::regprocedure::text from pg_proc where pronamespace = quote_ident(current_schema())::regnamespace
  loop
    execute format('alter %s %s owner to schedctl_owner', owned.kind, owned.name);
  end loop;
end $$;
alter schema SCHEMA owner to schedctl_owner;

revoke all on schema SCHEMA from public;
revoke all on all tables in schema SCHEMA from public;
revoke all on all sequences in schema SCHEMA from public;
revoke all on all functions in schema SCHEMA from public;

grant usage on schema SCHEMA to schedctl_worker, schedctl_producer, schedctl_viewer;
grant select on schema_migrations, settings to schedctl_worker, schedctl_producer, schedctl_viewer;

grant select, insert, update, delete
   on job_queue, job_executions, job_logs, workers, hosts, job_definitions,
      declarations
   to schedctl_worker;
grant select on jobs, executions, definitions, current_pause, audit_log to schedctl_worker;
grant usage on all sequences in schema SCHEMA to schedctl_worker;
grant execute on all functions in schema SCHEMA to schedctl_worker;

grant execute
   on function enqueue(text, text, timestamptz, bigint, bigint, text, text, bigint, timestamptz),
               enqueue(text, json, timestamptz, bigint, bigint, text, text, bigint, timestamptz),
               enqueue(text, jsonb, timestamptz, bigint, bigint, text, text, bigint, timestamptz),
               enqueue_many(text), enqueue_many(json), enqueue_many(jsonb),
               cancel(bigint, text), retry(bigint)
   to schedctl_producer;

grant select on workers, hosts, declarations, audit_log, job_logs, current_pause,
                executions, definitions
   to schedctl_viewer;
do $$
declare
  source record;
begin
  for source in
    select attrelid::regclass as name, string_agg(quote_ident(attname), ', ') as columns
      from pg_attribute
     where attrelid in ('job_queue'::regclass, 'job_executions'::regclass, 'job_definitions'::regclass,
                        'jobs'::regclass)
       and attnum > 0 and not attisdropped and attname <> 'payload'
     group by attrelid
  loop
    execute format('grant select (%s) on %s to schedctl_viewer', source.columns, source.name);
  end loop;
end $$;
