-- All definitions, by name. No parameters.
-- Returns the plain columns for people, and json: the columns of the view definitions but written, as one object.
select d.*, array_to_string(d.differing_hosts, ', ') as differing, row_to_json(shown)::text as json
  from definitions d
 cross join lateral (
   select d.id, d.name, d.description, d.handler, d.schedule, d.timezone, d.priority, d.state, d.paused,
          to_char(d.paused_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as paused_since,
          to_char(d.paused_until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as paused_until,
          d.pause_reason, d.paused_by,
          to_char(d.next_run_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as next_run_at,
          to_char(d.last_slot at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as last_slot,
          to_char(d.waiting_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as waiting_since,
          d.last_status,
          to_char(d.last_finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as last_finished_at,
          d.last_error_message, d.hosts, d.differing_hosts,
          to_char(d.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at,
          to_char(d.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as updated_at) as shown
 order by d.name
