-- What other programs read of definitions, in place of the table, whose columns are the planner's.

create view definitions as
select d.id, d.name, d.description, d.handler, d.schedule, d.timezone, d.written, d.priority, now.state,
       now.state = 'paused' as paused,
       case when now.state = 'paused' then d.paused_since end as paused_since,
       case when now.state = 'paused' then d.paused_until end as paused_until,
       case when now.state = 'paused' then d.pause_reason end as pause_reason,
       case when now.state = 'paused' then d.paused_by end as paused_by,
       case when now.state in ('active', 'waiting') then d.next_run_at end as next_run_at,
       d.last_slot, d.waiting_since, last.status as last_status, last.finished_at as last_finished_at,
       last.error_message as last_error_message,
       array(select host from declarations x where x.definition = d.name order by host) as hosts,
       array(select host from declarations x where x.definition = d.name and x.hash <> d.hash order by host) as differing_hosts,
       d.created_at, d.updated_at
  from job_definitions d
 cross join lateral (
   select case when d.is_active and d.paused_since is not null and coalesce(d.paused_until > now(), true) then 'paused'
               when d.is_active and d.waiting_since is not null then 'waiting'
               when d.is_active then 'active'
               when exists (select from declarations x where x.definition = d.name) then 'disabled'
               else 'retired' end as state) as now
  left join lateral (
   select status, finished_at, error_message from job_executions e
    where e.job_definition_id = d.id and e.job_queue_id is not null
    order by e.id desc limit 1) as last on true;
comment on view definitions is
'Definitions: when each runs next and how its last attempt ended. state: active, waiting (for dependencies), paused, disabled '
'(declared with enabled = false), retired (no host declares it). differing_hosts declare something else than what is in force';
