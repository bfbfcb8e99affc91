-- What the user of this session needs for "schedctl process" and has not; as in roles.sql.
select distinct verb || ' on ' || name as missing
  from (values ('job_queue'), ('job_executions'), ('job_logs'), ('workers'), ('hosts'), ('job_definitions'),
               ('declarations')) as tables (name)
       cross join (values ('select'), ('insert'), ('update'), ('delete')) as verbs (verb)
 where not has_table_privilege(name, verb)
union all
select 'select on ' || name
  from (values ('jobs'), ('executions'), ('current_pause'), ('audit_log'), ('settings'), ('schema_migrations'))
       as readable (name)
 where not has_table_privilege(name, 'select')
union all
select 'usage on sequence ' || c.relname from pg_class c
 where c.relnamespace = quote_ident(current_schema())::regnamespace
   and case when c.relkind = 'S' then not has_sequence_privilege(c.oid, 'usage') end
union all
select distinct 'execute on function ' || p.proname from pg_proc p
 where p.pronamespace = quote_ident(current_schema())::regnamespace and not has_function_privilege(p.oid, 'execute')
 order by 1
