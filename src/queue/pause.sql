-- Pause everything; the rules are those of the function.
--   $1 until timestamptz   $2 or so many milliseconds from now bigint   $3 reason text
-- The columns of current_pause, which this statement cannot see yet.
select pause(until => request.until, reason => $3::text) as paused_since, request.until as paused_until,
       $3::text as pause_reason, session_user as paused_by
  from (select coalesce($1::timestamptz, now() + $2::bigint * interval '1 millisecond') as until) as request
